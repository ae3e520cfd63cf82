"""Edits of payments and memberships: repaired, renewed, cheaper, bought again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median

from engine.explain.words import written
from engine.types import Words
from engine.whatif.edit import ID, YESTERDAY, Edit, Possible, before
from engine.whatif.history import Change, History, Row

RENEWABLE = timedelta(days=90)
"""A term that ends sooner, or ended later than that ago, may be renewed."""

RENEWAL_FAILED = timedelta(days=30)
"""A payment that failed so near to the end of a term was its renewal."""

FAR = datetime.max


def payment_repaired(history: History, possible: Possible) -> Edit | None:
    attempts = [row for row in history.payments if row["status"] in ("failed", "succeeded")]
    if not attempts or attempts[-1]["status"] != "failed":
        return None
    failed = attempts[-1]
    payment = {**failed, **_paid(history.cutoff, "payment_repaired"), "status": "succeeded"}
    rows: dict[str, tuple[Row, ...]] = {"payments": (payment,)}
    term = newest_term(history)
    renewal = (
        term is not None
        and before(term["ends_at"], history.cutoff)
        and abs(term["ends_at"] - failed["occurred_at"]) <= RENEWAL_FAILED
    )
    if term is not None and renewal:
        rows["subscriptions"] = (_next_term(term, history.cutoff, term["price"]),)
    amount = _money(failed["amount"], possible)
    words = Words(
        f"失败的支付（{amount.zh}）补付成功", f"The failed payment ({amount.en}) goes through"
    )
    if renewal:
        words = Words(f"{words.zh}，会员继续", f"{words.en} and the membership goes on")
    return Edit(
        "payment_repaired",
        "term" if renewal else "payment",
        words,
        Change(rows),
        frozenset({"payment_failure"}),
    )


def purchase(history: History, possible: Possible) -> Edit | None:
    bought = _succeeded(history)
    if not bought or not (possible.rule.kind == "no_payment" or _sells_singly(possible)):
        return None
    last, amount = bought[-1], median(row["amount"] for row in bought)
    payment = {**last, **_paid(history.cutoff, "purchase"), "amount": amount, "coupon_code": None}
    told = _money(amount, possible)
    return Edit(
        "purchase",
        "purchase",
        Words(f"再买一次，如其平时（{told.zh}）", f"One more purchase as usual ({told.en})"),
        Change({"payments": (payment,)}),
        frozenset({"history", "fading_use"}),
    )


def _paid(cutoff: datetime, what: str) -> Row:
    moment = cutoff - YESTERDAY
    return {"payment_id": f"{ID}:{what}", "occurred_at": moment, "known_at": moment}


def _money(amount: float, possible: Possible) -> Words:
    zh, en = (written(amount, "money", one, possible.currency) for one in ("zh", "en"))
    return Words(zh, en)


def _succeeded(history: History) -> list[Row]:
    return [row for row in history.payments if row["status"] == "succeeded"]


def _sells_singly(possible: Possible) -> bool:
    return "payments" in possible.facts and "subscriptions" not in possible.facts


def newest_term(history: History) -> Row | None:
    """The term that ends last, as the features choose it."""
    ordered = sorted(history.subscriptions, key=lambda row: str(row["subscription_id"]))
    return max(ordered, key=lambda row: (row["ends_at"] or FAR, row["started_at"]), default=None)


def renewal_on(history: History, possible: Possible) -> Edit | None:
    term = newest_term(history)
    if term is None or before(term["ends_at"], history.cutoff):
        return None
    cancelled = before(term["cancelled_at"], history.cutoff)
    if not cancelled and term["auto_renew"] is not False:
        return None
    words = (
        Words("撤回取消，恢复自动续费", "The cancellation is taken back: the membership renews")
        if cancelled
        else Words("打开自动续费", "Automatic renewal is switched on")
    )
    put = {**term, "auto_renew": True, "cancelled_at": None}
    return Edit(
        "renewal_on",
        "term",
        words,
        Change({"subscriptions": (put,)}),
        frozenset({"term_ending"}),
    )


def term_renewed(history: History, possible: Possible) -> Edit | None:
    term = _renewable(history)
    if term is None:
        return None
    words = Words("按原价续一期会员", "The membership is renewed for one term at the same price")
    return Edit(
        "term_renewed",
        "term",
        words,
        _renewed(history, possible, term, term["price"], coupon=False),
        frozenset({"term_ending"}),
    )


def lower_price(history: History, possible: Possible) -> Edit | None:
    percent = possible.percent
    if not percent:
        return None
    term, bought = _renewable(history), _succeeded(history)
    if term is not None and term["price"]:
        price = round(term["price"] * (1 - percent / 100), 2)
        change = _renewed(history, possible, term, price, coupon=True)
        zh, en = "续一期会员", "The membership is renewed for one term"
    elif bought and _sells_singly(possible):
        price = round(median(row["amount"] for row in bought) * (1 - percent / 100), 2)
        payment = {
            **bought[-1],
            **_paid(history.cutoff, "lower_price"),
            "amount": price,
            "coupon_code": ID,
        }
        change = Change({"payments": (payment,)})
        zh, en = "再买一次", "One more purchase"
    else:
        return None
    told = _money(price, possible)
    return Edit(
        "lower_price",
        "term" if "subscriptions" in change.rows else "purchase",
        Words(f"以 {percent:g}% 的优惠{zh}（{told.zh}）", f"{en} at {percent:g} % off ({told.en})"),
        change,
        frozenset({"price"}),
        offer=True,
    )


def _renewable(history: History) -> Row | None:
    term = newest_term(history)
    if term is None or term["ends_at"] is None:
        return None
    return term if abs(term["ends_at"] - history.cutoff) <= RENEWABLE else None


def _renewed(
    history: History, possible: Possible, term: Row, price: float | None, *, coupon: bool
) -> Change:
    rows: dict[str, tuple[Row, ...]] = {"subscriptions": (_next_term(term, history.cutoff, price),)}
    if price and "payments" in possible.facts:
        before = _payment_of(history.payments, term)
        rows["payments"] = (
            {
                "user_id": "",
                **_paid(history.cutoff, "renewal"),
                "amount": price,
                "currency": before.get("currency", possible.currency),
                "status": "succeeded",
                "product": before.get("product", term["plan"]),
                "coupon_code": ID if coupon and "payments:coupon" in possible.facts else None,
            },
        )
    return Change(rows)


def _payment_of(payments: Sequence[Row], term: Row) -> Mapping[str, object]:
    """The payment that lies nearest to the term's beginning; empty: the user never paid."""
    paid = [row for row in payments if row["status"] == "succeeded"]
    return min(paid, key=lambda row: abs(row["occurred_at"] - term["started_at"]), default={})


def _next_term(term: Row, cutoff: datetime, price: float | None) -> Row:
    """One term more of the same length: from yesterday, up to where the two reach together."""
    started = cutoff - YESTERDAY
    length = term["ends_at"] - term["started_at"]
    return {
        **term,
        "subscription_id": f"{ID}:term",
        "started_at": started,
        "ends_at": max(started, term["ends_at"]) + length,
        "cancelled_at": None,
        "price": price,
        "known_at": started,
        "trial": None if term["trial"] is None else False,
        "paused_at": None,
        "resumes_at": None,
    }

"""Edits: offered where there is room for them, in the user's own manner, never after the cutoff."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.data.contract import KEYS, contract
from engine.timeline import ChurnRule
from engine.whatif.edit import Possible, UsualKind
from engine.whatif.history import NO_CHANGE, Change, History
from engine.whatif.offered import offered, pairs
from engine.whatif.payments import newest_term

CUTOFF = datetime(2026, 3, 1)
EVERYTHING = frozenset(
    {
        "events", "events:finished", "payments", "payments:coupon", "subscriptions",
        "messages:resolved",
    }
)  # fmt: skip
POSSIBLE = Possible(
    rule=ChurnRule("inactive", horizon_days=28),
    facts=EVERYTHING,
    currency="CNY",
    percent=20.0,
    usual=(
        UsualKind("login_failed", None, None, False),
        UsualKind("app_open", 30.0, None, False),
        UsualKind("lesson_finished", 900.0, 1.0, True),
    ),
    next_content=("c9", "Nine {lives} [b]"),
)
NOBODY = History(CUTOFF, {"user_id": "u"}, (), (), (), ())


def row(table: str, **values: Any) -> dict[str, Any]:
    """A row of the contract; what is not said is missing."""
    return {column.name: None for column in contract()[table].columns} | values


def ago(days: float) -> datetime:
    return CUTOFF - timedelta(days=days)


def event(days: float, kind: str = "lesson_started", content: str | None = "c1") -> dict[str, Any]:
    moment = ago(days)
    return row("events", event_id=f"e{days}", occurred_at=moment, known_at=moment, kind=kind,
               content_id=content, duration_s=60.0)  # fmt: skip


def term(**values: Any) -> dict[str, Any]:
    usual = {
        "subscription_id": "s1", "plan": "monthly", "started_at": ago(20), "ends_at": ago(-10),
        "price": 30.0, "known_at": ago(20), "auto_renew": True,
    }  # fmt: skip
    return row("subscriptions", **(usual | values))


def payment(days: float, status: str = "succeeded", **values: Any) -> dict[str, Any]:
    usual = {"payment_id": f"p{days}", "occurred_at": ago(days), "known_at": ago(days),
             "amount": 30.0, "status": status, "product": "monthly"}  # fmt: skip
    return row("payments", **(usual | values))


def codes(history: History, possible: Possible = POSSIBLE) -> dict[str, Change]:
    return {edit.code: edit.change for edit in offered(history, possible)}


FULL = replace(
    NOBODY,
    events=(event(40), event(33.1), event(33), event(5, "cancel_page_viewed", None)),
    payments=(payment(20), payment(4, "failed")),
    subscriptions=(term(cancelled_at=ago(3)),),
    messages=(
        row("messages", message_id="m1", occurred_at=ago(0.5), known_at=ago(0.4), channel="ticket"),
        row("messages", message_id="m2", occurred_at=ago(30), known_at=ago(30), channel="ticket",
            resolved_at=ago(29)),
    ),
)  # fmt: skip


def test_everything_is_offered_to_whom_everything_happened() -> None:
    assert set(codes(FULL)) == {
        "two_visits", "content_finished", "tickets_solved", "payment_repaired", "renewal_on",
        "term_renewed", "lower_price",
    }  # fmt: skip


def test_every_row_of_an_edit_was_known_before_the_cutoff_and_keeps_the_contract() -> None:
    for history in (FULL, NOBODY, replace(FULL, subscriptions=())):
        for edit in offered(history, POSSIBLE):
            assert edit.words.zh
            assert edit.words.en
            for table, rows in edit.change.rows.items():
                (key,) = KEYS[table]
                assert len({one[key] for one in rows}) == len(rows)
                happened = contract()[table].happened
                for one in rows:
                    assert set(one) >= {column.name for column in contract()[table].columns}
                    assert one["known_at"] < CUTOFF
                    assert one[happened] < CUTOFF
                    assert one.get("resolved_at") is None or (
                        one["occurred_at"] < one["resolved_at"] < CUTOFF
                    )


def test_a_user_without_rows_is_offered_a_visit_of_the_usual_kind_and_a_content() -> None:
    found = codes(NOBODY)
    assert set(found) == {"two_visits", "content_finished"}
    visits = found["two_visits"].rows["events"]
    assert [one["kind"] for one in visits] == ["app_open", "app_open"]
    assert len({one["occurred_at"].date() for one in visits}) == 2
    (finished,) = found["content_finished"].rows["events"]
    assert (finished["kind"], finished["content_id"]) == ("lesson_finished", "c9")


def test_a_visit_is_the_users_own_middle_day_without_what_is_unpleasant() -> None:
    days = (*(event(10 + part / 10) for part in range(1, 4)), event(20), event(30.2), event(30.4))
    # Days with three, one and two events: the middle one has two.
    visits = codes(replace(NOBODY, events=days))["two_visits"].rows["events"]
    assert len(visits) == 4
    unpleasant = replace(NOBODY, events=(event(3, "login_failed", None),))
    assert {one["kind"] for one in codes(unpleasant)["two_visits"].rows["events"]} == {"app_open"}


def test_one_event_is_enough_to_go_by() -> None:
    found = codes(replace(NOBODY, events=(event(2),)))
    assert [one["content_id"] for one in found["two_visits"].rows["events"]] == ["c1", "c1"]
    assert found["content_finished"].rows["events"][0]["content_id"] == "c1"  # it was begun


def test_only_open_tickets_are_solved() -> None:
    assert [one["message_id"] for one in codes(FULL)["tickets_solved"].rows["messages"]] == ["m1"]
    assert "tickets_solved" not in codes(replace(FULL, messages=FULL.messages[1:]))


@pytest.mark.parametrize(
    ("own", "offered_too"),
    [
        ({}, {"term_renewed", "lower_price"}),
        ({"cancelled_at": ago(3)}, {"renewal_on", "term_renewed", "lower_price"}),
        ({"auto_renew": False}, {"renewal_on", "term_renewed", "lower_price"}),
        ({"auto_renew": False, "ends_at": ago(5)}, {"term_renewed", "lower_price"}),
        ({"price": None}, {"term_renewed"}),
        ({"price": 0.0}, {"term_renewed"}),
        ({"ends_at": None}, set()),
        ({"ends_at": ago(-300)}, set()),
        ({"ends_at": ago(200), "started_at": ago(230)}, set()),
    ],
)
def test_what_a_term_leaves_room_for(own: dict[str, Any], offered_too: set[str]) -> None:
    history = replace(NOBODY, subscriptions=(term(**own),))
    assert set(codes(history)) - {"two_visits", "content_finished"} == offered_too


def test_a_renewed_term_goes_on_where_the_old_one_ends_and_costs_the_same() -> None:
    rows = codes(FULL)["term_renewed"].rows
    (renewed,), (paid,) = rows["subscriptions"], rows["payments"]
    assert renewed["ends_at"] == FULL.subscriptions[0]["ends_at"] + timedelta(days=30)
    assert (renewed["price"], paid["amount"], paid["product"]) == (30.0, 30.0, "monthly")
    cheaper = codes(FULL)["lower_price"].rows
    assert cheaper["subscriptions"][0]["price"] == cheaper["payments"][0]["amount"] == 24.0
    assert cheaper["payments"][0]["coupon_code"]


def test_a_renewal_that_failed_renews_when_it_is_paid() -> None:
    over = replace(FULL, subscriptions=(term(ends_at=ago(4)),))
    assert set(codes(over)["payment_repaired"].rows) == {"payments", "subscriptions"}
    assert set(codes(FULL)["payment_repaired"].rows) == {"payments"}
    succeeded = replace(FULL, payments=(*FULL.payments, payment(1)))
    assert "payment_repaired" not in codes(succeeded)


def test_a_purchase_is_offered_where_purchases_count() -> None:
    counted = replace(POSSIBLE, rule=ChurnRule("no_payment", horizon_days=28))
    assert "purchase" in codes(FULL, counted)
    assert "purchase" not in codes(NOBODY, counted)
    shop = replace(POSSIBLE, facts=frozenset({"payments"}))
    assert set(codes(replace(NOBODY, payments=(payment(9),)), shop)) == {"purchase", "lower_price"}


def test_no_discount_where_the_settings_allow_none() -> None:
    assert "lower_price" not in codes(FULL, replace(POSSIBLE, percent=0.0))


def test_a_pair_is_of_two_purposes() -> None:
    for one, other in pairs(offered(FULL, POSSIBLE)):
        assert one.purpose != other.purpose


def test_a_row_that_both_put_is_the_others() -> None:
    one = Change({"events": (event(1, "a"), event(2, "a"))})
    both = one.with_other(Change({"events": (event(2, "b"),)}))
    assert sorted(row["kind"] for row in both.rows["events"]) == ["a", "b"]
    assert one.with_other(NO_CHANGE).rows == one.rows


def test_the_newest_term_is_the_one_that_ends_last() -> None:
    early, late = term(), term(subscription_id="s2", ends_at=ago(-20), started_at=ago(25))
    forever = term(subscription_id="s3", ends_at=None)
    assert newest_term(NOBODY) is None
    assert newest_term(replace(NOBODY, subscriptions=(late, early))) == late
    assert newest_term(replace(NOBODY, subscriptions=(late, forever, early))) == forever

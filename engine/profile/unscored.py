"""Why a user has no risk: what the churn rule asks for and this user does not meet."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING

from engine.features.attributes.schema import timeless
from engine.timeline import ChurnRule
from engine.types import Words

if TYPE_CHECKING:
    import duckdb

NOT_YET = Words(
    "还没有评过分：请先运行 `retention score`", "Nobody is scored yet: run `retention score`"
)
_TIMELESS = Words(
    "数据里已写明这位用户的去留，不再评分",
    "The data already say that this user has left: nothing is left to predict",
)
_UNLABELLED = Words(
    "数据没有为这位用户给出这一天的标签", "The data give no label for this user on that day"
)
_OTHERWISE = Words(
    "评分时不符合流失规则的条件，或是评分之后才载入的用户：重新运行 `retention score` 可再看一次",
    "Not among those whom the churn rule speaks of, or loaded since: run `retention score` again",
)


def why_unscored(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime, user_id: str
) -> Words:
    """The sentence about a user whom the scoring at `cutoff` left out, by the data loaded now."""
    if timeless(connection):
        return _TIMELESS
    record = connection.execute(
        (resources.files("engine.profile") / "last_seen.sql").read_text("utf-8"),
        {
            "user_id": user_id,
            "cutoff": cutoff,
            "kinds": list(rule.kinds),
            "statuses": list(rule.statuses),
        },
    ).fetchone()
    assert record is not None
    signed_up_at, last_event_at, last_payment_at, payments, membership_ends_at = record
    if signed_up_at is not None and signed_up_at >= cutoff:
        return Words(
            f"{_day(signed_up_at)} 才注册，晚于 {_day(cutoff)} 的评分",
            f"Signed up on {_day(signed_up_at)}, after the scoring of {_day(cutoff)}",
        )
    if rule.kind == "inactive":
        found = _too_long_ago(rule, cutoff, last_event_at, "活动", "activity", "Last active")
    elif rule.kind == "no_payment":
        found = _too_long_ago(rule, cutoff, last_payment_at, "付款", "payment", "Last paid")
    elif rule.kind == "lapsed":
        found = _no_membership(cutoff, membership_ends_at)
    else:
        found = _UNLABELLED
    return found or _too_new(rule, cutoff, signed_up_at, payments) or _OTHERWISE


def _too_long_ago(
    rule: ChurnRule, cutoff: datetime, last_at: datetime | None, zh: str, en: str, last: str
) -> Words | None:
    days = rule.active_within_days
    asked = Words(f"只为此前 {days} 天内有{zh}的用户评分", f"only the last {days} days count")
    if last_at is None:
        return Words(
            f"到 {_day(cutoff)} 评分时没有任何{zh}记录；{asked.zh}",
            f"No {en} is known before the scoring of {_day(cutoff)}; {asked.en}",
        )
    if last_at >= cutoff - timedelta(days=days):
        return None
    ago = (cutoff - last_at).days
    return Words(
        f"到 {_day(cutoff)} 评分时，最近一次{zh}在 {ago} 天前；{asked.zh}",
        f"{last} {ago} days before the scoring of {_day(cutoff)}; {asked.en}",
    )


def _no_membership(cutoff: datetime, ends_at: datetime | None) -> Words | None:
    if ends_at is None:
        return Words(
            f"到 {_day(cutoff)} 评分时没有会员记录；只为会员有效的用户评分",
            f"No membership is known before the scoring of {_day(cutoff)}; only members are scored",
        )
    if ends_at > cutoff:
        return None
    return Words(
        f"会员已于 {_day(ends_at)} 到期；只为 {_day(cutoff)} 时会员有效的用户评分",
        f"Membership ended on {_day(ends_at)}; only members of {_day(cutoff)} are scored",
    )


def _too_new(
    rule: ChurnRule, cutoff: datetime, signed_up_at: datetime | None, payments: int
) -> Words | None:
    days, least = rule.minimum_history_days, rule.minimum_payments
    if days and signed_up_at is not None and signed_up_at > cutoff - timedelta(days=days):
        return Words(
            f"{_day(signed_up_at)} 注册；注册满 {days} 天后才评分",
            f"Signed up on {_day(signed_up_at)}; users are scored {days} days after that",
        )
    if payments < least:
        return Words(
            f"已知付款 {payments} 次；满 {least} 次后才评分",
            f"Payments known: {payments}; users are scored from {least} on",
        )
    return None


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"

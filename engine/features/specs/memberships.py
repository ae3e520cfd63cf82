"""Memberships so far: terms, changes of plan, times away, trials and pauses."""

from __future__ import annotations

from typing import Literal

from engine.features.spec import DAY_S, FeatureSpec, days_since, words
from engine.types import Words

_GROUP = "history"
_OVER = "known_subscriptions"
_TERMS = ("subscriptions",)
_CHANGE = "plan <> last_plan"
# A week without a term: shorter gaps are late renewals.
_AWAY = f"away_s > {7 * DAY_S}"
_PER_DAY_THEN = "CAST(last_price_u AS DOUBLE) * CAST(term_s AS DOUBLE)"
_PER_DAY_NOW = "CAST(price_u AS DOUBLE) * CAST(last_term_s AS DOUBLE)"


def _count(
    name: str,
    condition: str,
    direction: Literal[-1, 0, 1],
    label: Words,
    sentence: Words,
    needs: tuple[str, ...],
) -> FeatureSpec:
    return FeatureSpec(
        name,
        _GROUP,
        _OVER,
        f"count(*) FILTER (WHERE {condition})" if condition else "count(*)",
        "count",
        direction,
        False,
        label,
        sentence,
        needs,
        absent=0,
    )


SPECS: tuple[FeatureSpec, ...] = (
    _count(
        "terms",
        "",
        -1,
        Words("累计会员期数", "terms so far"),
        words("累计开通会员期数：{value}", "Membership terms so far: {value}"),
        _TERMS,
    ),
    FeatureSpec(
        "days_since_first_term",
        _GROUP,
        _OVER,
        days_since("max(started_age_s)"),
        "days",
        -1,
        False,
        Words("首次开通会员至今天数", "days since first membership"),
        words("首次开通会员至今 {value}", "Time since the first membership: {value}"),
        _TERMS,
    ),
    FeatureSpec(
        "member_days",
        _GROUP,
        _OVER,
        days_since("CAST(sum(least(started_age_s, coalesce(term_s, started_age_s))) AS BIGINT)"),
        "days",
        -1,
        False,
        Words("累计会员天数", "days of membership so far"),
        words("累计会员时长 {value}", "Membership so far, all terms together: {value}"),
        _TERMS,
    ),
    _count(
        "plan_changes",
        _CHANGE,
        0,
        Words("更换套餐次数", "changes of plan"),
        words("更换套餐的次数：{value}", "Changes of plan so far: {value}"),
        ("subscriptions:plan",),
    ),
    _count(
        "upgrades",
        f"{_CHANGE} AND {_PER_DAY_NOW} > {_PER_DAY_THEN}",
        -1,
        Words("换到更贵套餐次数", "changes to a dearer plan"),
        words(
            "换到日均价更贵的套餐的次数：{value}",
            "Changes to a plan with a higher price per day: {value}",
        ),
        ("subscriptions:plan", "subscriptions:price"),
    ),
    _count(
        "downgrades",
        f"{_CHANGE} AND {_PER_DAY_NOW} < {_PER_DAY_THEN}",
        0,
        Words("换到更便宜套餐次数", "changes to a cheaper plan"),
        words(
            "换到日均价更便宜的套餐的次数：{value}",
            "Changes to a plan with a lower price per day: {value}",
        ),
        ("subscriptions:plan", "subscriptions:price"),
    ),
    FeatureSpec(
        "days_since_plan_change",
        _GROUP,
        _OVER,
        days_since(f"min(started_age_s) FILTER (WHERE {_CHANGE})"),
        "days",
        0,
        False,
        Words("距上次更换套餐天数", "days since change of plan"),
        words("距上次更换套餐 {value}", "Time since the last change of plan: {value}"),
        ("subscriptions:plan",),
    ),
    _count(
        "returns",
        _AWAY,
        1,
        Words("中断后回来次数", "times come back"),
        words(
            "会员中断一周以上又回来的次数：{value}",
            "Times come back after a week or more without a membership: {value}",
        ),
        _TERMS,
    ),
    _count(
        "cancellations",
        "cancelled_age_s IS NOT NULL",
        1,
        Words("累计取消次数", "cancellations so far"),
        words("累计取消续费的次数：{value}", "Cancellations so far: {value}"),
        ("subscriptions:cancelled",),
    ),
    _count(
        "trials",
        "trial",
        0,
        Words("累计试用次数", "trials so far"),
        words("累计试用的次数：{value}", "Trials so far: {value}"),
        ("subscriptions:trial",),
    ),
    FeatureSpec(
        "days_since_trial_converted",
        _GROUP,
        _OVER,
        days_since("min(started_age_s) FILTER (WHERE last_trial AND NOT trial)"),
        "days",
        -1,
        False,
        Words("试用转正至今天数", "days since a trial was converted"),
        words("试用转为付费至今 {value}", "Time since a trial became a paid term: {value}"),
        ("subscriptions:trial",),
    ),
    _count(
        "pauses",
        "paused_age_s IS NOT NULL",
        1,
        Words("累计暂停次数", "pauses so far"),
        words("累计暂停会员的次数：{value}", "Pauses of the membership so far: {value}"),
        ("subscriptions:paused",),
    ),
    FeatureSpec(
        "paused_days",
        _GROUP,
        _OVER,
        days_since("coalesce(sum(paused_age_s - coalesce(resumed_age_s, 0)), 0)"),
        "days",
        1,
        False,
        Words("累计暂停天数", "days paused so far"),
        words("累计暂停会员 {value}", "Time paused so far: {value}"),
        ("subscriptions:paused",),
        absent=0,
    ),
)

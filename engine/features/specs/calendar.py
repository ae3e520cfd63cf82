"""The calendar: the season at the cutoff, and what followed the same date a year ago."""

from __future__ import annotations

from engine.features.spec import DAY_S, FeatureSpec, between, ratio, words
from engine.types import Words

_GROUP = "calendar"
_YEAR_TURN = (
    "CAST(2 AS DOUBLE) * pi() * CAST(day_of_year AS DOUBLE) / (CAST(36525 AS DOUBLE) / 100)"
)
_SEASON = Words("一年中的这个时节，对所有用户都一样", "The time of the year, the same for everyone")
"""Half of a circle says nothing to a reader: its number stays out of the sentence."""

SPECS: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "season_sine",
        _GROUP,
        "calendar",
        f"sin({_YEAR_TURN})",
        "number",
        0,
        False,
        Words("季节（正弦）", "season (sine)"),
        _SEASON,
        trend=False,
    ),
    FeatureSpec(
        "season_cosine",
        _GROUP,
        "calendar",
        f"cos({_YEAR_TURN})",
        "number",
        0,
        False,
        Words("季节（余弦）", "season (cosine)"),
        _SEASON,
        trend=False,
    ),
    FeatureSpec(
        "week_day",
        _GROUP,
        "calendar",
        "week_day",
        "number",
        0,
        False,
        Words("星期几", "day of the week"),
        Words("评分当天是星期几，对所有用户都一样", "The day of the week, the same for everyone"),
        trend=False,
    ),
    FeatureSpec(
        "events_year_ago_28d",
        _GROUP,
        "known_events",
        f"CASE WHEN max(age_s) > {365 * DAY_S} "
        f"THEN count(*) FILTER (WHERE {between(337, 365)}) END",
        "count",
        -1,
        False,
        Words("去年此后28天行为次数", "actions in the same 28 days a year ago"),
        words(
            "去年同一天之后 28 天里的行为次数：{value}",
            "Actions in the coming 28 days, a year ago: {value}",
        ),
        ("events:year",),
        trend=False,
    ),
    FeatureSpec(
        "orders_year_ago_90d",
        _GROUP,
        "payment_days",
        "CASE WHEN max(day) >= 365 THEN count(*) FILTER (WHERE day >= 275 AND day < 365) END",
        "count",
        -1,
        False,
        Words("去年此后90天付款天数", "days with a payment in the same 90 days a year ago"),
        words(
            "去年同一天之后 90 天里有付款的天数：{value}",
            "Days with a payment in the coming 90 days, a year ago: {value}",
        ),
        ("payments:year",),
        trend=False,
    ),
    FeatureSpec(
        "base_orders_season",
        _GROUP,
        "peers",
        ratio(
            "sum(orders_year_ago_90d) OVER ()",
            "sum(CASE WHEN orders_year_ago_90d IS NOT NULL THEN orders_90d END) OVER ()",
        ),
        "ratio",
        -1,
        False,
        Words("全体去年此后90天与近90天付款之比", "payments of all in the coming season"),
        words(
            "全体用户去年同一天之后 90 天的付款次数是近 90 天的 {value}",
            "All users' payments in these 90 days a year ago against now: {value}",
        ),
        ("payments:year",),
        trend=False,
    ),
)

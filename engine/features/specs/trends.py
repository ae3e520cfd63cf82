"""Trends: a short window against a longer one of the same user, 1 = as before."""

from __future__ import annotations

from engine.features.spec import FeatureSpec, ratio, summed, words
from engine.types import Words

_GROUP = "fading_use"


def _trend(
    name: str, numerator: str, denominator: str, label: Words, zh: str, en: str, need: str
) -> FeatureSpec:
    return FeatureSpec(
        name,
        _GROUP,
        "user",
        ratio(numerator, denominator),
        "ratio",
        -1,
        True,
        label,
        words(zh, en),
        (need,),
        trend=False,
    )


SPECS: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "minutes_trend",
        _GROUP,
        "event_days",
        ratio(f"{summed('duration_ms', 28)} * 2", summed("duration_ms", 84, newer_days=28)),
        "ratio",
        -1,
        True,
        Words("使用时长变化", "change in time spent"),
        words(
            "最近 28 天的使用时长是此前 8 周水平的 {value}",
            "Time spent in the last 28 days against the 8 weeks before: {value}",
        ),
        ("events:duration",),
        trend=False,
    ),
    FeatureSpec(
        "activity_trend",
        _GROUP,
        "active_days",
        ratio(
            "count(*) FILTER (WHERE day < 28) * 2", "count(*) FILTER (WHERE day >= 28 AND day < 84)"
        ),
        "ratio",
        -1,
        True,
        Words("活跃度变化（月）", "activity trend over months"),
        words(
            "最近 28 天的活跃天数是此前 8 周水平的 {value}",
            "Active days in the last 28 days against the 8 weeks before: {value}",
        ),
        ("events",),
        trend=False,
    ),
    _trend(
        "activity_trend_days",
        "active_days_3d * 14",
        "active_days_14d * 3",
        Words("活跃度变化（日）", "activity trend over days"),
        "最近 3 天的活跃天数是近两周水平的 {value}",
        "Active days in the last 3 days against the last 2 weeks: {value}",
        "events",
    ),
    _trend(
        "activity_trend_week",
        "active_days_7d * 4",
        "active_days_28d",
        Words("活跃度变化（周）", "activity trend over weeks"),
        "最近 7 天的活跃天数是近 4 周水平的 {value}",
        "Active days in the last week against the last 4 weeks: {value}",
        "events",
    ),
    _trend(
        "activity_trend_quarter",
        "active_days_90d",
        "(active_days_180d - active_days_90d)",
        Words("活跃度变化（季）", "activity trend over quarters"),
        "近 90 天的活跃天数是此前 90 天的 {value}",
        "Active days in the last 90 days against the 90 before: {value}",
        "events",
    ),
    _trend(
        "events_trend_week",
        "events_7d * 4",
        "events_28d",
        Words("行为次数变化（周）", "trend of actions over weeks"),
        "最近 7 天的行为次数是近 4 周水平的 {value}",
        "Actions in the last week against the last 4 weeks: {value}",
        "events",
    ),
    _trend(
        "events_trend",
        "events_28d * 90",
        "events_90d * 28",
        Words("行为次数变化（月）", "trend of actions over months"),
        "最近 28 天的行为次数是近 90 天水平的 {value}",
        "Actions in the last 28 days against the last 90: {value}",
        "events",
    ),
    _trend(
        "learning_trend_week",
        "learning_7d * 4",
        "learning_28d",
        Words("学习次数变化（周）", "trend of learning over weeks"),
        "最近 7 天的学习次数是近 4 周水平的 {value}",
        "Learning in the last week against the last 4 weeks: {value}",
        "events:learning",
    ),
    _trend(
        "learning_trend",
        "learning_28d * 90",
        "learning_90d * 28",
        Words("学习次数变化（月）", "trend of learning over months"),
        "最近 28 天的学习次数是近 90 天水平的 {value}",
        "Learning in the last 28 days against the last 90: {value}",
        "events:learning",
    ),
    _trend(
        "minutes_trend_week",
        "minutes_7d * 4",
        "minutes_28d",
        Words("使用时长变化（周）", "trend of time spent over weeks"),
        "最近 7 天的使用时长是近 4 周水平的 {value}",
        "Time spent in the last week against the last 4 weeks: {value}",
        "events:duration",
    ),
    _trend(
        "intensity_trend",
        "events_28d * active_days_90d",
        "events_90d * active_days_28d",
        Words("每活跃日行为次数变化", "trend of actions per active day"),
        "最近 28 天每个活跃日的行为次数是近 90 天的 {value}",
        "Actions per active day in the last 28 days against the last 90: {value}",
        "events",
    ),
    _trend(
        "session_length_trend",
        "(minutes_28d * CAST(active_days_90d AS DOUBLE))",
        "(minutes_90d * CAST(active_days_28d AS DOUBLE))",
        Words("每活跃日时长变化", "trend of time spent per active day"),
        "最近 28 天每个活跃日的时长是近 90 天的 {value}",
        "Time spent per active day in the last 28 days against the last 90: {value}",
        "events:duration",
    ),
)

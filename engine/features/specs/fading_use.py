"""Use that fades: recency, windows, trends, and silence measured against the user's own rhythm."""

from __future__ import annotations

from engine.features.spec import (
    LEARNING,
    WARM,
    FeatureSpec,
    between,
    days_since,
    one_of,
    ratio,
    within,
    words,
)
from engine.types import Words

_GROUP = "fading_use"
_LEARNS = one_of("kind", LEARNING)


def _active_days(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"active_days_{days}d",
        _GROUP,
        "active_days",
        f"count(*) FILTER (WHERE day < {days})",
        "count",
        -1,
        True,
        Words(f"近{days}天活跃天数", f"active days in {days} days"),
        words(
            f"最近 {days} 天里活跃了 {{value}} 天",
            f"Active days in the last {days} days: {{value}}",
        ),
        ("events",),
        absent=0,
    )


def _events(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"events_{days}d",
        _GROUP,
        "recent_events",
        f"count(*) FILTER (WHERE {within(days)})",
        "count",
        -1,
        True,
        Words(f"近{days}天行为次数", f"actions in {days} days"),
        words(
            f"最近 {days} 天的行为次数：{{value}}", f"Actions in the last {days} days: {{value}}"
        ),
        ("events",),
        absent=0,
    )


SPECS: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "days_since_activity",
        _GROUP,
        "known_events",
        days_since("min(age_s)"),
        "days",
        1,
        True,
        Words("距上次活动天数", "days since last activity"),
        words("已 {value} 没有任何活动", "No activity for {value}"),
        ("events",),
    ),
    FeatureSpec(
        "days_since_learning",
        _GROUP,
        "known_events",
        days_since(f"min(age_s) FILTER (WHERE {_LEARNS})"),
        "days",
        1,
        True,
        Words("距上次学习天数", "days since last learning"),
        words("已 {value} 没有学习", "Nothing learned for {value}"),
        ("events:learning",),
    ),
    _events(7),
    _events(28),
    _active_days(7),
    _active_days(28),
    _active_days(90),
    FeatureSpec(
        "learning_28d",
        _GROUP,
        "recent_events",
        f"count(*) FILTER (WHERE {_LEARNS} AND {within(28)})",
        "count",
        -1,
        True,
        Words("近28天学习次数", "learning actions in 28 days"),
        words("最近 28 天的学习次数：{value}", "Learning actions in the last 28 days: {value}"),
        ("events:learning",),
        absent=0,
    ),
    FeatureSpec(
        "minutes_28d",
        _GROUP,
        "recent_events",
        ratio(f"coalesce(sum(duration_ms) FILTER (WHERE {within(28)}), 0)", 60_000),
        "minutes",
        -1,
        True,
        Words("近28天使用时长", "time spent in 28 days"),
        words("最近 28 天的使用时长：{value}", "Time spent in the last 28 days: {value}"),
        ("events:duration",),
        absent=0,
    ),
    FeatureSpec(
        "minutes_trend",
        _GROUP,
        "recent_events",
        ratio(
            f"coalesce(sum(duration_ms) FILTER (WHERE {within(28)}), 0) * 2",
            f"coalesce(sum(duration_ms) FILTER (WHERE {between(28, 84)}), 0)",
        ),
        "ratio",
        -1,
        True,
        Words("使用时长变化", "change in time spent"),
        words(
            "最近 28 天的使用时长是此前 8 周水平的 {value}",
            "Time spent in the last 28 days against the 8 weeks before: {value}",
        ),
        ("events:duration",),
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
    ),
    FeatureSpec(
        "activity_trend_week",
        _GROUP,
        "active_days",
        ratio("count(*) FILTER (WHERE day < 7) * 4", "count(*) FILTER (WHERE day < 28)"),
        "ratio",
        -1,
        True,
        Words("活跃度变化（周）", "activity trend over weeks"),
        words(
            "最近 7 天的活跃天数是近 4 周水平的 {value}",
            "Active days in the last week against the last 4 weeks: {value}",
        ),
        ("events",),
    ),
    FeatureSpec(
        "median_gap_days",
        _GROUP,
        "active_days",
        "median(gap_days)",
        "days",
        0,
        False,
        Words("平时活动间隔", "usual gap between visits"),
        words("平时每隔 {value} 来一次", "Usual gap between visits: {value}"),
        ("events",),
    ),
    FeatureSpec(
        "longest_gap_days",
        _GROUP,
        "active_days",
        "max(gap_days)",
        "days",
        0,
        False,
        Words("近半年最长间隔", "longest gap in half a year"),
        words("近半年里最长离开过 {value}", "Longest gap in the last half-year: {value}"),
        ("events",),
    ),
    FeatureSpec(
        "longer_gaps_share",
        _GROUP,
        "active_days",
        # How often this user has come back from a silence as long as the present one.
        ratio("count(*) FILTER (WHERE gap_days > silent_days)", "count(gap_days)"),
        "share",
        -1,
        True,
        Words("历史间隔不短于本次沉默的占比", "share of own gaps as long as this silence"),
        words(
            "以往的间隔里不短于这次沉默的占比：{value}",
            "Share of earlier gaps at least as long as the present silence: {value}",
        ),
        ("events",),
    ),
    FeatureSpec(
        "mean_activity_age_28d",
        _GROUP,
        "active_days",
        ratio(
            "CAST(sum(day) FILTER (WHERE day < 28) AS BIGINT)", "count(*) FILTER (WHERE day < 28)"
        ),
        "days",
        1,
        True,
        Words("近28天活跃日平均距今", "mean age of active days in 28 days"),
        words(
            "近 28 天的活跃日平均在 {value} 前",
            "Active days of the last 28 days lie on average {value} back",
        ),
        ("events",),
    ),
    FeatureSpec(
        "warm_actions_28d",
        _GROUP,
        "recent_events",
        f"count(*) FILTER (WHERE {one_of('kind', WARM)} AND {within(28)})",
        "count",
        -1,
        True,
        Words("近28天互动次数", "notes, favourites and shares in 28 days"),
        words(
            "最近 28 天收藏、笔记、分享、直播的次数：{value}",
            "Notes, favourites, shares and live sessions in the last 28 days: {value}",
        ),
        ("events:warm",),
        absent=0,
    ),
    FeatureSpec(
        "silence_ratio",
        _GROUP,
        "user",
        ratio("days_since_activity", "median_gap_days"),
        "ratio",
        1,
        True,
        Words("沉默时长与平时间隔之比", "silence against own rhythm"),
        words(
            "这次沉默的时长是平时间隔的 {value}",
            "The present silence against the usual gap: {value}",
        ),
        ("events",),
    ),
    FeatureSpec(
        "silence_vs_longest",
        _GROUP,
        "user",
        ratio("days_since_activity", "longest_gap_days"),
        "ratio",
        1,
        True,
        Words("沉默时长与最长间隔之比", "silence against longest gap"),
        words(
            "这次沉默的时长是近半年最长间隔的 {value}",
            "The present silence against the longest gap of the half-year: {value}",
        ),
        ("events",),
    ),
)

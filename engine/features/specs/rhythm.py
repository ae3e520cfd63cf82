"""A user's own rhythm: gaps between visits, silence against them, streaks, days and hours."""

from __future__ import annotations

from engine.features.spec import FeatureSpec, ratio, summed, words
from engine.types import Words

_GROUP = "fading_use"


def _active_weeks(weeks: int) -> FeatureSpec:
    week = "CAST(floor(CAST(day AS DOUBLE) / CAST(7 AS DOUBLE)) AS INTEGER)"
    return FeatureSpec(
        f"active_weeks_{weeks}w",
        _GROUP,
        "active_days",
        # One bit a week: a distinct count without a second group-by.
        f"bit_count(bit_or(CAST(1 AS BIGINT) << {week}) FILTER (WHERE day < {weeks * 7}))",
        "count",
        -1,
        True,
        Words(f"近{weeks}周活跃周数", f"active weeks of {weeks}"),
        words(
            f"最近 {weeks} 周里有活动的周数：{{value}}",
            f"Weeks with any activity out of the last {weeks}: {{value}}",
        ),
        ("events",),
        absent=0,
    )


def _silence(name: str, against: str, label: Words, zh: str, en: str) -> FeatureSpec:
    return FeatureSpec(
        name,
        _GROUP,
        "user",
        ratio("days_since_activity", against),
        "ratio",
        1,
        True,
        label,
        words(f"这次沉默的时长是{zh}的 {{value}}", f"The present silence against {en}: {{value}}"),
        ("events",),
    )


SPECS: tuple[FeatureSpec, ...] = (
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
        "mean_gap_days_28d",
        _GROUP,
        "active_days",
        ratio(
            "CAST(sum(gap_days) FILTER (WHERE day < 28) AS BIGINT)",
            "count(gap_days) FILTER (WHERE day < 28)",
        ),
        "days",
        1,
        True,
        Words("近28天平均活动间隔", "average gap between visits in 28 days"),
        words(
            "近 28 天平均每隔 {value} 来一次",
            "Average gap between visits over the last 28 days: {value}",
        ),
        ("events",),
    ),
    FeatureSpec(
        "mean_gap_days_90d",
        _GROUP,
        "active_days",
        ratio(
            "CAST(sum(gap_days) FILTER (WHERE day < 90) AS BIGINT)",
            "count(gap_days) FILTER (WHERE day < 90)",
        ),
        "days",
        0,
        False,
        Words("近90天平均活动间隔", "average gap between visits in 90 days"),
        words(
            "近 90 天平均每隔 {value} 来一次",
            "Average gap between visits over the last 90 days: {value}",
        ),
        ("events",),
    ),
    FeatureSpec(
        "long_gap_days",
        _GROUP,
        "active_days",
        "percentile_cont(0.8) WITHIN GROUP (ORDER BY gap_days)",
        "days",
        0,
        False,
        Words("较长的活动间隔", "a long gap between visits"),
        words(
            "每五次间隔里有一次超过 {value}",
            "One gap between visits in five is longer than {value}",
        ),
        ("events",),
    ),
    FeatureSpec(
        "last_gap_days",
        _GROUP,
        "active_days",
        "max(gap_days) FILTER (WHERE day = silent_days)",
        "days",
        1,
        True,
        Words("最近一次活动间隔", "gap before the last visit"),
        words("上一次来访之前隔了 {value}", "Gap before the last visit: {value}"),
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
            "Earlier gaps at least as long as the present silence: {value}",
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
        Words("近28天活跃日平均距今", "average age of active days in 28 days"),
        words(
            "近 28 天的活跃日平均在 {value} 前",
            "Active days of the last 28 days lie on average {value} back",
        ),
        ("events",),
    ),
    _silence(
        "silence_ratio",
        "median_gap_days",
        Words("沉默时长与平时间隔之比", "silence against own rhythm"),
        "平时间隔",
        "the usual gap",
    ),
    _silence(
        "silence_vs_mean",
        "mean_gap_days_90d",
        Words("沉默时长与平均间隔之比", "silence against average gap"),
        "近 90 天平均间隔",
        "the average gap of 90 days",
    ),
    _silence(
        "silence_vs_longest",
        "longest_gap_days",
        Words("沉默时长与最长间隔之比", "silence against longest gap"),
        "近半年最长间隔",
        "the longest gap of the half-year",
    ),
    FeatureSpec(
        "last_gap_ratio",
        _GROUP,
        "user",
        ratio("last_gap_days", "median_gap_days"),
        "ratio",
        1,
        True,
        Words("最近间隔与平时之比", "last gap against own rhythm"),
        words(
            "上一次来访之前的间隔是平时的 {value}",
            "The gap before the last visit against the usual one: {value}",
        ),
        ("events",),
    ),
    FeatureSpec(
        "gap_trend",
        _GROUP,
        "user",
        ratio("mean_gap_days_28d", "mean_gap_days_90d"),
        "ratio",
        1,
        True,
        Words("活动间隔变化", "change in gaps between visits"),
        words(
            "近 28 天的平均间隔是近 90 天的 {value}",
            "Average gap of the last 28 days against that of 90 days: {value}",
        ),
        ("events",),
        trend=False,
    ),
    FeatureSpec(
        "last_streak_days",
        _GROUP,
        "active_days",
        # The newest day that follows an inactive one begins the last unbroken run.
        "min(day) FILTER (WHERE coalesce(gap_days, 2) > 1) - min(day) + 1",
        "days",
        -1,
        True,
        Words("最近连续活跃天数", "last streak of active days"),
        words("最近一次连续活跃了 {value}", "Last unbroken run of active days: {value}"),
        ("events",),
    ),
    FeatureSpec(
        "longest_streak_days_90d",
        _GROUP,
        "streaks",
        "max(length_days)",
        "days",
        -1,
        True,
        Words("近90天最长连续活跃天数", "longest streak of active days in 90 days"),
        words(
            "近 90 天里最长连续活跃 {value}",
            "Longest unbroken run of active days in the last 90 days: {value}",
        ),
        ("events",),
    ),
    _active_weeks(12),
    FeatureSpec(
        "weekend_share_90d",
        _GROUP,
        "active_days",
        ratio(
            "count(*) FILTER (WHERE day < 90 AND week_day > 5)", "count(*) FILTER (WHERE day < 90)"
        ),
        "share",
        0,
        False,
        Words("近90天周末活跃占比", "share of weekends in 90 days"),
        words(
            "近 90 天的活跃日里落在周末的占比：{value}",
            "Active days of the last 90 days on a weekend: {value}",
        ),
        ("events",),
    ),
    FeatureSpec(
        "weekday_focus_90d",
        _GROUP,
        "active_days",
        ratio(
            "greatest("
            + ", ".join(
                f"count(*) FILTER (WHERE day < 90 AND week_day = {day})" for day in range(1, 8)
            )
            + ")",
            "count(*) FILTER (WHERE day < 90)",
        ),
        "share",
        0,
        False,
        Words("近90天最常活跃的星期占比", "share of the busiest weekday in 90 days"),
        words(
            "近 90 天的活跃日集中在同一个星期几的占比：{value}",
            "Active days of the last 90 days on the same weekday: {value}",
        ),
        ("events",),
    ),
    FeatureSpec(
        "day_quarter_focus_90d",
        _GROUP,
        "event_days",
        ratio(
            "greatest(" + ", ".join(summed(f"quarter_{part}", 90) for part in range(4)) + ")",
            summed("events", 90),
        ),
        "share",
        0,
        False,
        Words("近90天最常活跃时段占比", "share of the busiest quarter of the day in 90 days"),
        words(
            "近 90 天的行为集中在一天中同一时段（六小时）的占比：{value}",
            "Actions of the last 90 days within the same six hours: {value}",
        ),
        ("events",),
    ),
)

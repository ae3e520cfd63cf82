"""Recency and windows: when a user last came, how often, how long and on how many days."""

from __future__ import annotations

from engine.features.spec import (
    KINDS,
    FeatureSpec,
    days_since,
    one_of,
    ratio,
    summed,
    words,
)
from engine.types import Words

_GROUP = "fading_use"
_WINDOWS = (7, 14, 28, 60, 90)
"""Days; 28 and not 30, because whole weeks hold equally many weekends."""


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
        "event_days",
        summed("events", days),
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


def _learning(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"learning_{days}d",
        _GROUP,
        "event_days",
        summed("learned", days),
        "count",
        -1,
        True,
        Words(f"近{days}天学习次数", f"learning actions in {days} days"),
        words(
            f"最近 {days} 天的学习次数：{{value}}",
            f"Learning actions in the last {days} days: {{value}}",
        ),
        ("events:learning",),
        absent=0,
    )


def _minutes(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"minutes_{days}d",
        _GROUP,
        "event_days",
        ratio(summed("duration_ms", days), 60_000),
        "minutes",
        -1,
        True,
        Words(f"近{days}天使用时长", f"time spent in {days} days"),
        words(
            f"最近 {days} 天的使用时长：{{value}}", f"Time spent in the last {days} days: {{value}}"
        ),
        ("events:duration",),
        absent=0,
    )


def _warm(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"warm_actions_{days}d",
        _GROUP,
        "event_days",
        summed("warm", days),
        "count",
        -1,
        True,
        Words(f"近{days}天互动次数", f"notes, favourites and shares in {days} days"),
        words(
            f"最近 {days} 天收藏、笔记、分享、直播的次数：{{value}}",
            f"Notes, favourites, shares, live sessions in {days} days: {{value}}",
        ),
        ("events:warm",),
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
        days_since(f"min(age_s) FILTER (WHERE {one_of('kind', KINDS['learning'])})"),
        "days",
        1,
        True,
        Words("距上次学习天数", "days since last learning"),
        words("已 {value} 没有学习", "Nothing learned for {value}"),
        ("events:learning",),
    ),
    *(_active_days(days) for days in (3, *_WINDOWS, 180)),
    *(_events(days) for days in _WINDOWS),
    *(_learning(days) for days in _WINDOWS),
    *(_minutes(days) for days in _WINDOWS),
    *(_warm(days) for days in (28, 90)),
    FeatureSpec(
        "kinds_28d",
        _GROUP,
        "recent_kinds",
        "count(DISTINCT kind)",
        "count",
        -1,
        True,
        Words("近28天使用方式种数", "kinds of actions in 28 days"),
        words(
            "最近 28 天用过的功能种数：{value}",
            "Different kinds of actions in the last 28 days: {value}",
        ),
        ("events:kind",),
        absent=0,
    ),
    FeatureSpec(
        "devices_28d",
        _GROUP,
        "recent_kinds",
        "count(DISTINCT device)",
        "count",
        -1,
        False,
        Words("近28天使用设备数", "devices in 28 days"),
        words("最近 28 天使用的设备种数：{value}", "Devices used in the last 28 days: {value}"),
        ("events:device",),
        absent=0,
    ),
    FeatureSpec(
        "events_per_active_day_28d",
        _GROUP,
        "user",
        ratio("events_28d", "active_days_28d"),
        "number",
        -1,
        True,
        Words("近28天每活跃日行为次数", "actions per active day in 28 days"),
        words(
            "最近 28 天每个活跃日的行为次数：{value}",
            "Actions per active day over the last 28 days: {value}",
        ),
        ("events",),
    ),
    FeatureSpec(
        "minutes_per_active_day_28d",
        _GROUP,
        "user",
        ratio("minutes_28d", "active_days_28d"),
        "minutes",
        -1,
        True,
        Words("近28天每活跃日使用时长", "time spent per active day in 28 days"),
        words(
            "最近 28 天每个活跃日的使用时长：{value}",
            "Time spent per active day over the last 28 days: {value}",
        ),
        ("events:duration",),
    ),
    FeatureSpec(
        "learning_share_28d",
        _GROUP,
        "user",
        ratio("learning_28d", "events_28d"),
        "share",
        -1,
        True,
        Words("近28天学习占比", "share of learning in 28 days"),
        words(
            "最近 28 天的行为里学习的占比：{value}",
            "Learning as a share of all actions in the last 28 days: {value}",
        ),
        ("events:learning",),
    ),
)

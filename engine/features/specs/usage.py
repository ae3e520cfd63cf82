"""Measured use: values that a business attaches to events (traffic, transfers, balances)."""

from __future__ import annotations

from engine.features.spec import FeatureSpec, days_between, ratio, summed, words
from engine.types import Words

_GROUP = "fading_use"
_NEEDS = ("events:value",)


def _sum(days: int, newer_days: int = 0) -> str:
    return f"CAST(sum(value_u) FILTER (WHERE {days_between(newer_days, days)}) AS DOUBLE)"


def _mean(days: int) -> str:
    return ratio(f"sum(value_u) FILTER (WHERE day < {days})", summed("value_events", days))


def _usage(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"usage_{days}d",
        _GROUP,
        "event_days",
        ratio(f"coalesce({_sum(days)}, CAST(0 AS DOUBLE))", 1000),
        "number",
        -1,
        True,
        Words(f"近{days}天用量", f"usage in {days} days"),
        words(f"最近 {days} 天用量合计：{{value}}", f"Usage in the last {days} days: {{value}}"),
        _NEEDS,
        absent=0,
    )


SPECS: tuple[FeatureSpec, ...] = (
    *(_usage(days) for days in (28, 90)),
    FeatureSpec(
        "usage_trend",
        _GROUP,
        "event_days",
        ratio(f"({_sum(28)} * CAST(2 AS DOUBLE))", _sum(84, newer_days=28)),
        "ratio",
        -1,
        True,
        Words("用量变化", "change in usage"),
        words(
            "最近 28 天的用量是此前 8 周水平的 {value}",
            "Usage in the last 28 days against the 8 weeks before: {value}",
        ),
        _NEEDS,
        trend=False,
    ),
    FeatureSpec(
        "usage_mean_28d",
        _GROUP,
        "event_days",
        ratio(_mean(28), 1000),
        "number",
        0,
        True,
        Words("近28天每次用量", "usage per action in 28 days"),
        words(
            "最近 28 天每次的平均用量：{value}",
            "Average usage at a time over the last 28 days: {value}",
        ),
        _NEEDS,
    ),
    FeatureSpec(
        "usage_mean_ratio",
        _GROUP,
        "event_days",
        ratio(_mean(28), _mean(90)),
        "ratio",
        -1,
        True,
        Words("每次用量变化", "change in usage per action"),
        words(
            "最近 28 天每次的平均用量是近 90 天的 {value}",
            "Usage at a time in the last 28 days against the last 90: {value}",
        ),
        _NEEDS,
        trend=False,
    ),
    FeatureSpec(
        "usage_lowest_28d",
        _GROUP,
        "event_days",
        ratio("min(lowest_value_u) FILTER (WHERE day < 28)", 1000),
        "number",
        -1,
        True,
        Words("近28天最低一次用量", "lowest usage in 28 days"),
        words(
            "最近 28 天最低一次的用量：{value}",
            "Lowest usage at a time in the last 28 days: {value}",
        ),
        _NEEDS,
    ),
)

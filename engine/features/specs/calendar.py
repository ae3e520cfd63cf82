"""The calendar at the cutoff: the same for everyone, it moves the base rate with the season."""

from __future__ import annotations

from engine.features.spec import FeatureSpec, words
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
        words("评分日是一周的第 {value} 天", "Day of the week at scoring: {value}"),
    ),
)

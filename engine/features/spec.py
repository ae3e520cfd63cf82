"""What a feature is: one column as one aggregate over one view of what is known at the cutoff."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from engine.types import Words

Unit = Literal[
    "days", "count", "ratio", "money", "share", "minutes", "flag", "rating", "number", "level"
]
"""A level is one word of several that an attribute can have: the user has it or not."""

DAY_S = 86_400
"""Seconds in a day: the views give ages in whole seconds before the cutoff."""


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One feature.

    `over` names the view (`engine/features/views/<over>.sql`) that `expression` aggregates per
    user. Over "user", the expression uses other features by name instead, row by row; over "peers",
    it is a window over the users of a segment (`segment`) and other features by name. `needs` are
    facts about the loaded data (see `engine.features.available`): without them the column
    would be constant and is left out.
    """

    name: str
    group: str
    over: str
    expression: str
    unit: Unit
    direction: Literal[-1, 0, 1]  # +1: a higher value usually raises the risk; 0: it depends
    actionable: bool  # can operations change it with what they do
    label: Words  # short column name
    sentence: Words  # with {value} and {comparison}, both formatted by the caller
    needs: tuple[str, ...] = ()
    absent: float | None = None  # the value of a user with no row in the view; None: missing
    trend: bool = True  # does its value four weeks before say more; not where it is a change itself


def words(zh: str, en: str) -> Words:
    """A sentence about a value, completed by the comparison with those who stayed."""
    return Words(f"{zh}；同类留存用户：{{comparison}}", f"{en}; users who stayed: {{comparison}}")


def within(days: int) -> str:
    """SQL condition: the row lies in [cutoff - days, cutoff)."""
    return f"age_s <= {days * DAY_S}"


def between(newer_days: int, older_days: int) -> str:
    """SQL condition: the row lies in [cutoff - older_days, cutoff - newer_days)."""
    return f"age_s > {newer_days * DAY_S} AND age_s <= {older_days * DAY_S}"


def days_between(newer_days: int, older_days: int) -> str:
    """The same as `between` in a view of days: day 0 is the last one before the cutoff."""
    newer = f"day >= {newer_days} AND " if newer_days else ""
    return f"{newer}day < {older_days}"


def summed(column: str, days: int, *, newer_days: int = 0) -> str:
    """SQL, over a view of days: the sum of counts or amounts in [days, newer_days) days ago."""
    within_days = days_between(newer_days, days)
    return f"CAST(coalesce(sum({column}) FILTER (WHERE {within_days}), 0) AS BIGINT)"


def one_of(column: str, values: Iterable[str]) -> str:
    """SQL condition: `column` is one of `values` (constants of the catalogue, never user text)."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def days_since(seconds: str) -> str:
    """SQL: seconds as days."""
    return ratio(seconds, DAY_S)


def ratio(numerator: str, denominator: str | int) -> str:
    """SQL: a division in doubles; missing where the denominator is 0."""
    return f"CAST({numerator} AS DOUBLE) / NULLIF(CAST({denominator} AS DOUBLE), CAST(0 AS DOUBLE))"


def among_peers(column: str) -> str:
    """SQL, over "peers": the share of the other users of the segment that have a lower value.

    Ties share the lowest rank, so no order of rows can tell; missing values are left out.
    """
    return (
        f"CASE WHEN {column} IS NOT NULL THEN percent_rank() OVER "
        f"(PARTITION BY segment, {column} IS NULL ORDER BY {column}) END"
    )


def against_peers(column: str) -> str:
    """SQL, over "peers": the value against the median of the segment."""
    return ratio(column, f"median({column}) OVER (PARTITION BY segment)")


def money(ten_thousandths: str) -> str:
    """SQL: integer ten-thousandths as currency units (see `views/known_payments.sql`)."""
    return ratio(ten_thousandths, 10_000)


KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "learning": (
            "lesson_started",
            "lesson_finished",
            "audio_played",
            "column_read",
            "live_joined",
            "content_started",
            "content_finished",
        ),
        "finished": ("lesson_finished", "content_finished"),
        "warm": ("favourite", "note_written", "share", "live_joined"),
        "searches": ("search",),
        "price_views": ("purchase_viewed", "price_viewed"),
        "cancel_views": ("cancel_page_viewed",),
        "login_failures": ("login_failed",),
    }
)
"""What the kinds of events mean; a mapping translates a client's own words to these.

learning: a user takes what was paid for; warm: what nobody does without caring.
"""

"""Counts at a cutoff: who is eligible, who churned, who had been away, who came back."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from engine.features.label_report.types import LabelCount
from engine.features.labels import (
    after_window,
    away_sql,
    came_back_sql,
    labelled_sql,
    parameters,
)
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb

_NOBODY = "SELECT user_id FROM users WHERE FALSE"

_PARAMETER = re.compile(r"\$([a-z_]+)")


def count_labels(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime, *, as_of: datetime
) -> LabelCount:
    """The counts at `cutoff`, by data that end at `as_of`; the label must be mature there."""
    labelled, away, back = labelled_sql(rule), away_sql(rule), came_back_sql(rule)
    later = after_window(rule)
    told = back is not None and later.mature(cutoff, as_of)
    # The statement speaks of two windows: the parameters of the later one get names of their own.
    back_sql = _PARAMETER.sub(r"$later_\1", back) if back is not None and told else _NOBODY
    back_rule = rule if rule.kind == "lapsed" else later
    values = parameters(f"{labelled} {away or ''}", rule, cutoff)
    values |= {
        f"later_{name}": value
        for name, value in parameters(back or "", back_rule, cutoff).items()
        if told
    }
    row = connection.execute(
        f"""
        SELECT
            count(*),
            count(*) FILTER (WHERE labelled.churned),
            count(away.user_id),
            count(*) FILTER (WHERE labelled.churned AND back.user_id IS NOT NULL)
        FROM ({labelled}) AS labelled
        LEFT JOIN (SELECT DISTINCT user_id FROM ({away or _NOBODY}) AS gone) AS away
            ON away.user_id = labelled.user_id
        LEFT JOIN (SELECT DISTINCT user_id FROM ({back_sql}) AS there) AS back
            ON back.user_id = labelled.user_id
        """,
        values,
    ).fetchone()
    assert row is not None  # an aggregate without GROUP BY always gives one row
    eligible, churned, returned, came_back = (int(value) for value in row)
    return _count(
        eligible, churned, returned if away else None, came_back if told else None, churned
    )


def total(counts: Iterable[LabelCount]) -> LabelCount:
    """The sum; shares of those who came back over the cutoffs where that is known."""
    counts = list(counts)
    returned = [count.returned for count in counts if count.returned is not None]
    told = [count for count in counts if count.came_back is not None]
    return _count(
        sum(count.eligible for count in counts),
        sum(count.churned for count in counts),
        sum(returned) if returned else None,
        sum(count.came_back or 0 for count in told) if told else None,
        sum(count.churned for count in told),
    )


def _count(
    eligible: int, churned: int, returned: int | None, came_back: int | None, churned_then: int
) -> LabelCount:
    return LabelCount(
        eligible=eligible,
        churned=churned,
        base_rate=churned / eligible if eligible else math.nan,
        returned=returned,
        came_back=came_back,
        came_back_share=came_back / churned_then
        if came_back is not None and churned_then
        else None,
    )

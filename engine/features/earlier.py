"""The features of the users scored today as they stood some weeks before: the trend in a reason."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from engine.features.available import available
from engine.features.build import features_of
from engine.features.catalogue import specs_named
from engine.features.compile import feature_query
from engine.features.frame import FeatureFrame
from engine.features.labels import parameters, users_before_sql
from engine.features.snapshots import Snapshots
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb

EARLIER_DAYS = 28
"""Whole weeks, so that a week's rhythm does not look like a trend."""


def earlier_frame(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    columns: tuple[str, ...],
    *,
    snapshots: Snapshots | None = None,
) -> FeatureFrame:
    """`columns` of those eligible at `cutoff`, by what was known `EARLIER_DAYS` before.

    Who was not a user then has no row; who was not eligible then has one. Neither events nor
    messages come with it.
    """
    before = cutoff - timedelta(days=EARLIER_DAYS)
    query = feature_query(
        specs_named(columns), available(connection), population=users_before_sql(rule)
    )
    asked = parameters(query.text(), rule, cutoff)
    bound = {**asked, "cutoff": before, "asked_at": cutoff}
    return features_of(connection, query, bound, before, cutoff, snapshots)

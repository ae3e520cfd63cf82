"""Frames for scoring and training: features, segments, sequences and labels at cutoffs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.features.available import available
from engine.features.catalogue import SPECS, FeatureSpec, available_specs, specs_named
from engine.features.compile import compile_features, fingerprint
from engine.features.frame import FeatureFrame, LabelledFrame
from engine.features.labels import eligible_sql, labels, parameters
from engine.features.sequences import ActivityStream, activity_sql, pull_activity
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb

FEATURE_VERSION = fingerprint(
    compile_features(SPECS, frozenset({"subscriptions", "payments"})),
    compile_features(SPECS, frozenset({"payments"})),
    activity_sql(),
)
"""Changes whenever a feature, a segment or the sequence would be computed otherwise."""


def build_frame(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    *,
    columns: tuple[str, ...] | None = None,
) -> FeatureFrame:
    """The users eligible at `cutoff`, ordered by id.

    `columns`: exactly these, in this order (a model's); None: what the loaded data can fill.
    Raises `ModelError` naming a column that the catalogue lacks.
    """
    facts = available(connection)
    specs = available_specs(facts) if columns is None else specs_named(columns)
    stream = pull_activity(connection, cutoff, last=True)
    return frame_at(connection, rule, cutoff, specs, facts, stream)


def build_labelled(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoffs: Sequence[datetime],
    *,
    columns: tuple[str, ...] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> dict[datetime, LabelledFrame]:
    """Labelled rows for each cutoff; all share their columns and one flat array of events.

    `progress` is told ("features", share done). Labels are by the rows loaded now: a cutoff that
    is not mature yet (`ChurnRule.mature`) gets labels that are not final.
    """
    facts = available(connection)
    specs = available_specs(facts) if columns is None else specs_named(columns)
    ordered = sorted(set(cutoffs))
    if not ordered:
        return {}
    stream = pull_activity(connection, ordered[-1])
    frames = {}
    for done, cutoff in enumerate(ordered, start=1):
        frame = frame_at(connection, rule, cutoff, specs, facts, stream)
        user_ids, label = labels(connection, rule, cutoff)
        if not np.array_equal(user_ids, frame.user_ids):
            raise AssertionError("features and labels speak of different users")
        frames[cutoff] = LabelledFrame(frame, label, np.ones(len(label), dtype=np.float32))
        if progress is not None:
            progress("features", done / len(ordered))
    return frames


def frame_at(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    specs: Sequence[FeatureSpec],
    facts: frozenset[str],
    stream: ActivityStream,
) -> FeatureFrame:
    """The eligible users at `cutoff`, with columns, facts and activity stream given."""
    sql = compile_features(specs, facts, population=eligible_sql(rule))
    columns = connection.execute(sql, parameters(sql, rule, cutoff)).fetchnumpy()
    user_ids = np.asarray(columns["user_id"], dtype=object)
    values = np.empty((len(user_ids), len(specs)), dtype=np.float32)
    for place, spec in enumerate(specs):
        values[:, place] = _filled(columns[spec.name])
    return FeatureFrame(
        user_ids=user_ids,
        cutoffs=np.full(len(user_ids), np.datetime64(cutoff, "s")),
        segments=np.asarray(columns["segment"], dtype=object),
        columns=tuple(spec.name for spec in specs),
        values=values,
        sequences=stream.until(cutoff, user_ids),
    )


def _filled(column: ArrayLike) -> NDArray[np.float32]:
    """NULL arrives as a mask; models want NaN."""
    if isinstance(column, np.ma.MaskedArray):
        return np.asarray(column.filled(np.nan), dtype=np.float32)
    return np.asarray(column, dtype=np.float32)

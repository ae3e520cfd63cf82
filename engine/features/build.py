"""Frames for scoring and training: features, segments, sequences and labels at cutoffs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.features.available import available
from engine.features.catalogue import SPECS, FeatureSpec, available_specs, specs_named
from engine.features.compile import (
    FeatureQuery,
    compile_features,
    feature_query,
    fingerprint,
)
from engine.features.frame import FeatureFrame, LabelledFrame, no_sequences
from engine.features.labels import eligible_sql, labels, parameters
from engine.features.messages import messages_sql, pull_messages
from engine.features.run import feature_chunks
from engine.features.sequences import coded_sql, pull_activity
from engine.features.snapshots import FeatureTable, Snapshots, key_of
from engine.features.times import event_times
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb

FEATURE_VERSION = fingerprint(
    compile_features(SPECS, frozenset({"subscriptions", "payments"})),
    compile_features(SPECS, frozenset({"payments"})),
    coded_sql(),
    messages_sql(),
)
"""Changes whenever a feature, a segment or the sequence would be computed otherwise."""

CHUNK_ROWS = 32_768
"""Fetched at once: with 250 columns some 30 megabytes."""


def build_frame(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    *,
    columns: tuple[str, ...] | None = None,
    sequences: bool = True,
    messages: bool = True,
    snapshots: Snapshots | None = None,
) -> FeatureFrame:
    """The users eligible at `cutoff`, ordered by id.

    `columns`: exactly these, in this order (a model's); None: what the loaded data can fill.
    `sequences`: with the last events; a model that does not read them is spared their cost.
    `messages`: with what users wrote of late, likewise.
    `snapshots`: where the features of a cutoff are looked up and kept.
    Raises `ModelError` naming a column that the catalogue lacks.
    """
    facts = available(connection)
    specs = available_specs(facts) if columns is None else specs_named(columns)
    return frame_at(
        connection,
        rule,
        cutoff,
        specs,
        facts,
        sequences=sequences,
        messages=messages,
        snapshots=snapshots,
    )


def build_labelled(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoffs: Sequence[datetime],
    *,
    columns: tuple[str, ...] | None = None,
    sequences: bool = True,
    messages: bool = True,
    times: bool = False,
    snapshots: Snapshots | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> dict[datetime, LabelledFrame]:
    """Labelled rows for each cutoff; all share their columns, their events and their messages.

    `progress` is told ("features", share done). Labels are by the rows loaded now: a cutoff that
    is not mature yet (`ChurnRule.mature`) gets labels that are not final; they are told anew each
    time, since later rows decide them. With `snapshots` only the features of new cutoffs cost.
    """
    facts = available(connection)
    specs = available_specs(facts) if columns is None else specs_named(columns)
    ordered = sorted(set(cutoffs))
    if not ordered:
        return {}
    stream = pull_activity(connection, ordered) if sequences else None
    written = pull_messages(connection, ordered) if messages else None
    frames = {}
    for done, cutoff in enumerate(ordered, start=1):
        frame = _features(connection, rule, cutoff, specs, facts, snapshots)
        if stream is not None:
            frame = replace(frame, sequences=stream.until(cutoff, frame.user_ids))
        if written is not None:
            frame = replace(frame, messages=written.until(cutoff, frame.user_ids))
        user_ids, label = labels(connection, rule, cutoff)
        if not np.array_equal(user_ids, frame.user_ids):
            raise AssertionError("features and labels speak of different users")
        decided = event_times(connection, rule, cutoff, user_ids, label) if times else None
        weight = np.ones(len(label), dtype=np.float32)
        frames[cutoff] = LabelledFrame(frame, label, weight, decided)
        if progress is not None:
            progress("features", done / len(ordered))
    return frames


def frame_at(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    specs: Sequence[FeatureSpec],
    facts: frozenset[str],
    *,
    sequences: bool = True,
    messages: bool = True,
    snapshots: Snapshots | None = None,
) -> FeatureFrame:
    """The eligible users at `cutoff`, with columns and facts given."""
    frame = _features(connection, rule, cutoff, specs, facts, snapshots)
    if messages:
        written = pull_messages(connection, [cutoff])
        frame = replace(frame, messages=written.until(cutoff, frame.user_ids))
    if sequences:
        stream = pull_activity(connection, [cutoff], frame.user_ids)
        frame = replace(frame, sequences=stream.until(cutoff, frame.user_ids))
    return frame


def _features(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    specs: Sequence[FeatureSpec],
    facts: frozenset[str],
    snapshots: Snapshots | None,
) -> FeatureFrame:
    query = feature_query(specs, facts, population=eligible_sql(rule))
    bound = parameters(query.text(), rule, cutoff)
    return features_of(connection, query, bound, cutoff, cutoff, snapshots)


def features_of(
    connection: duckdb.DuckDBPyConnection,
    query: FeatureQuery,
    bound: dict[str, Any],
    cutoff: datetime,
    known_until: datetime,
    snapshots: Snapshots | None,
) -> FeatureFrame:
    """What `query` with the parameters `bound` gives at `cutoff`: looked up, or computed and kept.

    Nothing known at `known_until` or later decides it.
    """
    names = query.columns
    key = None if snapshots is None else key_of(connection, known_until, query.text(), bound)
    if snapshots is None or key is None:
        table = _computed(connection, query, bound, names)
    else:
        found = snapshots.read(key)
        if found is None:
            table = _computed(connection, query, bound, names)
            # What was written is mapped from the disk: a retrain holds one cutoff at a time.
            if snapshots.keep(key, table):
                found = snapshots.read(key)
        table = found or table
    return FeatureFrame(
        user_ids=table.user_ids,
        cutoffs=np.full(len(table.user_ids), np.datetime64(cutoff, "s")),
        segments=table.segments,
        columns=names,
        values=table.values,
        sequences=no_sequences(len(table.user_ids)),
    )


def _computed(
    connection: duckdb.DuckDBPyConnection,
    query: FeatureQuery,
    bound: dict[str, Any],
    names: Sequence[str],
) -> FeatureTable:
    users: list[NDArray[np.object_]] = []
    segments: list[NDArray[np.object_]] = []
    rows = 0
    # Pages that no row reaches are never touched, so room for every user costs nothing.
    (most,) = connection.execute("SELECT count(*) FROM users").fetchone() or (0,)
    values = np.empty((most, len(names)), dtype=np.float32)
    for chunk in feature_chunks(connection, query, bound, rows=CHUNK_ROWS):
        users.append(chunk["user_id"])
        segments.append(chunk["segment"])
        for place, name in enumerate(names):
            values[rows : rows + len(users[-1]), place] = chunk[name]
        rows += len(users[-1])
    nobody = np.zeros(0, dtype=object)
    return FeatureTable(
        np.concatenate([nobody, *users]), np.concatenate([nobody, *segments]), values[:rows]
    )

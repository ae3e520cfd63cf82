"""Users at past cutoffs whose labels are known: from the snapshots that trainings left behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.features.catalogue import FeatureSpec, available_specs, specs_named
from engine.features.compile import feature_query
from engine.features.labels import eligible_sql, labels, parameters
from engine.features.snapshots import FeatureTable, Snapshots, key_of
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb

MOST_CUTOFFS = 4
"""The newest ones: what was long ago says less, and memory counts."""


@dataclass(frozen=True)
class PastUsers:
    """N rows, one a user and cutoff."""

    user_ids: NDArray[np.object_]  # (N,)
    segments: NDArray[np.object_]  # (N,)
    cutoff: NDArray[np.int64]  # (N,) place in `cutoffs`
    left: NDArray[np.bool_]  # (N,)
    values: NDArray[np.float32]  # (N, D) the model's columns
    cutoffs: tuple[datetime, ...]  # newest first

    def __len__(self) -> int:
        return len(self.user_ids)


def past_users(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    as_of: datetime,
    columns: tuple[str, ...],
    facts: frozenset[str],
    snapshots: Snapshots,
) -> PastUsers | None:
    """The users of the newest cutoffs that a snapshot holds and whose labels were closed at
    `as_of`; None where there is no such cutoff. Nothing is computed anew."""
    tables: list[FeatureTable] = []
    cutoffs: list[datetime] = []
    left: list[NDArray[np.bool_]] = []
    for cutoff in reversed(snapshots.cutoffs()):
        if len(cutoffs) == MOST_CUTOFFS:
            break
        if not rule.mature(cutoff, as_of):
            continue
        table = kept_table(connection, rule, cutoff, columns, facts, snapshots)
        if table is None:
            continue
        users, label = labels(connection, rule, cutoff, told_before=as_of)
        if np.array_equal(users, table.user_ids):
            tables.append(table)
            cutoffs.append(cutoff)
            left.append(label > 0.5)
    if not tables:
        return None
    return PastUsers(
        np.concatenate([table.user_ids for table in tables]),
        np.concatenate([table.segments for table in tables]),
        np.repeat(np.arange(len(tables)), [len(table.user_ids) for table in tables]),
        np.concatenate(left),
        np.concatenate([table.values for table in tables]),
        tuple(cutoffs),
    )


def kept_table(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    columns: tuple[str, ...],
    facts: frozenset[str],
    snapshots: Snapshots,
) -> FeatureTable | None:
    """What a snapshot holds of `columns` at `cutoff` on the loaded data; None: there is none."""
    for specs in (specs_named(columns), available_specs(facts)):
        names = [spec.name for spec in specs]
        key = _key(connection, rule, cutoff, specs, facts)
        found = None if key is None else snapshots.read(key)
        if found is not None and set(columns) <= set(names):
            places = [names.index(name) for name in columns]
            return FeatureTable(found.user_ids, found.segments, found.values[:, places])
    return None


def _key(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    specs: tuple[FeatureSpec, ...],
    facts: frozenset[str],
) -> str | None:
    text = feature_query(specs, facts, population=eligible_sql(rule)).text()
    return key_of(connection, cutoff, text, parameters(text, rule, cutoff))

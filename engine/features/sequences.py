"""The activity stream: the last events of every user before every cutoff, in one flat array.

A stream ordered by (user, known_at, row id) makes what was known before a cutoff a prefix of the
user's slice. Only what some cutoff can see is pulled, and each activity once: memory grows with the
events, not with events times cutoffs.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.features.fetch import chunks
from engine.features.frame import MAX_EVENTS, Sequences, code_dtype, no_sequences
from engine.features.views import without_comments

if TYPE_CHECKING:
    import duckdb

CHUNK_ROWS = 262_144
"""Fetched at once: some megabytes."""

_SQL_TYPES = {1: "UTINYINT", 2: "USMALLINT", 4: "UINTEGER"}
"""By bytes of a code."""


@dataclass(frozen=True, slots=True)
class ActivityStream:
    """What K cutoffs see of U users; before cutoff k user u's past ends at `stop[u, k]`."""

    user_ids: NDArray[np.object_]  # (U,) ascending
    cutoffs: tuple[datetime, ...]  # (K,) ascending
    begin: NDArray[np.int64]  # (U,) the first activity of each user
    stop: NDArray[np.int64]  # (U, K)
    events: Sequences  # the flat arrays; start and stop are empty

    def until(self, cutoff: datetime, user_ids: NDArray[np.object_]) -> Sequences:
        """The last `MAX_EVENTS` activities of `user_ids` (N,) known before `cutoff`.

        Raises `ValueError` for a cutoff that the stream was not pulled for.
        """
        span = self.cutoffs.index(cutoff)
        if np.array_equal(user_ids, self.user_ids):
            begin, stop = self.begin, self.stop[:, span]
        else:
            place = np.searchsorted(self.user_ids, user_ids)
            # An unknown user gets the empty slice behind the last one.
            known = np.append(self.user_ids, [None])[place] == user_ids
            place = np.where(known, place, len(self.user_ids))
            begin = np.append(self.begin, 0)[place]
            stop = np.append(self.stop[:, span], 0)[place]
        start = np.maximum(begin, stop - MAX_EVENTS)
        return replace(self.events, start=start, stop=np.ascontiguousarray(stop))


def activity_sql() -> str:
    """The stream's SELECT; its parameter `$until` bounds what is read at all."""
    return _text("activity.sql")


def newest_sql(
    cutoffs: int = 1, *, kind_bytes: int = 1, topic_bytes: int = 1, most: int = MAX_EVENTS
) -> str:
    """What is pulled for so many cutoffs; parameters `$kinds`, `$topics`, `$until` and, where
    there are several cutoffs, `$cutoff_0`, `$cutoff_1` … in ascending order."""
    earlier = [
        f"CAST(activity.known_at >= CAST($cutoff_{number} AS TIMESTAMP) AS UTINYINT)"
        for number in range(cutoffs - 1)
    ]
    return _text("newest.sql").format(
        activity=activity_sql(),
        span=" + ".join(earlier) or "CAST(0 AS UTINYINT)",
        kind_type=_SQL_TYPES[kind_bytes],
        topic_type=_SQL_TYPES[topic_bytes],
        most=most,
    )


def pull_activity(
    connection: duckdb.DuckDBPyConnection,
    cutoffs: Sequence[datetime],
    user_ids: NDArray[np.object_] | None = None,
) -> ActivityStream:
    """The newest activities before each of `cutoffs` of `user_ids` (ascending; None: of everyone).

    The sort lies in a temporary table of the database, which spills to disk beyond its memory
    limit; Python holds what it returns and one chunk.
    """
    ordered = tuple(sorted(set(cutoffs)))
    kinds = tuple(kind for (kind,) in connection.execute(_text("vocabulary.sql")).fetchall())
    topics = tuple(
        topic
        for (topic,) in connection.execute(
            "SELECT DISTINCT topic FROM contents WHERE topic <> '' ORDER BY topic"
        ).fetchall()
    )
    topics = ("", *topics)
    kind_dtype, topic_dtype = code_dtype(len(kinds)), code_dtype(len(topics))
    sql = newest_sql(len(ordered), kind_bytes=kind_dtype.itemsize, topic_bytes=topic_dtype.itemsize)
    values: dict[str, object] = {"kinds": list(kinds), "topics": list(topics)}
    values |= {f"cutoff_{number}": cutoff for number, cutoff in enumerate(ordered[:-1])}
    values["until"] = ordered[-1]
    with _members(connection, user_ids) as members, _made(connection, sql, values):
        end = _ends(connection, len(members), len(ordered))
        count = int(end[-1]) if len(end) else 0
        events = replace(
            no_sequences(0, kinds, topics),
            kind=np.empty(count, kind_dtype),
            topic=np.empty(count, topic_dtype),
            value=np.empty(count, np.float32),
            occurred_s=np.empty(count, np.uint32),
        )
        for chunk in chunks(connection, "SELECT * FROM newest_activity", rows=CHUNK_ROWS):
            cell = chunk["member"].astype(np.int64) * len(ordered) + chunk["span"]
            slot = end[cell] - chunk["place"]
            events.kind[slot] = chunk["kind"]
            events.topic[slot] = chunk["topic"]
            events.value[slot] = chunk["amount"]
            events.occurred_s[slot] = chunk["occurred_s"]
    stop = end.reshape(len(members), len(ordered))
    begin = np.concatenate([[0], stop[:-1, -1]])[: len(members)].astype(np.int64)
    return ActivityStream(members, ordered, begin, stop, events)


def _ends(connection: duckdb.DuckDBPyConnection, members: int, cutoffs: int) -> NDArray[np.int64]:
    """(members · cutoffs,) where each user's activities of each span end in the flat arrays."""
    counts = np.zeros(members * cutoffs, dtype=np.int64)
    sql = "SELECT member, span, count(*) AS rows FROM newest_activity GROUP BY member, span"
    for chunk in chunks(connection, sql, rows=CHUNK_ROWS):
        counts[chunk["member"].astype(np.int64) * cutoffs + chunk["span"]] = chunk["rows"]
    return np.cumsum(counts, out=counts)


@contextmanager
def _members(
    connection: duckdb.DuckDBPyConnection, user_ids: NDArray[np.object_] | None
) -> Iterator[NDArray[np.object_]]:
    """The users by position, as the view `activity_members` and as ids."""
    import pandas as pd

    if user_ids is None:
        sql = "SELECT DISTINCT user_id FROM users ORDER BY user_id"
        found = connection.execute(sql).fetchnumpy()["user_id"]
        user_ids = np.asarray(found, dtype=object)
    positions = np.arange(len(user_ids), dtype=np.uint32)
    frame = pd.DataFrame({"user_id": pd.Series(user_ids, dtype="str"), "member": positions})
    connection.register("activity_members", frame)
    try:
        yield user_ids
    finally:
        connection.unregister("activity_members")


@contextmanager
def _made(
    connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object]
) -> Iterator[None]:
    """The rows of `sql` as the temporary table `newest_activity`."""
    try:
        # The optimizer takes a union for small and would hash the events instead of the users:
        # twice the memory (2.0 against 1.0 GB at 10 M events).
        connection.execute("SET disabled_optimizers = 'build_side_probe_side'")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE newest_activity AS {sql}", values)
    finally:
        connection.execute("RESET disabled_optimizers")
    try:
        yield
    finally:
        connection.execute("DROP TABLE newest_activity")


@functools.cache
def _text(name: str) -> str:
    return without_comments((resources.files("engine.features") / name).read_text("utf-8"))

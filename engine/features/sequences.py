"""The activity stream: the last events of every user before every cutoff, in one flat array.

A stream ordered by (user, known_at) makes what was known before a cutoff a prefix of the user's
slice. Only what some cutoff can see is pulled, and each activity once: memory grows with the
events, not with events times cutoffs.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources
from pathlib import Path
from tempfile import SpooledTemporaryFile, gettempdir
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import StorageError
from engine.features.fetch import chunks
from engine.features.frame import MAX_EVENTS, Sequences, code_dtype, no_sequences
from engine.features.views import without_comments

if TYPE_CHECKING:
    import duckdb

CHUNK_ROWS = 262_144
"""Fetched at once: some megabytes."""

SHELF_USERS = 16_384
"""Sorted at once: with a hundred activities each some 100 megabytes. A user's place on a shelf has
to fit 16 bits."""

SHOWN = ("value", "topic", "kind", "occurred_s")
"""What a sequence shows of an activity."""

SPOOLED_BYTES = 64 << 20
"""Of all shelves together, held in memory before they go to disk."""

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


def coded_sql(kind_bytes: int = 1, topic_bytes: int = 1) -> str:
    """The stream with codes of so many bytes; parameters `$kinds`, `$topics` and `$until`."""
    return _text("coded.sql").format(
        activity=activity_sql(),
        kind_type=_SQL_TYPES[kind_bytes],
        topic_type=_SQL_TYPES[topic_bytes],
    )


def pull_activity(
    connection: duckdb.DuckDBPyConnection,
    cutoffs: Sequence[datetime],
    user_ids: NDArray[np.object_] | None = None,
) -> ActivityStream:
    """The newest activities before each of `cutoffs` of `user_ids` (ascending; None: of everyone).

    The stream is read once, in any order, and put on shelves of so many users each, beyond some
    megabytes on disk; then each shelf is sorted. Raises `StorageError` when the disk is full.
    """
    ordered = tuple(sorted(set(cutoffs)))
    kinds = tuple(kind for (kind,) in connection.execute(_text("vocabulary.sql")).fetchall())
    found = connection.execute(
        "SELECT DISTINCT topic FROM contents WHERE topic <> '' ORDER BY topic"
    ).fetchall()
    topics = ("", *(topic for (topic,) in found))
    kind_dtype, topic_dtype = code_dtype(len(kinds)), code_dtype(len(topics))
    record = np.dtype(
        [
            ("known_us", np.int64),
            ("occurred_s", np.uint32),
            ("value", np.float32),
            ("member", np.uint16),
            ("topic", topic_dtype),
            ("kind", kind_dtype),
        ]
    )
    sql = coded_sql(kind_dtype.itemsize, topic_dtype.itemsize)
    values = {"kinds": list(kinds), "topics": list(topics), "until": ordered[-1]}
    with _members(connection, user_ids) as members, _shelves(connection, len(members)) as shelves:
        with _small_sides_hashed(connection):
            for chunk in chunks(connection, sql, values, rows=CHUNK_ROWS):
                _shelve(chunk, shelves, record)
        spans = np.array(ordered[:-1], dtype="datetime64[us]").astype(np.int64)
        # Pages that nothing is written to are never there: room for every activity is free.
        room = sum(shelf.tell() for shelf in shelves) // record.itemsize
        flat = {name: np.empty(room, record[name]) for name in SHOWN}
        stop = np.zeros((len(members), len(ordered)), dtype=np.int64)
        filled = 0
        for place, shelf in enumerate(shelves):
            own = stop[place * SHELF_USERS : (place + 1) * SHELF_USERS]
            rows = _taken_off(shelf, record)
            kept, own[:] = _newest(rows, len(own), spans)
            for name in SHOWN:
                flat[name][filled : filled + len(kept)] = rows[name][kept]
            filled += len(kept)
    stop = np.cumsum(stop, out=stop.reshape(-1)).reshape(stop.shape)
    events = replace(
        no_sequences(0, kinds, topics),
        kind=flat["kind"][:filled],
        topic=flat["topic"][:filled],
        value=flat["value"][:filled],
        occurred_s=flat["occurred_s"][:filled],
    )
    begin = np.concatenate([[0], stop[:-1, -1]])[: len(members)].astype(np.int64)
    return ActivityStream(members, ordered, begin, stop, events)


def _shelve(
    chunk: dict[str, NDArray[Any]], shelves: Sequence[IO[bytes]], record: np.dtype[Any]
) -> None:
    """Append the rows of `chunk` to the shelves of their users."""
    member = chunk["member"]
    shelf = (member // SHELF_USERS).astype(np.uint16)
    order = np.argsort(shelf, kind="stable")  # of 16 bits: sorted by counting
    rows = np.empty(len(member), record)
    for name in record.names or ():
        column = member % SHELF_USERS if name == "member" else chunk[name]
        rows[name] = column[order]
    ends = np.cumsum(np.bincount(shelf, minlength=len(shelves)))
    content = rows.view(np.uint8)
    for place, start, end in zip(
        range(len(shelves)), [0, *ends[:-1].tolist()], ends.tolist(), strict=True
    ):
        if end > start:
            shelves[place].write(content[start * record.itemsize : end * record.itemsize].data)


def _taken_off(shelf: IO[bytes], record: np.dtype[Any]) -> dict[str, NDArray[Any]]:
    """The columns of a shelf, which is empty afterwards."""
    shelf.seek(0)
    rows = np.frombuffer(shelf.read(), record)
    shelf.close()
    return {name: rows[name].copy() for name in record.names or ()}


def _newest(
    rows: dict[str, NDArray[Any]], users: int, spans: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of a shelf's rows some cutoff sees, in order, and how many of each user and span.

    A span is what one cutoff sees and the one before it does not; `spans` (K - 1,) bounds them.
    Whoever is not among the last of its own span is not among the last of any later cutoff.
    """
    order = _ordered(rows)
    cell = rows["member"][order].astype(np.int64)
    if len(spans):
        cell *= len(spans) + 1
        cell += np.searchsorted(spans, rows["known_us"][order], side="right")
    count = np.bincount(cell, minlength=users * (len(spans) + 1))
    seen = np.repeat(np.cumsum(count), count) - np.arange(len(cell)) <= MAX_EVENTS
    kept = np.minimum(count, MAX_EVENTS).reshape(users, len(spans) + 1)
    return order[seen], kept


def _ordered(rows: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """The order by user and known_us, then by what the sequence shows of an activity.

    So equal places in the order are of equal rows: neither row ids nor the order in which rows
    were loaded can be told from the result.
    """
    by_time = np.argsort(rows["known_us"], kind="stable")  # runs in order cost next to nothing
    order = by_time[np.argsort(rows["member"][by_time], kind="stable")]  # 16 bits: by counting
    member, known_us = rows["member"][order], rows["known_us"][order]
    again = (member[1:] == member[:-1]) & (known_us[1:] == known_us[:-1])
    tied = np.flatnonzero(np.append(again, False) | np.append(False, again))
    if len(tied):
        own = order[tied]
        keys = (*SHOWN, "known_us", "member")
        order[tied] = own[np.lexsort([rows[name][own] for name in keys])]
    return order


@contextmanager
def _shelves(
    connection: duckdb.DuckDBPyConnection, users: int
) -> Iterator[list[SpooledTemporaryFile[bytes]]]:
    """Files for `SHELF_USERS` users each, where the database would spill; they have no names."""
    row = connection.execute("SELECT current_setting('temp_directory')").fetchone()
    folder = Path(str(row[0])) if row and row[0] else Path(gettempdir())
    if not folder.is_dir():
        folder = folder.parent  # the database makes its folder only when it spills
    count = -(-users // SHELF_USERS)
    with ExitStack() as stack:
        try:
            yield [
                stack.enter_context(
                    SpooledTemporaryFile(max_size=SPOOLED_BYTES // count, dir=str(folder))
                )
                for _ in range(count)
            ]
        except OSError as error:
            raise StorageError(
                "disk",
                f"The last events of the users could not be sorted on disk: {error.strerror}",
                next_step="Free disk space in the workspace's folder and run it again",
            ) from error


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
def _small_sides_hashed(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """The optimizer takes a union for small and would hash the events instead of the users: twice
    the memory (2.0 against 1.0 GB at 10 M events)."""
    connection.execute("SET disabled_optimizers = 'build_side_probe_side'")
    try:
        yield
    finally:
        connection.execute("RESET disabled_optimizers")


@functools.cache
def _text(name: str) -> str:
    return without_comments((resources.files("engine.features") / name).read_text("utf-8"))

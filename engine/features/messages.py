"""What users wrote before a cutoff: tickets, reviews and comments of the last weeks.

Only the newest messages of a short window are read, each cut to its first characters, and held as
UTF-8 in one flat array that serves every cutoff, as the sequences of events do.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.features.fetch import chunks
from engine.features.views import without_comments

if TYPE_CHECKING:
    import duckdb

WINDOW = timedelta(days=84)
"""How far back messages are read: what is older says little about the coming weeks."""

MOST_MESSAGES = 8
"""Of a user before a cutoff, the newest."""

MOST_CHARACTERS = 400
"""Of a message, the first."""

CHUNK_ROWS = 65_536
"""Fetched at once: some tens of megabytes."""


@dataclass(frozen=True, slots=True)
class Messages:
    """M messages in flat arrays; row i owns the slice [start[i], stop[i]), oldest first."""

    content: NDArray[np.uint8]  # (L,) UTF-8
    offset: NDArray[np.int64]  # (M + 1,) message m is content[offset[m]:offset[m + 1]]
    seen_s: NDArray[np.int64]  # (M,) whole seconds since 1970-01-01 UTC
    start: NDArray[np.int64]  # (N,)
    stop: NDArray[np.int64]  # (N,) stop - start <= MOST_MESSAGES

    def take(self, rows: NDArray[Any]) -> Messages:
        """The messages of `rows` (indices or mask); the flat arrays are shared."""
        return replace(self, start=self.start[rows], stop=self.stop[rows])

    def texts(self, which: NDArray[np.int64]) -> list[str]:
        """The messages at these positions of the flat arrays."""
        first, last = self.offset[which].tolist(), self.offset[which + 1].tolist()
        return [
            self.content[begin:end].tobytes().decode()
            for begin, end in zip(first, last, strict=True)
        ]

    def owned(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and position of every message of every row, row after row."""
        length = self.stop - self.start
        row = np.repeat(np.arange(len(length)), length)
        shift = np.repeat(self.start - np.cumsum(length) + length, length)
        return row, np.arange(len(row), dtype=np.int64) + shift


def joined(parts: Sequence[Messages | None]) -> Messages | None:
    """The messages of all rows of `parts`; None where one of them has none.

    Parts of one build share their flat arrays; those of other builds are put one behind another.
    """
    found = [part for part in parts if part is not None]
    if not found or len(found) < len(parts):
        return None
    builds: dict[int, Messages] = {id(part.content): part for part in found}
    flat = list(builds.values())
    before = dict(zip(builds, np.cumsum([0, *(len(one.seen_s) for one in flat)]), strict=False))
    if len(flat) > 1:
        lengths = np.concatenate([np.diff(one.offset) for one in flat])
        content = np.concatenate([one.content for one in flat])
        offset = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        seen_s = np.concatenate([one.seen_s for one in flat])
    else:
        content, offset, seen_s = flat[0].content, flat[0].offset, flat[0].seen_s
    return Messages(
        content,
        offset,
        seen_s,
        start=np.concatenate([part.start + before[id(part.content)] for part in found]),
        stop=np.concatenate([part.stop + before[id(part.content)] for part in found]),
    )


@dataclass(frozen=True, slots=True)
class MessageStream:
    """The messages of V users; user v owns the half-open slice [begin[v], begin[v + 1])."""

    user_ids: NDArray[np.object_]  # (V,) ascending
    begin: NDArray[np.int64]  # (V + 1,)
    seen_us: NDArray[np.int64]  # (M,) ascending within a user
    messages: Messages  # the flat arrays; start and stop are empty

    def until(self, cutoff: datetime, user_ids: NDArray[np.object_]) -> Messages:
        """What `user_ids` (N,) wrote in the window before `cutoff`, the newest of it."""
        end_us, start_us = _microseconds(cutoff), _microseconds(cutoff - WINDOW)
        place = np.searchsorted(self.user_ids, user_ids)
        known = np.append(self.user_ids, [None])[place] == user_ids
        first = np.where(known, self.begin[place], 0)
        last = np.where(known, np.append(self.begin, 0)[place + 1], 0)

        def before(moment_us: int) -> NDArray[np.int64]:
            seen = np.concatenate([[0], np.cumsum(self.seen_us < moment_us)])
            return np.asarray(first + seen[last] - seen[first], np.int64)

        stop = before(end_us)
        start = np.maximum(before(start_us), stop - MOST_MESSAGES)
        return replace(self.messages, start=start, stop=stop)


def messages_sql() -> str:
    """The SELECT; parameters `$since`, `$until` and `$characters`."""
    return _text("messages.sql")


def pull_messages(
    connection: duckdb.DuckDBPyConnection, cutoffs: Sequence[datetime]
) -> MessageStream:
    """What was written in the window before any of `cutoffs`, read once for all of them."""
    values = {
        "since": min(cutoffs) - WINDOW,
        "until": max(cutoffs),
        "characters": MOST_CHARACTERS,
    }
    users: list[NDArray[np.object_]] = []
    seen: list[NDArray[np.int64]] = []
    content: list[bytes] = []
    lengths: list[int] = []
    for chunk in chunks(connection, messages_sql(), values, rows=CHUNK_ROWS):
        encoded = [text.encode() for text in chunk["text"]]
        users.append(chunk["user_id"].astype(object))
        seen.append(chunk["seen_us"].astype(np.int64))
        content.append(b"".join(encoded))
        lengths += map(len, encoded)
    owner = np.concatenate([np.zeros(0, object), *users])
    first = np.flatnonzero(owner[1:] != owner[:-1]) + 1 if len(owner) else np.zeros(0, np.int64)
    begin = np.concatenate([[0], first]) if len(owner) else np.zeros(0, np.int64)
    seen_us = np.concatenate([np.zeros(0, np.int64), *seen])
    none = np.zeros(0, np.int64)
    return MessageStream(
        user_ids=owner[begin.astype(np.int64)],
        begin=np.append(begin, len(owner)).astype(np.int64),
        seen_us=seen_us,
        messages=Messages(
            content=np.frombuffer(b"".join(content), np.uint8),
            offset=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
            seen_s=seen_us // 1_000_000,
            start=none,
            stop=none,
        ),
    )


def _microseconds(moment: datetime) -> int:
    return int(np.datetime64(moment, "us").astype(np.int64))


@functools.cache
def _text(name: str) -> str:
    return without_comments((resources.files("engine.features") / name).read_text("utf-8"))

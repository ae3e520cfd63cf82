"""The activity stream: pulled once, cut at each cutoff by position, the last events kept.

A stream ordered by (user, known_at, row id) makes what was known before a cutoff a prefix of the
user's slice: memory grows with the events, not with events times cutoffs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import MAX_EVENTS, Sequences

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class ActivityStream:
    """Flat arrays of E activities of U users; user u owns the slice [first[u], first[u + 1])."""

    user_ids: NDArray[np.object_]  # (U,) ascending
    first: NDArray[np.int64]  # (U + 1,)
    known_at: NDArray[np.datetime64]  # (E,) datetime64[us], ascending within a user
    events: Sequences  # the flat arrays; start and stop are empty

    def until(self, cutoff: datetime, user_ids: NDArray[np.object_]) -> Sequences:
        """The last `MAX_EVENTS` activities of `user_ids` (N,) known before `cutoff`."""
        known = np.concatenate([[0], np.cumsum(self.known_at < np.datetime64(cutoff, "us"))])
        place = np.searchsorted(self.user_ids, user_ids)
        if len(self.user_ids):
            place = np.minimum(place, len(self.user_ids) - 1)
            present = self.user_ids[place] == user_ids
            begin = np.where(present, self.first[place], 0)
            end = np.where(present, self.first[place + 1], 0)
        else:
            begin = end = np.zeros(len(user_ids), dtype=np.int64)
        stop = begin + known[end] - known[begin]
        start = np.maximum(begin, stop - MAX_EVENTS)
        return Sequences(
            self.events.kind,
            self.events.topic,
            self.events.value,
            self.events.occurred_s,
            start.astype(np.int64),
            stop.astype(np.int64),
            self.events.kinds,
            self.events.topics,
        )


def activity_sql() -> str:
    """The stream's SELECT; its parameter `$until` bounds what is pulled at all."""
    text = (resources.files("engine.features") / "activity.sql").read_text("utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


def pull_activity(
    connection: duckdb.DuckDBPyConnection, until: datetime, *, last: bool = False
) -> ActivityStream:
    """All activities known before `until`; `last`: only the newest `MAX_EVENTS` of each user.

    With `last` the stream serves one cutoff (`until`), in less memory.
    """
    kinds, topics = (_vocabulary(connection, column, until) for column in ("kind", "topic"))
    if "" not in topics:
        topics = ("", *topics)
    # Strings become small integers before the sort and before Python: both cost by the byte.
    sql = f"""
        WITH activity AS ({activity_sql()}),
        kinds AS (SELECT unnest($kinds) AS kind, unnest(range(len($kinds))) AS code),
        topics AS (SELECT unnest($topics) AS topic, unnest(range(len($topics))) AS code),
        members AS (
            SELECT user_id, row_number() OVER (ORDER BY user_id) - 1 AS code
            FROM (SELECT DISTINCT user_id FROM users) AS distinct_users
        ),
        coded AS (
            SELECT
                CAST(members.code AS INTEGER) AS member, activity.known_at, activity.occurred_at,
                CAST(kinds.code AS INTEGER) AS kind, CAST(topics.code AS INTEGER) AS topic,
                CAST(ln(1 + greatest(activity.amount, 0)) AS REAL) AS amount, activity.row_id
            FROM activity
            INNER JOIN members ON members.user_id = activity.user_id
            INNER JOIN kinds ON kinds.kind = activity.kind
            INNER JOIN topics ON topics.topic = activity.topic
        )
        SELECT member, known_at, occurred_at, kind, topic, amount
        FROM {_newest() if last else "coded"}
        ORDER BY {"member, place DESC" if last else "member, known_at, row_id, kind"}
    """
    columns = connection.execute(
        sql, {"until": until, "kinds": list(kinds), "topics": list(topics)}
    ).fetchnumpy()
    user_ids = np.asarray(
        connection.execute("SELECT DISTINCT user_id FROM users ORDER BY user_id").fetchnumpy()[
            "user_id"
        ],
        dtype=object,
    )
    member = np.asarray(columns["member"])
    occurred_us = np.asarray(columns["occurred_at"]).astype("datetime64[us]").astype(np.int64)
    none = np.zeros(0, dtype=np.int64)
    return ActivityStream(
        user_ids=user_ids,
        first=np.searchsorted(member, np.arange(len(user_ids) + 1)).astype(np.int64),
        known_at=np.asarray(columns["known_at"]).astype("datetime64[us]"),
        events=Sequences(
            kind=np.asarray(columns["kind"], dtype=np.int32),
            topic=np.asarray(columns["topic"], dtype=np.int32),
            value=np.asarray(columns["amount"], dtype=np.float32),
            occurred_s=occurred_us / 1e6,
            start=none,
            stop=none,
            kinds=kinds,
            topics=topics,
        ),
    )


def _newest() -> str:
    return f"""(
        SELECT * FROM (
            SELECT *, row_number() OVER (
                PARTITION BY member ORDER BY known_at DESC, row_id DESC, kind DESC
            ) AS place
            FROM coded
        ) AS placed
        WHERE place <= {MAX_EVENTS}
    ) AS newest"""


def _vocabulary(
    connection: duckdb.DuckDBPyConnection, column: str, until: datetime
) -> tuple[str, ...]:
    sql = f"SELECT DISTINCT {column} FROM ({activity_sql()}) AS activity ORDER BY {column}"
    return tuple(value for (value,) in connection.execute(sql, {"until": until}).fetchall())

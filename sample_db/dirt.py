"""Damage that a loader must find: known kinds of bad rows in known numbers."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np


@dataclass(frozen=True, slots=True)
class Dirt:
    """One kind of damage. `share` of the table's rows are copied and damaged by `change`.

    `change` is the list of a SELECT * REPLACE (...); `in_place` damages the rows themselves.
    """

    table: str
    reason: str
    share: float
    change: str
    in_place: bool = False


_NEW = {"events": "event_id", "payments": "payment_id", "subscriptions": "subscription_id",
        "messages": "message_id", "users": "user_id"}  # fmt: skip
FAR_FUTURE = "TIMESTAMP '2099-01-01 08:00:00'"
KINDS_OF_DIRT = (
    Dirt("events", "duplicate_key", 0.0010, "known_at + INTERVAL 1 SECOND AS known_at"),
    Dirt("events", "orphan_user", 0.0008, "'u-deleted' AS user_id"),
    Dirt("events", "missing_key", 0.0005, "NULL AS user_id"),
    Dirt("events", "out_of_range", 0.0006, "-1 - coalesce(duration_s, 30) AS duration_s"),
    Dirt("events", "future_date", 0.0004, f"{FAR_FUTURE} AS occurred_at, {FAR_FUTURE} AS known_at"),
    Dirt("events", "known_before_occurred", 0.0004, "occurred_at - INTERVAL 3 DAY AS known_at"),
    Dirt("payments", "duplicate_key", 0.0012, "known_at + INTERVAL 1 SECOND AS known_at"),
    Dirt("payments", "orphan_user", 0.0008, "'u-deleted' AS user_id"),
    Dirt("payments", "unknown_status", 0.0010, "'PENDING_3DS' AS status"),
    Dirt("payments", "out_of_range", 0.0006, "-amount AS amount"),
    Dirt("payments", "missing_key", 0.0004, "NULL AS user_id"),
    Dirt("subscriptions", "ends_before_start", 0.0020, "started_at - INTERVAL 30 DAY AS ends_at"),
    Dirt("subscriptions", "orphan_user", 0.0010, "'u-deleted' AS user_id"),
    Dirt("messages", "orphan_user", 0.0015, "'u-deleted' AS user_id"),
    Dirt("messages", "out_of_range", 0.0015, "11 AS rating"),
    Dirt("users", "duplicate_key", 0.0015, "city AS city"),
    Dirt("users", "missing_key", 0.0010, "NULL AS user_id"),
    Dirt("users", "bad_email", 0.0040, "replace(email, '@', '#') AS email", in_place=True),
)


def spoil(
    connection: duckdb.DuckDBPyConnection, rng: np.random.Generator
) -> list[tuple[str, str, int]]:
    """Damage the tables of `connection`; returns (table, reason, rows) for the truth."""
    sizes = {
        table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])
        for table in _NEW
    }
    done: list[tuple[str, str, int]] = []
    for number, dirt in enumerate(KINDS_OF_DIRT):
        rows = max(1, round(dirt.share * sizes[dirt.table]))
        picked = np.sort(rng.choice(sizes[dirt.table], size=rows, replace=False))
        connection.register("picked", {"n": picked})
        key = _NEW[dirt.table]
        where = "rowid IN (SELECT n FROM picked)"
        if dirt.in_place:
            what, column = dirt.change.rsplit(" AS ", 1)
            # A row with a twin would be put aside or kept by chance: leave it clean.
            single = f"SELECT {key} FROM {dirt.table} GROUP BY ALL HAVING count(*) = 1"
            where += f" AND {column} IS NOT NULL AND {key} IN ({single})"
            rows = int(
                connection.execute(f"SELECT count(*) FROM {dirt.table} WHERE {where}").fetchall()[
                    0
                ][0]
            )
            connection.execute(f"UPDATE {dirt.table} SET {column} = {what} WHERE {where}")
        else:
            change = dirt.change
            if dirt.reason not in ("duplicate_key",) and f"AS {key}" not in change:
                change += f", {key} || '-x{number}' AS {key}"
            connection.execute(
                f"INSERT INTO {dirt.table} "
                f"SELECT * REPLACE ({change}) FROM {dirt.table} WHERE {where}"
            )
        connection.unregister("picked")
        done.append((dirt.table, dirt.reason, rows))
    return done

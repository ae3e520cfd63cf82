"""Counts by day and digests of what was known by day: both are sums, so that changes can be added.

A digest adds up the hashes of rows, in any order. What a row learns later (a cancellation, a pause,
a solution) is masked in the row's own hash and adds a hash of its own on the day it was learnt: the
same reading as in `engine/features/views`, where what lies at or after a cutoff has not happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from engine.data.contract import Table, contract


@dataclass(frozen=True, slots=True)
class Later:
    """A fact that a row learns after its own day: when, and what it then says."""

    name: str
    learnt_at: str  # SQL; NULL: not yet
    says: tuple[str, ...]  # columns


@dataclass(frozen=True, slots=True)
class Knowledge:
    """On which day a row of a table was known, and what of it only later."""

    day: str  # SQL; NULL: always
    masks: Mapping[str, str] = field(default_factory=dict)  # column -> SQL before it was learnt
    later: tuple[Later, ...] = ()


KNOWLEDGE = {
    "users": Knowledge("signed_up_at"),
    "events": Knowledge("greatest(known_at, occurred_at)"),
    "payments": Knowledge("greatest(known_at, occurred_at)"),
    "subscriptions": Knowledge(
        "greatest(known_at, started_at)",
        masks={
            "cancelled_at": "NULL",
            # Until it was cancelled the renewal was on, whatever the row says now.
            "auto_renew": "CASE WHEN cancelled_at IS NULL THEN auto_renew ELSE TRUE END",
            "paused_at": "NULL",
            "resumes_at": "NULL",
        },
        later=(
            Later("cancelled", "cancelled_at", ("cancelled_at",)),
            Later("paused", "paused_at", ("paused_at",)),
            Later(
                "resumed",
                "CASE WHEN paused_at IS NOT NULL AND resumes_at IS NOT NULL "
                "THEN greatest(paused_at, resumes_at) END",
                ("resumes_at",),
            ),
        ),
    ),
    "contents": Knowledge("published_at"),
    "messages": Knowledge(
        "greatest(known_at, occurred_at)",
        masks={
            "resolved_at": "NULL",
            # How it was solved is said together with the solution.
            "status": "CASE WHEN resolved_at IS NULL THEN status END",
        },
        later=(Later("resolved", "resolved_at", ("resolved_at", "status")),),
    ),
    "outcomes": Knowledge("as_of"),
}
"""`user_sensitive` is not among them: no feature reads it."""


def of_known_days(table: Table, relation: str) -> str:
    """SELECT table_name, known_day, rows, digest (HUGEINT) of the rows of `relation`."""
    knowledge = KNOWLEDGE[table.name]
    hashed = ", ".join(knowledge.masks.get(name, name) for name in table.names())
    parts = [_contributions(knowledge.day, "1", hashed, relation)]
    key = ", ".join(table.key)
    for fact in knowledge.later:
        says = ", ".join(fact.says)
        parts.append(
            _contributions(
                f"greatest({knowledge.day}, {fact.learnt_at})",
                "0",
                f"'{fact.name}', {key}, {says}",
                f"{relation} WHERE ({fact.learnt_at}) IS NOT NULL",
            )
        )
    return (
        f"SELECT '{table.name}' AS table_name, known_day, sum(rows) AS rows, "
        "sum(digest) AS digest FROM (\n" + "\nUNION ALL\n".join(parts) + "\n) GROUP BY known_day"
    )


def _contributions(day: str, counts: str, hashed: str, relation: str) -> str:
    return (
        f"SELECT CAST({day} AS DATE) AS known_day, sum({counts}) AS rows, "
        f"sum(CAST(hash({hashed}) AS HUGEINT)) AS digest FROM {relation} GROUP BY known_day"
    )


def of_days(table: Table, relation: str) -> str:
    """SELECT table_name, day, rows, late of the rows of `relation`, a table with a time axis."""
    return (
        f"SELECT '{table.name}' AS table_name, CAST({table.happened} AS DATE) AS day, "
        "count(*) AS rows, "
        f"count(*) FILTER (WHERE known_at > {table.happened} + INTERVAL 1 DAY) AS late "
        f"FROM {relation} GROUP BY day"
    )


def count_anew(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Fill `daily_rows` and `known_digest` with the table as it is."""
    connection.execute("DELETE FROM daily_rows WHERE table_name = $table", {"table": table.name})
    connection.execute("DELETE FROM known_digest WHERE table_name = $table", {"table": table.name})
    if table.happened:
        connection.execute(f"INSERT INTO daily_rows {of_days(table, table.name)} ORDER BY day")
    if table.name in KNOWLEDGE:
        connection.execute(
            "INSERT INTO known_digest SELECT table_name, known_day, rows, CAST(digest AS VARCHAR) "
            f"FROM ({of_known_days(table, table.name)}) ORDER BY known_day"
        )


def add(connection: duckdb.DuckDBPyConnection, table: Table, relation: str, sign: int) -> None:
    """Add (`sign` 1) or take away (-1) the rows of `relation` from the table's sums."""
    if table.happened:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE sums AS\n"
            "SELECT table_name, day, sum(rows) AS rows, sum(late) AS late FROM (\n"
            "SELECT * FROM daily_rows WHERE table_name = $table UNION ALL BY NAME\n"
            f"SELECT table_name, day, $sign * rows AS rows, $sign * late AS late "
            f"FROM ({of_days(table, relation)})\n"
            ") GROUP BY table_name, day HAVING sum(rows) > 0",
            {"table": table.name, "sign": sign},
        )
        _replace(connection, table, "daily_rows", "day")
    if table.name in KNOWLEDGE:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE sums AS\n"
            "SELECT table_name, known_day, sum(rows) AS rows, "
            "CAST(sum(digest) AS VARCHAR) AS digest FROM (\n"
            "SELECT table_name, known_day, rows, CAST(digest AS HUGEINT) AS digest "
            "FROM known_digest WHERE table_name = $table UNION ALL BY NAME\n"
            f"SELECT table_name, known_day, $sign * rows AS rows, $sign * digest AS digest "
            f"FROM ({of_known_days(table, relation)})\n"
            ") GROUP BY table_name, known_day HAVING sum(rows) > 0 OR sum(digest) <> 0",
            {"table": table.name, "sign": sign},
        )
        _replace(connection, table, "known_digest", "known_day")


def _replace(connection: duckdb.DuckDBPyConnection, table: Table, sums: str, order: str) -> None:
    connection.execute(f"DELETE FROM {sums} WHERE table_name = $table", {"table": table.name})
    connection.execute(f"INSERT INTO {sums} SELECT * FROM sums ORDER BY {order}")


def content_digest(connection: duckdb.DuckDBPyConnection) -> str:
    """One text that differs when anything differs that features, labels or reports read."""
    parts = [connection.execute("SELECT * FROM known_digest ORDER BY ALL").fetchall()]
    others = [name for name in contract() if name not in KNOWLEDGE]
    for name in (*others, "attribute_note", "usual_charge"):
        parts.append(
            connection.execute(
                f"SELECT '{name}', count(*), CAST(sum(CAST(hash(r) AS HUGEINT)) AS VARCHAR) "
                f"FROM {name} r"
            ).fetchall()
        )
    return repr(parts)

"""Bring judged rows into the next behaviour database: in place of the old rows, or beside them.

The judged rows lie in a database attached as `incoming`. A row whose key is there already is told
apart by its content; what a row does not say of itself (when it was known, when a user signed up)
does not make it another one.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from engine.data import compile as sql
from engine.data import digests
from engine.data.checks import REASONS
from engine.data.contract import FACTS, Table, contract
from engine.data.mapping import LateRows
from engine.data.previous import Previous
from engine.data.table import Judged
from engine.types import TableLoad

NEVER_LATE_S = 86_400
"""A fact that happened in the last day of the previous data is not late: it was on its way."""


def clear(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Empty the tables and forget what was said of them; their room in the file is free again."""
    for name in tables:
        row = connection.execute(
            "SELECT sql FROM duckdb_tables() WHERE database_name = current_database() "
            "AND schema_name = 'main' AND table_name = $name",
            {"name": name},
        ).fetchone()
        connection.execute(f"DROP TABLE {name}")
        connection.execute(row[0] if row else "")
        for about in ("daily_rows", "known_digest", "quarantine"):
            connection.execute(f"DELETE FROM {about} WHERE table_name = $name", {"name": name})
    connection.execute("CHECKPOINT")


def forget_users(connection: duckdb.DuckDBPyConnection, present: str) -> None:
    """Take the facts of users who are in the relation `present` and no longer in `users` away."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE gone AS SELECT user_id FROM {present} "
        "EXCEPT SELECT user_id FROM users"
    )
    if _count(connection, "SELECT count(*) FROM gone") == 0:
        return
    for table in contract().values():
        if not table.has_owner:
            continue
        theirs = f"(SELECT * FROM {table.name} WHERE user_id IN (SELECT user_id FROM gone)) theirs"
        if table.happened:
            digests.add(connection, table, theirs, -1)
        connection.execute(f"DELETE FROM {table.name} WHERE user_id IN (SELECT user_id FROM gone)")


def merge(
    connection: duckdb.DuckDBPyConnection, judged: Judged, *, previous: Previous, load_id: int
) -> TableLoad:
    """Add the kept rows of `judged` to its table and the others to the quarantine.

    The sums of `digests` are kept for tables with a time axis only; see `count_rest`.
    """
    table = judged.table
    refused = dict(judged.refused)
    rows = sum(count for code, count in refused.items() if REASONS[code].refused)
    added, updated, already_there = judged.read - rows, 0, 0
    if _count(connection, f"SELECT count(*) FROM {table.name}") == 0:
        connection.execute(
            f"INSERT INTO {table.name} SELECT {', '.join(table.names())} "
            f"FROM incoming.{sql.staged(table)} WHERE reason IS NULL ORDER BY {sql.order(table)}"
        )
        if table.happened:
            digests.count_anew(connection, table)
    else:
        _match(connection, table)
        added = _add_fresh(connection, judged, previous)
        changed = _count(connection, "SELECT count(*) FROM matched WHERE NOT same")
        already_there = _count(connection, "SELECT count(*) FROM matched WHERE same")
        if judged.given.mode == "upsert":
            updated = changed
            if changed:
                _update(connection, table)
        elif changed:
            refused["conflicting_key"] = changed
            rows += changed
    _quarantine(connection, judged, load_id)
    return TableLoad(
        table.name,
        judged.read,
        _count(connection, f"SELECT count(*) FROM {table.name}"),
        dict(sorted(refused.items())),
        added=added,
        updated=updated,
        already_there=already_there,
        refused=rows,
    )


def count_rest(connection: duckdb.DuckDBPyConnection) -> None:
    """Sum up the tables without a time axis, when nothing more will change in them."""
    for table in contract().values():
        if table.name in digests.KNOWLEDGE and not table.happened:
            digests.count_anew(connection, table)


def _match(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Fill `matched`: rows of `incoming` whose key is there; `same`: with the same content."""
    on = " AND ".join(
        f"ours.{name} IS NOT DISTINCT FROM theirs.{name}"
        if name == "as_of"
        else f"ours.{name} = theirs.{name}"
        for name in table.key
    )
    same = " AND ".join(
        f"({_unsaid(name)} OR ours.{name} IS NOT DISTINCT FROM theirs.{name})"
        for name in table.names()
        if name not in table.key
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE matched AS "
        "SELECT theirs.rowid AS incoming_row, theirs.source_row AS source_row, "
        f"ours.rowid AS present_row, {same or 'TRUE'} AS same "
        f"FROM incoming.{sql.staged(table)} theirs JOIN {table.name} ours ON {on} "
        "WHERE theirs.reason IS NULL"
    )


def _unsaid(column: str) -> str:
    """SQL: does the incoming row leave the column to us?"""
    return {
        "known_at": "NOT theirs.known_given",
        "signed_up_at": "theirs.signed_up_at IS NULL",
    }.get(column, "FALSE")


def _add_fresh(connection: duckdb.DuckDBPyConnection, judged: Judged, previous: Previous) -> int:
    table = judged.table
    names = [_known(name, table, judged.given.late_rows) for name in table.names()]
    statement = (
        f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT {', '.join(names)} "
        f"FROM incoming.{sql.staged(table)} WHERE reason IS NULL "
        "AND rowid NOT IN (SELECT incoming_row FROM matched)"
    )
    about = {"previous_as_of": previous.as_of}
    connection.execute(statement, {k: v for k, v in about.items() if f"${k}" in statement})
    added = _count(connection, "SELECT count(*) FROM fresh")
    if added:
        connection.execute(
            f"INSERT INTO {table.name} SELECT * FROM fresh ORDER BY {sql.order(table)}"
        )
        if table.happened:
            digests.add(connection, table, "fresh", 1)
    connection.execute("DROP TABLE fresh")
    return added


def _known(column: str, table: Table, late_rows: LateRows) -> str:
    if column != "known_at" or table.name not in FACTS or late_rows == "as_given":
        return column
    # Not before the end of the previous data: no cutoff that was scored from them sees the row.
    return (
        f"CASE WHEN NOT known_given AND {table.happened} < $previous_as_of "
        f"- to_seconds({NEVER_LATE_S}) THEN greatest(known_at, $previous_as_of) "
        "ELSE known_at END AS known_at"
    )


def _update(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Give the rows that came again with other content that content."""
    columns = []
    for name in table.names():
        if name == "known_at":
            kept = f"greatest(ours.known_at, theirs.{table.happened})"
            columns.append(f"CASE WHEN theirs.known_given THEN theirs.known_at ELSE {kept} END")
        elif name == "signed_up_at":
            columns.append("coalesce(theirs.signed_up_at, ours.signed_up_at)")
        else:
            columns.append(f"theirs.{name}")
    listed = ", ".join(
        f"{value} AS {name}" for value, name in zip(columns, table.names(), strict=True)
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE changed AS SELECT present_row, {listed} FROM matched "
        f"JOIN incoming.{sql.staged(table)} theirs ON theirs.rowid = incoming_row "
        f"JOIN {table.name} ours ON ours.rowid = present_row WHERE NOT same"
    )
    before = f"(SELECT * FROM {table.name} WHERE rowid IN (SELECT present_row FROM changed)) before"
    if table.happened:
        digests.add(connection, table, before, -1)
    changes = ", ".join(f"{n} = changed.{n}" for n in table.names() if n not in table.key)
    connection.execute(
        f"UPDATE {table.name} SET {changes} FROM changed "
        f"WHERE {table.name}.rowid = changed.present_row"
    )
    if table.happened:
        digests.add(connection, table, "changed", 1)
    connection.execute("DROP TABLE changed")


def _quarantine(connection: duckdb.DuckDBPyConnection, judged: Judged, load_id: int) -> None:
    """Remember what was refused, unless an earlier load has put the same row aside already."""
    found = "SELECT table_name, reason, row_json FROM incoming.refused WHERE table_name = $table"
    if judged.given.mode == "append" and _has(connection, "matched"):
        found += (
            "\nUNION ALL SELECT $table, 'conflicting_key', CAST(to_json(theirs) AS VARCHAR) "
            f"FROM matched JOIN incoming.{judged.relation} theirs "
            "ON theirs.rowid = matched.source_row WHERE NOT same"
        )
    connection.execute(
        f"INSERT INTO quarantine SELECT table_name, reason, row_json, $load_id FROM ({found}\n"
        "EXCEPT ALL SELECT table_name, reason, row_json FROM quarantine "
        "WHERE table_name = $table) ORDER BY ALL",
        {"table": judged.table.name, "load_id": load_id},
    )
    connection.execute("DROP TABLE IF EXISTS matched")


def _has(connection: duckdb.DuckDBPyConnection, temporary: str) -> bool:
    return bool(
        _count(
            connection,
            f"SELECT count(*) FROM duckdb_tables() WHERE temporary AND table_name = '{temporary}'",
        )
    )


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0

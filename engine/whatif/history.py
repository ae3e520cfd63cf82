"""One user's rows as known at a cutoff, and edits of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine.data.contract import FACTS, KEYS

if TYPE_CHECKING:
    import duckdb

Row = Mapping[str, Any]
"""Column of the contract -> value; None where it is NULL."""


@dataclass(frozen=True, slots=True)
class History:
    """What was known of one user before `cutoff`: rows of the contract's tables, by time."""

    cutoff: datetime
    user: Row
    events: tuple[Row, ...]
    payments: tuple[Row, ...]
    subscriptions: tuple[Row, ...]
    messages: tuple[Row, ...]

    def tables(self) -> Iterator[tuple[str, tuple[Row, ...]]]:
        """Name and rows of each table with a time axis."""
        for name in FACTS:
            yield name, getattr(self, name)


@dataclass(frozen=True, slots=True)
class Change:
    """Rows to put into a history, by table; a row whose key is there already takes its place."""

    rows: Mapping[str, tuple[Row, ...]]

    def with_other(self, other: Change) -> Change:
        """Both changes; where they put the same row, the other's."""
        merged = {name: list(rows) for name, rows in self.rows.items()}
        for name, rows in other.rows.items():
            (key,) = KEYS[name]
            put = {row[key] for row in rows}
            kept = [row for row in merged.get(name, []) if row[key] not in put]
            merged[name] = [*kept, *rows]
        return Change({name: tuple(rows) for name, rows in merged.items()})


NO_CHANGE = Change({})


def read_history(
    connection: duckdb.DuckDBPyConnection, user_id: str, cutoff: datetime
) -> History | None:
    """The rows of `user_id` known before `cutoff`; None: there is no such user."""
    person = _rows(connection, "SELECT * FROM users WHERE user_id = $user_id", {"user_id": user_id})
    if not person:
        return None
    values = {"user_id": user_id, "cutoff": cutoff}
    found = {
        table: _rows(
            connection,
            f"SELECT * FROM {table} WHERE user_id = $user_id AND known_at < $cutoff "
            f"AND {happened} < $cutoff ORDER BY {happened}, {KEYS[table][0]}",
            values,
        )
        for table, happened in FACTS.items()
    }
    return History(cutoff, person[0], **found)


def _rows(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]
) -> tuple[Row, ...]:
    cursor = connection.execute(sql, dict(values))
    names = [str(column[0]) for column in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())

"""What the workspace held before a load: the history that a load is compared with or added to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from engine.data.contract import contract
from engine.store.lease import lease


@dataclass(frozen=True, slots=True)
class Previous:
    """The loaded data before this load; the defaults are those of an empty workspace."""

    load_id: int = 0
    as_of: datetime | None = None
    loaded_at: datetime | None = None
    currency: str = ""
    fingerprint: str = ""
    rows: Mapping[str, int] = field(default_factory=dict)  # table -> rows
    daily: Mapping[str, Mapping[date, int]] = field(default_factory=dict)  # table -> day -> rows
    history: tuple[tuple[Any, ...], ...] = ()  # rows of load_history, oldest first
    extendable: bool = False  # of this program's layout, so that rows can be added


def read_previous(database: Path) -> Previous:
    """What `database` holds; of data that another version wrote, what can be compared.

    Raises `StorageError` when the file is no database.
    """
    if not database.exists():
        return Previous()
    with lease(database) as connection:
        columns = _columns(connection)
        if "load_run" not in columns:
            return Previous()
        known = contract()
        run = connection.execute(
            "SELECT as_of, currency, fingerprint, loaded_at FROM load_run"
        ).fetchone()
        if run is None:
            return Previous()
        layout = {name: columns.get(name) for name in known}
        extendable = "load_history" in columns and layout == {
            name: table.names() for name, table in known.items()
        }
        history = _history(connection) if extendable else ()
        return Previous(
            load_id=int(history[-1][0]) if history else 1,
            as_of=run[0],
            currency=run[1],
            fingerprint=run[2],
            loaded_at=run[3],
            rows={name: _count(connection, name) for name in known if name in columns},
            daily=daily_rows(connection) if "daily_rows" in columns else {},
            history=history,
            extendable=extendable,
        )


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    rows = connection.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal GROUP BY table_name"
    ).fetchall()
    return {name: tuple(names) for name, names in rows}


def _history(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[Any, ...], ...]:
    return tuple(connection.execute("SELECT * FROM load_history ORDER BY load_id").fetchall())


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def daily_rows(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[date, int]]:
    """Table -> day -> rows."""
    daily: dict[str, dict[date, int]] = {}
    for table, day, rows in connection.execute(
        "SELECT table_name, day, rows FROM daily_rows"
    ).fetchall():
        daily.setdefault(table, {})[day] = rows
    return daily

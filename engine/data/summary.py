"""What is loaded now: read from a connection to the behaviour database."""

from __future__ import annotations

import json
from datetime import datetime

import duckdb

from engine.data.contract import KEYS, LAYOUT, layout
from engine.errors import DataError
from engine.store.codec import from_json
from engine.timeline import ChurnRule
from engine.types import DataSummary, LoadReport, TableLoad


def summary(connection: duckdb.DuckDBPyConnection) -> DataSummary | None:
    """The counts and the period of what is loaded; None when nothing has been loaded."""
    if not _loaded(connection):
        return None
    rows = {
        name: _count(connection, f"SELECT count(*) FROM {name}")  # names of our own contract
        for name in KEYS
    }
    run = connection.execute(
        "SELECT first_at, as_of, loaded_at, currency, timezone FROM load_run"
    ).fetchone()
    if run is None:
        return None
    return DataSummary(
        users=rows["users"],
        rows=rows,
        first_at=run[0],
        as_of=run[1],
        loaded_at=run[2],
        currency=run[3],
        timezone=run[4],
        quarantined=_count(connection, "SELECT count(*) FROM quarantine"),
    )


def churn_rule(connection: duckdb.DuckDBPyConnection) -> ChurnRule:
    """The rule that the data were loaded with; `DataError` when nothing has been loaded."""
    return from_json(ChurnRule, json.loads(_of_run(connection, "churn_rule")))


def fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
    """A digest of the mapping and the sources; `DataError` when nothing has been loaded."""
    return _of_run(connection, "fingerprint")


def last_report(connection: duckdb.DuckDBPyConnection) -> LoadReport:
    """What the last load did; `DataError` when nothing has been loaded."""
    content = json.loads(_of_run(connection, "report"))
    return LoadReport(
        tables=tuple(TableLoad(**table) for table in content["tables"]),
        as_of=datetime.fromisoformat(content["as_of"]),
        mapping=content["mapping"],
        seconds=content["seconds"],
        load_id=content.get("load_id", 1),
        changed=content.get("changed", True),
    )


def _of_run(connection: duckdb.DuckDBPyConnection, column: str) -> str:
    row = None
    if _loaded(connection):
        row = connection.execute(f"SELECT {column} FROM load_run").fetchone()
    if row is None:
        raise DataError(
            "nothing_loaded",
            "no behaviour data are loaded",
            next_step="Run `retention load` first",
        )
    return str(row[0])


def _loaded(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether data are there; `DataError` when an earlier version, with another layout, loaded."""
    found = set(connection.execute(LAYOUT).fetchall())
    if not any(table == "load_run" for table, _ in found):
        return False
    missing = sorted(f"{table}.{column}" for table, column in layout() - found)
    if missing:
        raise DataError(
            "older_database",
            "The behaviour database was loaded by an earlier version",
            why=f"It lacks {missing[0]}" + (f" and {len(missing) - 1} more" * (len(missing) > 1)),
            next_step="Run `retention load` again; ledger and models stay",
        )
    return True


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def nothing_loaded() -> DataError:
    """The workspace has no behaviour data."""
    return DataError(
        "nothing_loaded",
        "No behaviour data is loaded in this workspace",
        next_step="Run `retention load` with a mapping, or `retention demo` for the sample",
    )

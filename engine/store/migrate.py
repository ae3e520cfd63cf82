"""Bring a ledger file to the present schema: numbered SQL files, each applied once, in order."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import duckdb

from engine.errors import StorageError
from engine.store.lease import lease


@functools.cache
def migrations() -> tuple[tuple[int, str, str], ...]:
    """(number, name, SQL) of every migration, ascending."""
    folder = resources.files("engine.store") / "migrations"
    found = []
    for entry in folder.iterdir():
        if entry.name.endswith(".sql"):
            number, _, name = entry.name.removesuffix(".sql").partition("_")
            found.append((int(number), name, entry.read_text("utf-8")))
    return tuple(sorted(found))


def migrate(ledger: Path, *, now: datetime | None = None) -> int:
    """Apply what is missing, in one transaction; returns the schema version.

    A ledger that is up to date is only read, so that other processes may read it meanwhile.
    Raises `StorageError` when the file was written by a newer version of this program.
    """
    newest = migrations()[-1][0]
    if ledger.exists():
        with lease(ledger) as connection:
            if _version(connection, ledger, newest) == newest:
                return newest
    applied_at = now or datetime.now(UTC).replace(tzinfo=None)
    with lease(ledger, write=True) as connection:
        # Asked again: another process may have migrated since the look above.
        present = _version(connection, ledger, newest)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migration "
            "(number INTEGER PRIMARY KEY, name VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL)"
        )
        for number, name, sql in migrations():
            if number > present:
                connection.execute(sql)
                connection.execute(
                    "INSERT INTO migration VALUES (?, ?, ?)", [number, name, applied_at]
                )
    return newest


def _version(connection: duckdb.DuckDBPyConnection, ledger: Path, newest: int) -> int:
    known = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'migration'"
    ).fetchone()
    if not known or not known[0]:
        return 0
    row = connection.execute("SELECT coalesce(max(number), 0) FROM migration").fetchone()
    present = int(row[0]) if row else 0
    if present > newest:
        raise StorageError(
            "newer_ledger",
            f"{ledger.name} has schema {present}, this program knows {newest}",
            next_step="Upgrade retention-workbench; the ledger was not touched",
        )
    return present

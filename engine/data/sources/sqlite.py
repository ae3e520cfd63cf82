"""Tables and views of a SQLite file, through the standard library, read-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote as url_quote

import duckdb

from engine.data.sources.observed import Observed, copy_observed
from engine.data.sources.source import Source, find_table, quote, unreadable
from engine.errors import DatabaseBusy, RetentionError

SUFFIXES = (".sqlite", ".sqlite3")
MAGIC = b"SQLite format 3\0"
FETCH_ROWS = 10_000

WAIT_S = 5.0
"""How long another program's writing is waited for."""


def is_sqlite(file: str) -> bool:
    """Does the file begin as SQLite files do? Many of them are called .db, as DuckDB's are."""
    with Path(file).open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


class SqliteSession:
    """One file, one snapshot for all its tables."""

    def __init__(self, source: Source, file: str) -> None:
        self._file = file
        try:
            self._database = sqlite3.connect(
                f"file:{url_quote(file)}?mode=ro", uri=True, timeout=WAIT_S, isolation_level=None
            )
            # A text that is no UTF-8 is one odd value, not the end of the load.
            self._database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            self._database.execute("BEGIN")
        except sqlite3.Error as error:
            raise _fault(source, file, error) from error

    def close(self) -> None:
        """End the snapshot."""
        self._database.close()

    def table_names(self, source: Source) -> Sequence[str]:
        """The file's tables and views, as a mapping names them."""
        try:
            return [
                row[0]
                for row in self._database.execute(
                    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                    "AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name"
                )
            ]
        except sqlite3.Error as error:
            raise _fault(source, self._file, error) from error

    def copy(self, connection: duckdb.DuckDBPyConnection, source: Source, into: str) -> None:
        """Copy the source's table into the new table `into`.

        SQLite's types belong to values and not to columns: a column gets the type that all of its
        values have, or text.
        """
        try:
            names = self.table_names(source)
            there = {name: name for name in names} | {f"main.{name}": name for name in names}
            rows = self._database.execute(f"SELECT * FROM {quote(find_table(source, there))}")
            columns = [column[0] for column in rows.description]
            copy_observed(connection, into, columns, _batches(rows))
        except sqlite3.Error as error:
            raise _fault(source, self._file, error) from error


def table_names(source: Source, file: str) -> Sequence[str]:
    """The tables and views of a file, as a mapping names them."""
    with closing(SqliteSession(source, file)) as session:
        return session.table_names(source)


def _batches(rows: sqlite3.Cursor) -> Iterator[Sequence[Sequence[Observed]]]:
    while batch := rows.fetchmany(FETCH_ROWS):
        yield batch


def _fault(source: Source, file: str, error: sqlite3.Error) -> RetentionError:
    if "locked" in str(error):
        return DatabaseBusy(
            "database_busy",
            f"{Path(file).name} is being written by another program",
            next_step="Wait for it to finish, then run the same command again",
        )
    return unreadable(source, file, error)

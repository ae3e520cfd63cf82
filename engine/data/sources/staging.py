"""Rows from a driver or a workbook -> a typed table, through one text format read by DuckDB.

A row at a time into DuckDB is slow, and a frame library guesses types anew for each batch. So the
rows go, as text, through files of a bounded size: quoted is a value, unquoted and empty is NULL.
That is also what PostgreSQL's COPY writes. At the end each column gets the first of its candidate
types that every value has.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from engine.data.sources.source import quote
from engine.store.scratch import SOURCES_SUFFIX

BATCH_BYTES = 128 * 1024 * 1024
"""Text held on disk at a time, beside the scratch database."""

MAX_LINE_BYTES = 64 * 1024 * 1024
"""The longest row that a database may hand over."""

INTEGER_TEXT = "INTEGER TEXT"
"""BIGINT where every value is written as a whole number."""


@contextmanager
def workplace(connection: duckdb.DuckDBPyConnection) -> Iterator[Path]:
    """A folder for large files beside the connection's database, removed at the end.

    What a killed process leaves there goes with its scratch database.
    """
    row = connection.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchone()
    beside: Path | None = None
    if row and row[0]:
        beside = Path(f"{row[0]}{SOURCES_SUFFIX}")
        beside.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=beside, prefix="retention-") as folder:
            yield Path(folder)
    finally:
        if beside is not None and not any(beside.iterdir()):
            beside.rmdir()


class Staging:
    """Collects text rows for the new table `into`; call `finish` after the last."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        into: str,
        names: Sequence[str],
        folder: Path,
    ) -> None:
        self._connection = connection
        self._into = into
        self._names = names
        self._file = folder / f"{into}.csv"
        self._out = self._file.open("wb")
        columns = ", ".join(f"{quote(name)} VARCHAR" for name in names)
        connection.execute(f"CREATE TABLE {into} ({columns})")

    def write(self, lines: bytes | bytearray | memoryview, *, complete: bool) -> None:
        """Take text of rows in the staging format; `complete`: it ends where a row ends."""
        self._out.write(lines)
        if complete and self._out.tell() >= BATCH_BYTES:
            self._flush()

    def rows(self, rows: Iterable[Sequence[str | None]]) -> None:
        """Take whole rows of text values."""
        text = "".join(line(row) for row in rows)
        self.write(text.encode("utf-8", "replace"), complete=True)

    def finish(self, types: Sequence[Sequence[str]]) -> None:
        """Load what is left; each column gets the first of its `types` that all its values have.

        Where none does, it stays VARCHAR.
        """
        self._flush()
        self._out.close()
        _settle_types(self._connection, self._into, dict(zip(self._names, types, strict=True)))

    def _flush(self) -> None:
        self._out.flush()
        # A last column of no meaning keeps a row of one NULL from being an empty line.
        names = [f"c{number}" for number in range(len(self._names) + 1)]
        chosen = ", ".join(names[:-1])
        if self._out.tell():
            self._connection.execute(
                f"INSERT INTO {self._into} SELECT {chosen} FROM read_csv($file, columns = $columns,"
                " auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', "
                "new_line = '\\n', nullstr = '', allow_quoted_nulls = false, "
                f"max_line_size = {MAX_LINE_BYTES})",
                {"file": str(self._file), "columns": dict.fromkeys(names, "VARCHAR")},
            )
        self._out.seek(0)
        self._out.truncate()


def line(row: Sequence[str | None]) -> str:
    """A row in the staging format."""
    quoted = ("" if v is None else '"' + v.replace('"', '""') + '"' for v in row)
    return ",".join(quoted) + ',""\n'


def _settle_types(
    connection: duckdb.DuckDBPyConnection, into: str, types: Mapping[str, Sequence[str]]
) -> None:
    tries = [(name, kind) for name, kinds in types.items() for kind in kinds]
    if not tries:
        return
    fits = connection.execute(
        f"SELECT {', '.join(_fits(name, kind) for name, kind in tries)} FROM {into}"
    ).fetchone()
    chosen: dict[str, str] = {}
    for (name, kind), fit in zip(tries, fits or (), strict=True):
        if fit:
            chosen.setdefault(name, "BIGINT" if kind == INTEGER_TEXT else kind)
    for name, kind in chosen.items():
        if kind != "VARCHAR":
            connection.execute(f"ALTER TABLE {into} ALTER {quote(name)} SET DATA TYPE {kind}")


def _fits(name: str, kind: str) -> str:
    column = quote(name)
    if kind == INTEGER_TEXT:
        test = f"regexp_full_match({column}, '[+-]?[0-9]{{1,18}}')"
    else:
        test = f"TRY_CAST({column} AS {kind}) IS NOT NULL"
    return f"coalesce(bool_and({test}) FILTER (WHERE {column} IS NOT NULL), true)"

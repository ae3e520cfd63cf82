"""Read a source file into a scratch database: Parquet, CSV or TSV (globs too), a DuckDB file.

CSV columns arrive as text, so that a bad number is one bad row and not another type for all rows.
"""

from __future__ import annotations

import csv
import glob
import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from engine.errors import DataError, RetentionError, UsageError
from engine.settings import nearest
from engine.store.lease import busy, disk_refused, first_line

DATABASE_SUFFIXES = (".duckdb", ".ddb", ".db")
TEXT_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
SEPARATORS = ("\t", ",", ";", "|")


@dataclass(frozen=True, slots=True)
class Source:
    """What a mapping calls by `source` and `table`."""

    folder: Path
    name: str  # file name or glob, relative to `folder`, or absolute
    table: str = ""  # inside a DuckDB file
    encoding: str = ""  # of a text file; empty: recognised

    @property
    def title(self) -> str:
        """The name for messages."""
        return f"{self.name}, table {self.table}" if self.table else self.name


def copy_source(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    into: str,
    *,
    frames: Mapping[str, object] | None = None,
) -> None:
    """Copy all rows of `source`, in their order, into the new table `into`.

    Lines of a text file that are no row go to the new table `ragged(into)`, column `line`.

    Raises `UsageError` for a kind of file that is not read, `DataError` for a missing, damaged or
    wrongly encoded one, `DatabaseBusy` when another process writes a DuckDB source.
    """
    files = _files(source)
    connection.execute(f"CREATE TABLE {ragged(into)} (line VARCHAR)")
    try:
        if source.name.endswith(DATABASE_SUFFIXES):
            _copy_table(connection, source, files[0], into)
        elif source.name.endswith(".parquet"):
            connection.execute(
                f"CREATE TABLE {into} AS SELECT * FROM "
                "read_parquet($files, union_by_name = true, hive_partitioning = false)",
                {"files": files},
            )
        else:
            _copy_text(connection, source, files, into)
    except (duckdb.Error, OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        if disk_refused(error):
            raise
        raise _unreadable(source, files, error) from error


def _copy_text(
    connection: duckdb.DuckDBPyConnection, source: Source, files: list[str], into: str
) -> None:
    """Read CSV or TSV files by their own header lines; a glob's files may differ in columns.

    Nothing is guessed from the rows: a guess would skip lines until the rest looks even.
    """
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for file in files:
        alike.setdefault(_header(source, file), []).append(file)
    selects = []
    parameters: dict[str, object] = {}
    for number, ((separator, names), group) in enumerate(alike.items()):
        selects.append(
            f"SELECT * FROM read_csv($files_{number}, columns = $columns_{number}, "
            f"delim = $separator_{number}, auto_detect = false, header = true, "
            "quote = '\"', escape = '\"')"
        )
        parameters[f"files_{number}"] = group
        parameters[f"columns_{number}"] = dict.fromkeys(names, "VARCHAR")
        parameters[f"separator_{number}"] = separator
    union = " UNION ALL BY NAME ".join(selects)
    connection.execute(f"CREATE TABLE {into} AS {union}", parameters)


def _header(source: Source, file: str) -> tuple[str, tuple[str, ...]]:
    """The separator, which is what the header line has most of, and the columns' names."""
    with gzip.open(file, "rb") if file.endswith(".gz") else Path(file).open("rb") as lines:
        line = lines.readline(1_000_000).decode("utf-8-sig").strip("\r\n")
    separator = max(SEPARATORS, key=line.count)
    names = tuple(name.strip() for name in next(csv.reader([line], delimiter=separator), []))
    if not any(names):
        raise DataError(
            "empty_source",
            f"{Path(file).name} has no header line",
            why="The first line names the columns",
            next_step="Export the file again, with its header",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            "repeated_column",
            f"{source.title} has the column {twice[0] or '(without a name)'} twice",
            next_step="Rename one of them in the header line",
        )
    return separator, names


def _files(source: Source) -> list[str]:
    known = (".parquet", *TEXT_SUFFIXES, *DATABASE_SUFFIXES)
    if not source.name.endswith(known):
        raise UsageError(
            "unknown_format",
            f"{source.name} is no source that can be read",
            why=f"The name must end in one of {', '.join(known)}",
        )
    files = sorted(glob.glob(str(source.folder / source.name)))
    if files:
        return files
    wanted = source.folder / source.name
    there = sorted(p.name for p in wanted.parent.iterdir()) if wanted.parent.is_dir() else []
    near = nearest(wanted.name, there)
    hint = f"Did you mean {near!r}?" if near else "Copy the file there, or mend `source`"
    raise DataError(
        "missing_source", f"{wanted.name} does not exist in {wanted.parent}", next_step=hint
    )


def _copy_table(
    connection: duckdb.DuckDBPyConnection, source: Source, file: str, into: str
) -> None:
    if not source.table:
        raise UsageError(
            "missing_key",
            f"{source.name} is a database: it is not said which table to read",
            next_step='Add table = "…" beside source',
        )
    literal = file.replace("'", "''")
    connection.execute(f"ATTACH '{literal}' AS source_file (READ_ONLY)")
    try:
        schema, _, table = source.table.rpartition(".")
        rows = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_catalog = 'source_file' ORDER BY ALL"
        ).fetchall()
        if (schema or "main", table) not in rows:
            names = [name if at == "main" else f"{at}.{name}" for at, name in rows]
            near = nearest(source.table, names)
            raise DataError(
                "missing_table",
                f"{source.name} has no table {source.table}",
                why=f"It has {', '.join(names) or 'none'}",
                next_step=f"Did you mean {near!r}?" if near else "Mend `table` in the mapping",
            )
        connection.execute(
            f"CREATE TABLE {into} AS SELECT * FROM "
            f"source_file.{quote(schema or 'main')}.{quote(table)}"
        )
    finally:
        connection.execute("DETACH source_file")


def _unreadable(source: Source, files: list[str], error: Exception) -> RetentionError:
    held = busy(Path(files[0]), error)
    if held is not None:
        return held
    detail = first_line(error)
    if isinstance(error, UnicodeDecodeError) or "invalid unicode" in str(error).lower():
        return DataError(
            "not_utf8",
            f"{source.title} is not UTF-8 text: {detail}",
            next_step="Save it as UTF-8 (Excel: 'CSV UTF-8') and load again",
        )
    counted = re.search(r"Expected Number of Columns: \d+ Found: \d+", str(error))
    return DataError(
        "unreadable_source",
        f"{source.title} cannot be read: {detail}",
        why=counted.group() if counted else "",
        next_step="Check that the file is complete and of the kind its name says",
    )


def ragged(into: str) -> str:
    """The table of the lines that are no row of the source copied into `into`."""
    return f"{into}_ragged"


def quote(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'

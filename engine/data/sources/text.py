"""CSV and TSV files by their own header lines; a glob's files may differ in columns.

Columns arrive as text, so that a bad number is one bad row and not another type for all rows.
Nothing is guessed from the rows: a guess would skip lines until the rest looks even. A line that
is no row is put aside, see `ragged`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from engine.data.sources import encodings
from engine.data.sources.source import Source, column_names, not_text, ragged
from engine.data.sources.staging import workplace
from engine.errors import DataError
from engine.store.lease import disk_refused, first_line

SUFFIXES = tuple(f".{kind}{packed}" for kind in ("csv", "tsv") for packed in ("", ".gz", ".zst"))
SEPARATORS = ("\t", ",", ";", "|")


@dataclass(frozen=True, slots=True)
class Header:
    """The first record of a text file."""

    separator: str  # what it has most of
    names: tuple[str, ...]


def copy_text(
    connection: duckdb.DuckDBPyConnection, source: Source, files: list[str], into: str
) -> None:
    """Read the files into the new table `into`, and their ragged lines into `ragged(into)`.

    DuckDB reads UTF-8 with one kind of line end, and stumbles over anything else. Only when it did
    is a file looked through, and read again from a copy if it was not that.
    """
    for file in files:
        encodings.check_complete(file)
    first: duckdb.Error | None = None
    tried = not source.encoding and all(_seems_utf8(file) for file in files)
    if tried:
        first = read_csv(connection, into, [(file, header(source, file)) for file in files])
        if first is None and not _stumbled(connection, into):
            _drop_rejects(connection, into)
            return
    with workplace(connection) as folder:
        copies = [_readable(source, file, folder / f"{i}.csv") for i, file in enumerate(files)]
        if tried and copies == files:
            if first is not None:
                raise first
        else:
            connection.execute(f"DROP TABLE IF EXISTS {into}")
            _drop_rejects(connection, into)
            again = read_csv(connection, into, [(copy, header(source, copy)) for copy in copies])
            if again is not None:
                raise again
    put_aside(connection, source, into)


def _seems_utf8(file: str) -> bool:
    try:
        encodings.decoded_head(file, "utf-8-sig")
    except UnicodeDecodeError:
        return False
    return True


def _readable(source: Source, file: str, copy: Path) -> str:
    """The file, or a copy of it as DuckDB can read it."""
    try:
        script = encodings.recognise(file, source.encoding)
    except UnicodeError as error:
        raise not_text(source, first_line(error)) from error
    if script.plain:
        return file
    encodings.to_utf8(file, script, copy)
    return str(copy)


def header(source: Source, file: str) -> Header:
    """The header of a UTF-8 text file; a name may have line ends within quotes."""
    return header_of(source, Path(file).name, encodings.decoded_head(file, "utf-8-sig"))


def header_of(source: Source, name: str, text: str) -> Header:
    """The header at the beginning of `text`, of the file `name`."""
    record = _first_record(text)
    if "\0" in record:
        raise DataError(
            "unreadable_source",
            f"{name} cannot be read: it is no text file",
            next_step="Check that the file is complete and of the kind its name says",
        )
    unquoted = re.sub(r'"[^"]*"', "", record)
    separator = max(SEPARATORS, key=unquoted.count)
    names: list[str] = next(csv.reader(io.StringIO(record, ""), delimiter=separator), [])
    return Header(separator, column_names(source, names))


def _first_record(text: str) -> str:
    record = ""
    for line in io.StringIO(text, ""):
        record += line
        if record.count('"') % 2 == 0:
            break
    return record


def read_csv(
    connection: duckdb.DuckDBPyConnection, into: str, files: Sequence[tuple[str, Header]]
) -> duckdb.Error | None:
    """Read the files into the new table `into`; lines that are no row stay in the rejects.

    Gives back what DuckDB says about a file that it cannot read. A disk that refuses raises.
    """
    alike: dict[Header, list[str]] = {}
    for file, head in files:
        alike.setdefault(head, []).append(file)
    selects = []
    parameters: dict[str, object] = {}
    for number, (head, group) in enumerate(alike.items()):
        selects.append(
            f"SELECT * FROM read_csv($files_{number}, columns = $columns_{number}, "
            f"delim = $separator_{number}, auto_detect = false, header = true, "
            "quote = '\"', escape = '\"', store_rejects = true, "
            f"rejects_table = '{into}_rejects', rejects_scan = '{into}_scans')"
        )
        parameters[f"files_{number}"] = group
        parameters[f"columns_{number}"] = dict.fromkeys(head.names, "VARCHAR")
        parameters[f"separator_{number}"] = head.separator
    union = " UNION ALL BY NAME ".join(selects)
    try:
        connection.execute(f"CREATE TABLE {into} AS {union}", parameters)
    except duckdb.Error as error:
        if disk_refused(error):
            raise
        return error
    return None


def _stumbled(connection: duckdb.DuckDBPyConnection, into: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {into}_rejects LIMIT 1").fetchone() is not None


def put_aside(connection: duckdb.DuckDBPyConnection, source: Source, into: str) -> None:
    """Move the rejected lines to `ragged(into)`.

    Raises `DataError` for a quote that is never closed: it swallows rows that nobody can count.
    """
    open_quote = connection.execute(
        f"SELECT line FROM {into}_rejects WHERE error_type = 'UNQUOTED VALUE' "
        "AND regexp_matches(trim(csv_line, chr(10) || chr(13)), '[\r\n]') ORDER BY line LIMIT 1"
    ).fetchone()
    if open_quote:
        raise DataError(
            "open_quote",
            f"{source.title} cannot be read: a quote that is opened in line {open_quote[0]} is not "
            "closed before the next line",
            why="The rows behind it cannot be told apart",
            next_step="Mend that line, or export the file again with its quotes doubled",
        )
    connection.execute(
        f"INSERT INTO {ragged(into)} SELECT any_value(csv_line) FROM {into}_rejects "
        "GROUP BY scan_id, file_id, line_byte_position ORDER BY ALL"
    )
    _drop_rejects(connection, into)


def _drop_rejects(connection: duckdb.DuckDBPyConnection, into: str) -> None:
    for name in ("rejects", "scans"):
        connection.execute(f"DROP TABLE IF EXISTS {into}_{name}")

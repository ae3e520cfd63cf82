"""Tables to files: CSV, Parquet, JSON lines, Excel; whole or not at all.

Cells of CSV and Excel that a spreadsheet would run as a formula are kept as text by a leading
apostrophe (CWE-1236); `unguarded` undoes it on the way back.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

from engine.errors import StorageError, UsageError
from engine.types import ExportFormat

Row = Sequence[Any]

MAX_SHEET_ROWS = 1_048_575
"""Rows that an Excel sheet holds below its header."""

_FORMULA = re.compile(r"^[=+\-@＝＋－＠\t\r\n\x00]|^\s+[=+\-@＝＋－＠]")
_GUARDED = re.compile(r"^'(?:'|[=+\-@＝＋－＠\t\r\n\x00]|\s+[=+\-@＝＋－＠])")
_NOT_IN_SHEETS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def write_table(
    columns: Sequence[str],
    rows: Sequence[Row],
    path: Path,
    file_format: ExportFormat,
    *,
    bom: bool = True,
    raw: bool = False,
) -> int:
    """Write `rows` (each with a value per column) to `path`; returns how many.

    CSV is UTF-8 after RFC 4180, with a byte order mark (`bom`) so that spreadsheets read Chinese.
    `raw` leaves formulas as they are. Times are ISO 8601 in text formats. Raises `UsageError` for
    an unknown format or too many rows for a sheet and `StorageError` when the disk refuses; a file
    that was there stays as it was.
    """
    if file_format not in get_args(ExportFormat):
        raise UsageError(
            "export_format",
            f"{file_format!r} is no export format",
            why=f"Known: {', '.join(get_args(ExportFormat))}",
            next_step="Choose one of these",
        )
    if file_format == "xlsx" and len(rows) > MAX_SHEET_ROWS:
        raise UsageError(
            "export_rows",
            f"{len(rows):,} rows do not fit into an Excel sheet",
            why=f"It holds {MAX_SHEET_ROWS:,}",
            next_step="Export as parquet or csv, or filter the rows",
        )
    writers: dict[str, Callable[[Path], None]] = {
        "csv": lambda target: _csv(columns, rows, target, bom=bom, raw=raw),
        "jsonl": lambda target: _jsonl(columns, rows, target),
        "xlsx": lambda target: _xlsx(columns, rows, target, raw=raw),
        "parquet": lambda target: _parquet(columns, rows, target),
    }
    _atomically(path, writers[file_format])
    return len(rows)


def guarded(value: Any) -> Any:
    """`value` with an apostrophe before text that a spreadsheet would run; numbers stay numbers.

    Text that begins with an apostrophe gets another one, so that `unguarded` is its inverse.
    """
    if isinstance(value, str) and (_FORMULA.match(value) or value.startswith("'")):
        return "'" + value
    return value


def unguarded(text: str) -> str:
    """The text that `guarded` was given."""
    return text[1:] if _GUARDED.match(text) else text


def _atomically(path: Path, write: Callable[[Path], None]) -> None:
    import duckdb

    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, duckdb.IOException) as error:
        with contextlib.suppress(OSError):  # the first fault is the one to tell
            temporary.unlink(missing_ok=True)
        raise StorageError(
            "export",
            f"{path} could not be written: {_refusal(error)}",
            next_step="Make room or choose another place, then export again",
        ) from error


def _refusal(error: Exception) -> str:
    """The system's own words, without the names of our temporary files."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    number = re.search(r'"errno":"(\d+)"', str(error))
    return os.strerror(int(number.group(1))) if number else str(error).splitlines()[0]


def _csv(columns: Sequence[str], rows: Sequence[Row], path: Path, *, bom: bool, raw: bool) -> None:
    guard: Callable[[Any], Any] = (lambda value: value) if raw else guarded
    encoding = "utf-8-sig" if bom else "utf-8"
    with path.open("w", encoding=encoding, errors="replace", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([guard(column) for column in columns])
        for row in rows:
            writer.writerow([guard(_text_cell(value)) for value in row])


def _text_cell(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    # The csv reader of other programs stops at NUL.
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _jsonl(columns: Sequence[str], rows: Sequence[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
        for row in rows:
            record = dict(zip(columns, map(_json_value, row), strict=True))
            file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _xlsx(columns: Sequence[str], rows: Sequence[Row], path: Path, *, raw: bool) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("export")

    def cell(value: Any) -> Any:
        if isinstance(value, list | tuple | dict):
            value = json.dumps(value, ensure_ascii=False, default=str)
        if isinstance(value, float) and not math.isfinite(value):
            return None
        if not isinstance(value, str):
            return value
        made = WriteOnlyCell(sheet, _NOT_IN_SHEETS.sub("\ufffd", value if raw else guarded(value)))
        if not raw:
            made.data_type = "s"  # text, whatever it looks like
        return made

    sheet.append([cell(column) for column in columns])
    for row in rows:
        sheet.append([cell(value) for value in row])
    book.save(path)


def _parquet(columns: Sequence[str], rows: Sequence[Row], path: Path) -> None:
    import duckdb

    names = ['"' + column.replace('"', '""') + '"' for column in columns]
    literal = str(path).replace("'", "''")
    connection = duckdb.connect(config={"autoload_known_extensions": False})
    try:
        types = ", ".join(
            f"{name} {_sql_type([row[i] for row in rows])}" for i, name in enumerate(names)
        )
        connection.execute(f"CREATE TABLE exported ({types})")
        if rows:
            places = ", ".join("unnest(?)" for _ in columns)
            values = [[_parquet_value(row[i]) for row in rows] for i in range(len(columns))]
            connection.execute(f"INSERT INTO exported SELECT {places}", values)
        connection.execute(f"COPY exported TO '{literal}' (FORMAT parquet, COMPRESSION zstd)")
    finally:
        connection.close()


def _parquet_value(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


def _sql_type(values: Sequence[Any]) -> str:
    """The column type that holds all of `values`; text where they differ or are lists."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return "VARCHAR"
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        return "BIGINT"
    if kinds <= {int, float}:
        return "DOUBLE"
    if kinds == {datetime}:
        return "TIMESTAMP"
    if kinds == {date}:
        return "DATE"
    return "VARCHAR"

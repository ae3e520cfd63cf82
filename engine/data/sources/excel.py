"""Sheets of an .xlsx workbook: values with their types, formulas by their last result."""

from __future__ import annotations

import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

import duckdb

from engine.data.sources.observed import Observed, as_text, copy_observed
from engine.data.sources.source import Source, column_names, listed, ragged, unreadable
from engine.data.sources.staging import line
from engine.errors import DataError
from engine.settings import nearest

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

SUFFIXES = (".xlsx", ".xlsm")
BATCH_ROWS = 5_000

MALFORMED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ParseError,
    KeyError,
    IndexError,
    ValueError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    EOFError,
    OSError,
)
"""What openpyxl and the archive reader raise for a workbook that is not well formed."""


def copy_excel(connection: duckdb.DuckDBPyConnection, source: Source, file: str, into: str) -> None:
    """Copy the sheet `source.table` into the new table `into`; one sheet alone needs no name.

    The first row names the columns. Rows with values beside the named columns are ragged.
    """
    beside: list[str] = []
    with _opened(source, file) as book:
        sheet = _sheet(source, book)
        sheet.reset_dimensions()  # what other programs write there is often wrong
        rows = sheet.iter_rows(values_only=True)
        head = _trimmed(next(rows, ()))
        names = column_names(source, [as_text(value) or "" for value in head])
        copy_observed(connection, into, names, _batches(rows, len(names), beside))
    connection.execute(
        f"INSERT INTO {ragged(into)} SELECT unnest(CAST($lines AS VARCHAR[]))", {"lines": beside}
    )


def sheet_names(source: Source, file: str) -> Sequence[str]:
    """The sheets that have a row, as a mapping names them."""
    with _opened(source, file) as book:
        return [
            sheet.title
            for sheet in book.worksheets
            if next(sheet.iter_rows(values_only=True), None) is not None
        ]


@contextmanager
def _opened(source: Source, file: str) -> Iterator[Workbook]:
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and validation, which are not read
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            try:
                yield book
            finally:
                book.close()
    except MALFORMED as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the disk's word, not the workbook's
        raise unreadable(source, file, error) from error


def _sheet(source: Source, book: Workbook) -> ReadOnlyWorksheet:
    names = [sheet.title for sheet in book.worksheets]
    if source.table in names or (not source.table and len(names) == 1):
        return book[source.table or names[0]]
    near = nearest(source.table, names)
    raise DataError(
        "missing_table",
        f"{source.name} has no sheet {source.table}"
        if source.table
        else f"{source.name} has {len(names)} sheets: it is not said which to read",
        why=f"It has {listed(names)}",
        next_step=f"Did you mean {near!r}?" if near else 'Name one: table = "…" beside source',
    )


def _batches(
    rows: Iterator[tuple[Observed, ...]], width: int, beside: list[str]
) -> Iterator[Sequence[Sequence[Observed]]]:
    while batch := list(islice(rows, BATCH_ROWS)):
        fit: list[Sequence[Observed]] = []
        for row in map(_trimmed, batch):
            if len(row) > width:
                beside.append(line([as_text(value) for value in row]).removesuffix(',""\n'))
            elif row:
                fit.append((*row, *([None] * (width - len(row)))))
        if fit:
            yield fit


def _trimmed(row: Sequence[Observed]) -> Sequence[Observed]:
    """The row without the empty cells at its end: sheets are wider than what is in them."""
    end = len(row)
    while end and row[end - 1] in (None, ""):
        end -= 1
    return row[:end]

"""Workbooks: typed values, sheets by name, and what spreadsheets leave lying around."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb
import openpyxl
import pytest

from engine.data.sources import Source, copy_source
from engine.errors import DataError


def write(path: Path, **sheets: list[list[object]]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)


def read(path: Path, sheet: str = "") -> tuple[list[str], list[tuple[object, ...]], list[str]]:
    with duckdb.connect() as connection:
        copy_source(connection, Source(path.parent, path.name, sheet), "here")
        kinds = [row[1] for row in connection.execute("DESCRIBE here").fetchall()]
        lines = connection.execute("SELECT line FROM here_ragged").fetchall()
        rows = connection.execute("SELECT * FROM here").fetchall()
        return kinds, rows, [line for (line,) in lines]


def test_values_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    rows: list[list[object]] = [
        ["id", "x", "seen", "day", "clock", "span", "ok", "mixed", "text"],
        [1, 1.5, datetime(2026, 1, 5, 8), date(2026, 1, 5), time(8), timedelta(hours=1), True, 1,
         "李雷 🎉"],
        [2, 3, None, None, None, None, False, "x", 'a,"b"\nc'],
    ]  # fmt: skip
    write(path, only=rows)
    kinds, found, _ = read(path)
    assert kinds == ["BIGINT", "DOUBLE", "TIMESTAMP", "TIMESTAMP", "TIME", "DOUBLE", "BOOLEAN",
                     "VARCHAR", "VARCHAR"]  # fmt: skip
    assert found == [
        (1, 1.5, datetime(2026, 1, 5, 8), datetime(2026, 1, 5), time(8), 3600.0, True, "1",
         "李雷 🎉"),
        (2, 3.0, None, None, None, None, False, "x", 'a,"b"\nc'),
    ]  # fmt: skip


def test_a_sheet_is_chosen_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(path, users=[["id"], [1]], orders=[["id"], [2]])
    assert read(path, "orders")[1] == [(2,)]
    with pytest.raises(DataError, match=r"no sheet user\. It has users, orders\. Did you mean 'us"):
        read(path, "user")
    with pytest.raises(DataError, match=r"has 2 sheets: it is not said which to read"):
        read(path)


def test_empty_cells_and_rows_are_nothing_and_cells_beside_are_ragged(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(path, s=[["id", "name", None, ""], [1], [], [None, None, None], [2, "x", None, "beside"]])
    assert read(path)[1:] == ([(1, None)], ['"2","x",,"beside"'])


def test_formulas_give_their_last_result(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(path, s=[["id"], ["=1+1"]])
    assert read(path)[1] == []  # never calculated: an empty cell


def test_a_header_alone_and_an_empty_sheet(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(path, head=[["id", "name"]], empty=[])
    assert read(path, "head")[1] == []
    with pytest.raises(DataError, match="has no header line"):
        read(path, "empty")


def test_a_damaged_workbook_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write(path, s=[["id"], *([[n] for n in range(500)])])
    whole = path.read_bytes()
    for number, content in enumerate((whole[: len(whole) // 2], b"", b"id,name\n1,x\n")):
        (tmp_path / f"bad_{number}.xlsx").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "bad_3.xlsx", "w") as archive:
        archive.writestr("hello.txt", "no workbook")
    for number in range(4):
        with pytest.raises(DataError, match=rf"bad_{number}\.xlsx cannot be read: "):
            read(tmp_path / f"bad_{number}.xlsx")

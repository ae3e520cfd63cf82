"""Reading source files of each kind, and the sentence for each kind of bad file."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import zstandard

from engine.data.sources import Source, copy_source
from engine.errors import DatabaseBusy, DataError, UsageError

QUERY = "SELECT i AS id, '名' || i AS name FROM range(3) t(i)"
ROWS = [("0", "名0"), ("1", "名1"), ("2", "名2")]


def read(folder: Path, name: str, table: str = "") -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        copy_source(connection, Source(folder, name, table), "into_here")
        names = connection.execute("DESCRIBE into_here").fetchall()
        assert [row[0] for row in names] == ["id", "name"]
        return connection.execute("SELECT CAST(id AS VARCHAR), name FROM into_here").fetchall()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with duckdb.connect() as connection:
        for name, options in (
            ("a.parquet", "FORMAT parquet"),
            ("a.csv", "HEADER"),
            ("a.csv.gz", "HEADER, COMPRESSION gzip"),
            ("a.csv.zst", "HEADER, COMPRESSION zstd"),
            ("a.jsonl", "FORMAT json"),
            ("a.ndjson.gz", "FORMAT json, COMPRESSION gzip"),
            ("a.tsv", "HEADER, DELIMITER '\t'"),
            ("semicolon.csv", "HEADER, DELIMITER ';'"),
        ):
            connection.execute(f"COPY ({QUERY}) TO '{tmp_path / name}' ({options})")
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(f"CREATE TABLE customers AS {QUERY}")
        connection.execute("CREATE VIEW seen AS FROM customers")
        connection.execute(f'CREATE SCHEMA raw; CREATE TABLE raw."my table" AS {QUERY}')
    return tmp_path


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("a.parquet", ""),
        ("a.csv", ""),
        ("a.csv.gz", ""),
        ("a.csv.zst", ""),
        ("a.jsonl", ""),
        ("a.ndjson.gz", ""),
        ("a.tsv", ""),
        ("semicolon.csv", ""),
        ("shop.duckdb", "customers"),
        ("shop.duckdb", "seen"),
        ("shop.duckdb", "raw.my table"),
    ],
)
def test_each_kind_is_read(folder: Path, name: str, table: str) -> None:
    assert read(folder, name, table) == ROWS


def test_a_quote_in_the_name_is_only_a_letter(tmp_path: Path) -> None:
    (tmp_path / "it's; DROP.csv").write_text("id,name\n1,x\n")
    assert read(tmp_path, "it's; DROP.csv") == [("1", "x")]
    with duckdb.connect(str(tmp_path / "it's.duckdb")) as connection:
        connection.execute("""CREATE TABLE "t""x" AS SELECT 1 AS id, 'y' AS name""")
    assert read(tmp_path, "it's.duckdb", 't"x') == [("1", "y")]


def test_brackets_in_a_name_are_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "old [1]"
    folder.mkdir()
    for name in ("sales [2026].csv", "sales_1.csv"):
        (folder / name).write_text("id,name\n1,x\n")
        assert read(folder, name) == [("1", "x")]
    assert read(folder, "sales_*.csv") == [("1", "x")]


def test_a_glob_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    for number in (2, 1, 3):
        (tmp_path / f"log_{number}.csv").write_text(f"id,name\n{number},n\n")
    assert [row[0] for row in read(tmp_path, "log_*.csv")] == ["1", "2", "3"]


def test_an_absolute_path_is_taken_as_it_is(folder: Path, tmp_path: Path) -> None:
    assert read(tmp_path / "elsewhere", str(folder / "a.csv")) == ROWS


def test_csv_columns_are_text_and_empty_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,\n007,x\n")
    assert read(tmp_path, "a.csv") == [("1", None), ("007", "x")]


def test_a_byte_order_mark_and_quotes_are_no_part_of_the_values(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes('\ufeff"id","name"\r\n"1","a, ""b""\nc"\r\n'.encode())
    assert read(tmp_path, "a.csv") == [("1", 'a, "b"\nc')]


def test_a_header_alone_is_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n")
    assert read(tmp_path, "a.csv") == []


def test_a_source_database_is_not_written(folder: Path) -> None:
    before = (folder / "shop.duckdb").read_bytes()
    read(folder, "shop.duckdb", "customers")
    assert (folder / "shop.duckdb").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "table", "sentence"),
    [
        ("b.parquet", "", r"b\.parquet does not exist in .*\. Did you mean 'a\.parquet'\?"),
        ("none/x.csv", "", r"x\.csv does not exist in .*none\. Copy the file there"),
        (
            "shop.duckdb",
            "customer",
            r"has no table customer\. It has customers, seen, raw\.my table",
        ),
        (
            "broken.parquet",
            "",
            r"broken\.parquet cannot be read: .*Check that the file is complete",
        ),
        ("broken.duckdb", "t", r"broken\.duckdb, table t cannot be read: "),
        ("broken.csv.gz", "", r"broken\.csv\.gz cannot be read: "),
        ("broken.csv.zst", "", r"broken\.csv\.zst cannot be read: the archive ends too early"),
        ("latin.csv", "", r"latin\.csv is not UTF-8 or GB18030 text: .*Save it as UTF-8"),
        (
            "open.csv",
            "",
            r"open\.csv cannot be read: a quote that is opened in line 3 is not closed",
        ),
        ("empty.csv", "", r"empty\.csv "),
    ],
)
def test_a_bad_source_is_one_sentence(folder: Path, name: str, table: str, sentence: str) -> None:
    whole = (folder / "a.parquet").read_bytes()
    (folder / "broken.parquet").write_bytes(whole[: len(whole) // 2])
    (folder / "broken.duckdb").write_bytes(b"not a database" * 1000)
    packed = gzip.compress(b"id,name\n" + b"1,x\n" * 50_000)
    (folder / "broken.csv.gz").write_bytes(packed[: len(packed) // 2])
    packed = zstandard.compress(b"id,name\n" + b"1,x\n" * 50_000)
    (folder / "broken.csv.zst").write_bytes(packed[:-1])
    (folder / "latin.csv").write_bytes("id,name\n1,café\n".encode("latin-1"))
    (folder / "open.csv").write_text('id,name\n1,x\n2,"never closed\n3,y\n')
    (folder / "empty.csv").write_bytes(b"")
    with pytest.raises(DataError, match=sentence) as raised:
        read(folder, name, table)
    assert "\n" not in str(raised.value)


def test_a_kind_that_is_not_read_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.xls is no source .*\.parquet, \.csv"):
        read(tmp_path, "a.xls")


def test_a_database_without_a_table_name(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"shop\.duckdb is a database: .*Add table ="):
        read(folder, "shop.duckdb")


def test_a_source_that_another_process_writes_is_busy(folder: Path) -> None:
    script = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder / "shop.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DatabaseBusy, match=rf"shop\.duckdb is in use by process {holder.pid}"):
            read(folder, "shop.duckdb", "customers")
        holder.kill()

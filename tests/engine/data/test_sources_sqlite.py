"""SQLite: types belong to values there, files are often called .db, and others may write."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

from engine.data.sources import Reader, Source, copy_source
from engine.errors import DatabaseBusy, DataError, UsageError


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    database = sqlite3.connect(path)
    database.executescript(
        '''
        CREATE TABLE "my ""customers""" (id INTEGER, name TEXT, spent, big, mixed, note, raw);
        INSERT INTO "my ""customers""" VALUES
          (1, '李雷', 1.5, 9223372036854775807, 1, '', x'6869'),
          (2, 'a "b", c' || char(10) || 'd', 2, -5, 'x', NULL, x'ff00'),
          (3, NULL, NULL, NULL, 2.5, 'z', NULL);
        CREATE VIEW big_spenders AS SELECT id FROM "my ""customers""" WHERE spent > 1.7;
        CREATE TABLE visits (id INTEGER);
        '''
    )
    database.close()
    return path


def read(folder: Path, name: str, table: str) -> tuple[list[str], list[tuple[object, ...]]]:
    with duckdb.connect() as connection:
        copy_source(connection, Source(folder, name, table), "here")
        kinds = [row[1] for row in connection.execute("DESCRIBE here").fetchall()]
        return kinds, connection.execute("SELECT * FROM here").fetchall()


def test_a_column_has_the_type_that_all_its_values_have(shop: Path) -> None:
    kinds, rows = read(shop.parent, "sqlite:shop.db", 'my "customers"')
    assert kinds == ["BIGINT", "VARCHAR", "DOUBLE", "BIGINT", "VARCHAR", "VARCHAR", "VARCHAR"]
    assert rows == [
        (1, "李雷", 1.5, 2**63 - 1, "1", "", "hi"),
        (2, 'a "b", c\nd', 2.0, -5, "x", None, "ff00"),
        (3, None, None, None, "2.5", "z", None),
    ]


def test_a_view_an_empty_table_and_a_plain_file_name(shop: Path) -> None:
    assert read(shop.parent, "shop.db", "big_spenders") == (["BIGINT"], [(2,)])
    assert read(shop.parent, "shop.db", "visits")[1] == []


def test_mistakes_are_one_sentence(shop: Path) -> None:
    with pytest.raises(DataError, match=r"has no table visit\. It has .* Did you mean 'visits'"):
        read(shop.parent, "sqlite:shop.db", "visit")
    with pytest.raises(UsageError, match="it is not said which table"):
        read(shop.parent, "sqlite:shop.db", "")
    with pytest.raises(DataError, match=r"shop2\.db does not exist"):
        read(shop.parent, "sqlite:shop2.db", "x")
    whole = shop.read_bytes()
    (shop.parent / "cut.db").write_bytes(whole[: len(whole) // 2])
    (shop.parent / "text.sqlite").write_text("no database " * 500)
    for name in ("cut.db", "text.sqlite"):
        with pytest.raises(DataError, match="cannot be read: "):
            read(shop.parent, name, "visits")


def test_all_tables_are_of_one_moment(shop: Path) -> None:
    database = sqlite3.connect(shop, isolation_level=None)
    database.execute("PRAGMA journal_mode = wal")
    with duckdb.connect() as connection, Reader() as reader:
        for number in (1, 2):
            reader.copy(connection, Source(shop.parent, "shop.db", "visits"), f"copy_{number}")
            assert connection.execute(f"SELECT count(*) FROM copy_{number}").fetchone() == (0,)
            database.execute("INSERT INTO visits VALUES (1)")
    assert read(shop.parent, "shop.db", "visits")[1] == [(1,), (1,)]
    database.close()


def test_a_file_that_another_program_holds_is_busy(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.data.sources.sqlite.WAIT_S", 0.05)
    database = sqlite3.connect(shop, isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DatabaseBusy, match=r"shop\.db is being written by another program"):
        read(shop.parent, "shop.db", "visits")
    database.close()

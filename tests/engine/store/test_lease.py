"""Leases within one process: transactions, turns, attached files, what is no database."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import duckdb
import pytest

from engine.errors import DatabaseBusy, StorageError
from engine.store.lease import lease


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with one table of one row."""
    path = tmp_path / "a.duckdb"
    with lease(path, write=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")
    return path


def numbers(path: Path) -> list[int]:
    with lease(path) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM t ORDER BY n").fetchall()]


def test_a_write_lease_commits_at_its_end(database: Path) -> None:
    with lease(database, write=True) as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    assert numbers(database) == [1, 2]


def test_a_write_lease_that_raises_changes_nothing(database: Path) -> None:
    def work() -> None:
        with lease(database, write=True) as connection:
            connection.execute("INSERT INTO t VALUES (2)")
            connection.execute("CREATE OR REPLACE TABLE u AS SELECT 1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert numbers(database) == [1]


def test_without_a_transaction_each_statement_stays(database: Path) -> None:
    def work() -> None:
        with lease(database, write=True, transaction=False) as connection:
            connection.execute("INSERT INTO t VALUES (2)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert numbers(database) == [1, 2]


def test_a_read_lease_cannot_write(database: Path) -> None:
    with lease(database) as connection, pytest.raises(duckdb.InvalidInputException):
        connection.execute("INSERT INTO t VALUES (2)")


def test_a_wrong_query_stays_what_it_is(database: Path) -> None:
    with pytest.raises(duckdb.CatalogException), lease(database) as connection:
        connection.execute("SELECT * FROM no_such_table")
    assert numbers(database) == [1]


def test_times_are_utc(database: Path) -> None:
    with lease(database) as connection:
        assert connection.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)


def test_files_stay_readable_by_the_older_format(database: Path) -> None:
    with lease(database) as connection:
        row = connection.execute(
            "SELECT tags FROM duckdb_databases() WHERE NOT internal"
        ).fetchone()
    assert row is not None
    assert "v1.5" in str(row[0])


def test_attached_files_are_read_only(database: Path, tmp_path: Path) -> None:
    other = tmp_path / "it's b.duckdb"
    with lease(other, write=True) as connection:
        connection.execute("CREATE TABLE u AS SELECT 7 AS n")
    with lease(database, write=True, attach={"other": other}) as connection:
        connection.execute("INSERT INTO t SELECT n FROM other.u")
        with pytest.raises(duckdb.InvalidInputException, match="read-only"):
            connection.execute("INSERT INTO other.u VALUES (8)")
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
    with lease(database, attach={"other": other}) as connection:
        assert connection.execute("SELECT n FROM other.u").fetchall() == [(7,)]


def test_threads_take_turns_and_no_row_is_lost(database: Path) -> None:
    def add(start: int) -> None:
        for number in range(start, start + 5):
            with lease(database, write=number % 2 == 0, wait_s=60) as connection:
                if number % 2 == 0:
                    connection.execute("INSERT INTO t VALUES (?)", [number])
                else:
                    connection.execute("SELECT count(*) FROM t").fetchall()

    threads = [threading.Thread(target=add, args=(start,)) for start in (10, 20, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(database) == [1, 10, 12, 14, 20, 22, 24, 30, 32, 34]


def test_a_thread_waits_no_longer_than_it_said(database: Path) -> None:
    caught: list[DatabaseBusy] = []

    def second() -> None:
        try:
            with lease(database, wait_s=0.05):
                pass
        except DatabaseBusy as error:
            caught.append(error)

    with lease(database, write=True):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert [str(error) for error in caught] == [
        "a.duckdb is in use by another task of this program. "
        "Wait for it to finish, then run the same command again."
    ]
    assert numbers(database) == [1]


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as raised, lease(tmp_path / "none.duckdb"):
        pass
    assert str(raised.value) == (
        f"none.duckdb does not exist in {tmp_path}. "
        "Run `retention load` first, or `retention demo` for the sample."
    )
    assert not (tmp_path / "none.duckdb").exists()


def test_a_missing_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"the folder .*nowhere does not exist\. Make it"),
        lease(tmp_path / "nowhere" / "a.duckdb", write=True),
    ):
        pass


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("damage", ["empty", "garbage", "half", "header only", "folder"])
def test_what_is_no_database_is_said_and_left_alone(
    database: Path, tmp_path: Path, damage: str, write: bool
) -> None:
    whole = database.read_bytes()
    path = tmp_path / "behaviour.duckdb"
    if damage == "folder":
        path.mkdir()
    else:
        content = {
            "empty": b"",
            "garbage": b"this is no database" * 1000,
            "half": whole[: len(whole) // 2],
            "header only": whole[:12288],
        }[damage]
        path.write_bytes(content)
    with (
        pytest.raises(
            StorageError, match=r"behaviour\.duckdb cannot be opened as a database: "
        ) as e,
        lease(path, write=write),
    ):
        pass
    assert "move the file away and run `retention load`" in str(e.value)
    assert "\n" not in str(e.value)
    if damage != "folder":
        assert path.read_bytes() == content


def test_a_block_that_was_changed_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with lease(path, write=True) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT md5(CAST(i AS VARCHAR)) AS s FROM range(99999) g(i)"
        )
    content = bytearray(path.read_bytes())
    for place in range(20_000, len(content) - 300_000, 50_000):
        content[place : place + 64] = os.urandom(64)
    path.write_bytes(content)
    with (
        pytest.raises(StorageError, match="cannot be opened as a database: Corrupt"),
        lease(path) as connection,
    ):
        connection.execute("SELECT max(s) FROM t").fetchall()


@pytest.mark.parametrize("write", [True, False])
def test_a_file_without_permission(
    database: Path, write: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The superuser may read everything, so the refusal is what the driver reports for others.
    def refuse(*arguments: object, **options: object) -> None:
        raise duckdb.IOException(f'IO Error: Cannot open file "{database}": Permission denied')

    monkeypatch.setattr(duckdb, "connect", refuse)
    with (
        pytest.raises(StorageError, match=r"a\.duckdb may not be opened: .*Check the permissions"),
        lease(database, write=write),
    ):
        pass

"""Migrations: applied once, in order, all or nothing; a newer ledger is left alone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from engine.errors import StorageError
from engine.store import migrate as module
from engine.store.lease import lease
from engine.store.migrate import migrate, migrations

FIRST = (1, "first", "CREATE TABLE a (n INTEGER);")
SECOND = (2, "second", "ALTER TABLE a ADD COLUMN m INTEGER; CREATE TABLE b (n INTEGER);")


def tables(path: Path) -> list[str]:
    with lease(path) as connection:
        return [
            row[0]
            for row in connection.execute(
                "SELECT table_name FROM duckdb_tables() ORDER BY 1"
            ).fetchall()
        ]


def test_the_real_migrations_are_numbered_from_one_and_apply(tmp_path: Path) -> None:
    assert [number for number, _, _ in migrations()] == list(range(1, len(migrations()) + 1))
    ledger = tmp_path / "ledger.duckdb"
    assert migrate(ledger) == len(migrations())
    assert {"model", "model_event", "score", "scoring_run", "migration"} <= set(tables(ledger))


def test_each_is_applied_once_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = tmp_path / "ledger.duckdb"
    monkeypatch.setattr(module, "migrations", lambda: (FIRST,))
    assert migrate(ledger, now=datetime(2026, 1, 1)) == 1
    with lease(ledger, write=True) as connection:
        connection.execute("INSERT INTO a VALUES (5)")
    monkeypatch.setattr(module, "migrations", lambda: (FIRST, SECOND))
    assert migrate(ledger, now=datetime(2026, 1, 2)) == 2
    assert migrate(ledger, now=datetime(2026, 1, 3)) == 2
    with lease(ledger) as connection:
        assert connection.execute("SELECT * FROM a").fetchall() == [(5, None)]
        assert connection.execute("SELECT * FROM migration ORDER BY 1").fetchall() == [
            (1, "first", datetime(2026, 1, 1)),
            (2, "second", datetime(2026, 1, 2)),
        ]


def test_a_failing_one_leaves_the_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "ledger.duckdb"
    monkeypatch.setattr(module, "migrations", lambda: (FIRST,))
    migrate(ledger)
    broken = (3, "broken", "CREATE TABLE a (n INTEGER);")
    monkeypatch.setattr(module, "migrations", lambda: (FIRST, SECOND, broken))
    with pytest.raises(duckdb.CatalogException, match="already exists"):
        migrate(ledger)
    assert tables(ledger) == ["a", "migration"]


def test_an_up_to_date_ledger_may_be_read_by_others_meanwhile(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.duckdb"
    migrate(ledger)
    with lease(ledger) as reader:  # a nested write lease would be refused here
        assert migrate(ledger) == len(migrations())
        assert reader.execute("SELECT count(*) FROM migration").fetchone() == (len(migrations()),)


def test_a_newer_ledger_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = tmp_path / "ledger.duckdb"
    monkeypatch.setattr(module, "migrations", lambda: (FIRST, SECOND))
    migrate(ledger)
    before = ledger.read_bytes()
    monkeypatch.setattr(module, "migrations", lambda: (FIRST,))
    with pytest.raises(StorageError) as raised:
        migrate(ledger)
    assert str(raised.value) == (
        "ledger.duckdb has schema 2, this program knows 1. "
        "Upgrade retention-workbench; the ledger was not touched."
    )
    assert ledger.read_bytes() == before

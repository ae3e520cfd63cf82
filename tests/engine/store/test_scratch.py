"""The throw-away database: beside the real one, gone at the end, strays of the dead removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.store.lease import lease
from engine.store.scratch import scratch


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_it_is_gone_at_the_end_also_after_an_error(tmp_path: Path) -> None:
    def work() -> None:
        with scratch(tmp_path / "a.duckdb") as path:
            assert path.parent == tmp_path
            with lease(path, write=True, transaction=False) as connection:
                connection.execute("CREATE TABLE t AS SELECT 1 AS n")
            assert path.exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert list(tmp_path.iterdir()) == []


def test_strays_of_dead_processes_are_removed_and_no_others(tmp_path: Path) -> None:
    stray = tmp_path / f".scratch-{dead_process()}-a.duckdb"
    alive = tmp_path / f".scratch-{os.getppid()}-a.duckdb"
    theirs = tmp_path / ".scratch-notes.txt"
    for file in (stray, stray.with_name(stray.name + ".wal"), alive, theirs):
        file.write_text("x")
    temporary = stray.with_name(stray.name + ".tmp")
    temporary.mkdir()
    (temporary / "duckdb_temp_storage-0.tmp").write_text("x")
    with scratch(tmp_path / "a.duckdb"):
        assert sorted(tmp_path.iterdir()) == sorted([alive, theirs])

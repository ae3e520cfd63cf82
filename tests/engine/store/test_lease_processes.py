"""Leases between real processes: exclusion, waiting, and what a kill leaves behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.errors import DatabaseBusy
from engine.store import lease as leases
from engine.store.lease import lease

HOLD = """
import sys
from pathlib import Path
from engine.store.lease import lease
with lease(Path(sys.argv[1]), write=sys.argv[2] == "write") as connection:
    print("held", flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""

WRITE_ON = """
import sys
from pathlib import Path
from engine.store.lease import lease
number = 0
while True:
    with lease(Path(sys.argv[1]), write=True) as connection:
        connection.execute("INSERT INTO t VALUES (?)", [number])
    print(number, flush=True)
    number += 1
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a.duckdb"
    with lease(path, write=True) as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
    return path


@contextmanager
def holder(path: Path, mode: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lease on `path`; it releases on a line of input."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def release(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "released\n"


def test_a_writer_excludes_readers_and_is_named(database: Path) -> None:
    with holder(database, "write") as other:
        for write in (False, True):
            with (
                pytest.raises(DatabaseBusy) as raised,
                lease(database, write=write, wait_s=0.1),
            ):
                pass
            assert str(raised.value) == (
                f"a.duckdb is in use by process {other.pid}. "
                "Wait for it to finish, then run the same command again."
            )
            assert raised.value.exit_code == 3
        release(other)
        with lease(database) as connection:
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_readers_share_and_exclude_a_writer(database: Path) -> None:
    with holder(database, "read") as other:
        with lease(database, wait_s=0.1) as connection:
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
        with pytest.raises(DatabaseBusy), lease(database, write=True, wait_s=0.1):
            pass
        release(other)
        with lease(database, write=True) as connection:
            connection.execute("INSERT INTO t VALUES (1)")


def test_the_attached_file_that_is_held_is_named(database: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.duckdb"
    with lease(mine, write=True) as connection:
        connection.execute("CREATE TABLE u (n INTEGER)")
    with (
        holder(database, "write") as other,
        pytest.raises(DatabaseBusy, match=rf"^a\.duckdb is in use by process {other.pid}"),
        lease(mine, attach={"other": database}, wait_s=0.1),
    ):
        pass


def test_a_thread_behind_another_names_the_process_that_both_wait_for(database: Path) -> None:
    path = database.resolve()

    def first() -> None:
        with lease(path, wait_s=60):
            pass

    with holder(database, "write") as process:
        thread = threading.Thread(target=first)
        thread.start()
        while path not in leases._kept_waiting:
            assert thread.is_alive()
        with pytest.raises(DatabaseBusy, match=f"process {process.pid}"), lease(path, wait_s=0.05):
            pass
        release(process)
        thread.join()
    assert path not in leases._kept_waiting


def test_a_lease_waits_for_the_holder(database: Path) -> None:
    with holder(database, "write") as other:
        assert other.stdin is not None
        # The release is under way while the lease below already tries.
        other.stdin.write("\n")
        other.stdin.flush()
        with lease(database, write=True, wait_s=30) as connection:
            connection.execute("INSERT INTO t VALUES (1)")


def test_a_killed_holder_leaves_no_lock(database: Path) -> None:
    with holder(database, "write") as other:
        other.kill()
        other.wait()
        with lease(database, write=True, wait_s=0) as connection:
            assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


@pytest.mark.parametrize("acknowledged", [1, 4, 9])
def test_a_kill_loses_nothing_that_was_acknowledged(database: Path, acknowledged: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_ON, str(database)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        seen = [int(writer.stdout.readline()) for _ in range(acknowledged)]
        writer.send_signal(signal.SIGKILL)
        seen += [int(line) for line in writer.stdout.read().split()]
    with lease(database) as connection:
        rows = connection.execute("SELECT n FROM t ORDER BY n").fetchall()
    stored = [row[0] for row in rows]
    assert stored[: len(seen)] == seen
    assert len(stored) <= len(seen) + 1  # the row in flight may be there, unacknowledged

"""A disk that refuses: the error is one sentence, the old data are all there.

The limit of a file's size stands in for a full disk; it needs no privileges and works everywhere
the resource module does. The process's own limit cannot be lifted again, so it is a child's.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from engine.data.load import load
from engine.errors import StorageError
from engine.store.files import write_atomically
from engine.store.lease import lease

resource = pytest.importorskip("resource", reason="file size limits exist on POSIX systems only")

LIMITED = """
import resource, signal, sys
from datetime import datetime
from pathlib import Path
import duckdb
from engine.data.load import load
from engine.errors import StorageError
from engine.store.files import write_atomically
from engine.store.lease import lease

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
def full():
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
{when}
try:
    {work}
except StorageError as error:
    print(error.code, "|", error)
"""


def limited(folder: Path, limit: int, work: str, *, at_once: bool = True) -> str:
    """What `work` prints in a process whose files may have `limit` bytes at most.

    The limit holds from the start, or from the moment that `work` calls `full()`.
    """
    script = LIMITED.replace("{work}", work).replace("{when}", "full()" if at_once else "")
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def rows(path: Path) -> int:
    with lease(path) as connection:
        row = connection.execute("SELECT count(*) FROM t").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a.duckdb"
    with lease(path, write=True) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT i AS n, md5(i || '') AS s FROM range(1000) g(i)"
        )
    return path


@pytest.mark.parametrize("new_rows", [20_000, 2_000_000])
def test_no_room_for_a_commit_or_a_statement(database: Path, new_rows: int) -> None:
    said = limited(
        database.parent,
        database.stat().st_size + 20_000,
        "with lease(folder / 'a.duckdb', write=True) as c: "
        f"c.execute(\"INSERT INTO t SELECT i, md5(i || '') FROM range({new_rows}) g(i)\")",
    )
    assert said.startswith("disk | a.duckdb could not be written: ")
    assert said.endswith(
        "Free disk space and run the same command again; committed rows are safe.\n"
    )
    assert rows(database) == 1000
    with lease(database, write=True) as connection:
        connection.execute("INSERT INTO t VALUES (1, 'x')")
    assert rows(database) == 1001


def test_a_commit_that_is_durable_although_the_checkpoint_found_no_room(database: Path) -> None:
    # The connection is dead after this error, and yet the rows are there: a retry must be
    # idempotent. The lease says so and opens the file again without ado.
    said = limited(
        database.parent,
        database.stat().st_size,
        "with lease(folder / 'a.duckdb', write=True) as c: "
        "c.execute(\"SET checkpoint_threshold = '16KB'\"); "
        "c.execute(\"INSERT INTO t SELECT i, md5(i || '') FROM range(3000) g(i)\")",
    )
    assert said.startswith("disk | a.duckdb could not be written: FATAL Error")
    assert rows(database) == 4000


PAYMENTS_ONLY = """\
[business]
name = "T"
[churn]
rule = "no_payment"
horizon_days = 30
[tables.users]
source = "p.csv"
query = "SELECT DISTINCT user_id FROM source"
[tables.payments]
source = "p.csv"
"""


def payments(count: int) -> str:
    # Digests do not compress: the file grows with the rows.
    rows = "".join(
        f"u1,2026-01-05,1,succeeded,{hashlib.sha512(b'%d' % n).hexdigest()}\n" for n in range(count)
    )
    return "user_id,occurred_at,amount,status,product\n" + rows


@pytest.mark.parametrize("stage", ["source", "next"])
def test_a_load_without_room_keeps_the_old_data(tmp_path: Path, stage: str) -> None:
    (tmp_path / "mapping.toml").write_text(PAYMENTS_ONLY, "utf-8")
    database = tmp_path / "behaviour.duckdb"
    (tmp_path / "p.csv").write_text(payments(1))
    load(tmp_path / "mapping.toml", database, now=datetime(2026, 2, 1))
    (tmp_path / "p.csv").write_text(payments(20_000))
    said = limited(
        tmp_path,
        database.stat().st_size + 50_000,
        "load(folder / 'mapping.toml', folder / 'behaviour.duckdb', now=datetime(2026, 2, 1), "
        "progress=lambda stage, done: full() if stage == 'write' else None)",
        at_once=stage == "source",
    )
    assert said.startswith("disk | .scratch-")
    assert ("next-behaviour" in said) == (stage == "next")
    with lease(database) as connection:
        assert connection.execute("SELECT count(*) FROM payments").fetchall() == [(1,)]
    assert {path.name for path in tmp_path.iterdir()} <= {
        "behaviour.duckdb",
        "behaviour.duckdb.wal",
        "mapping.toml",
        "p.csv",
    }


def test_a_file_without_room_keeps_its_old_content(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_atomically(path, "old")
    said = limited(tmp_path, 1000, "write_atomically(folder / 'note.txt', 'new' * 10_000)")
    assert said == (
        f"disk | {path} could not be written: File too large. "
        "Check free space and permissions of the folder, then run it again.\n"
    )
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]


def test_a_written_file_is_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "名字\n")
    assert (tmp_path / "a").read_text("utf-8") == "名字\n"
    write_atomically(tmp_path / "a", b"\x00\x01")
    assert (tmp_path / "a").read_bytes() == b"\x00\x01"
    with pytest.raises(StorageError, match="could not be written: No such file or directory"):
        write_atomically(tmp_path / "nowhere" / "a", "x")

"""A load that is killed at any of its stages, and two loads at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from engine.errors import DatabaseBusy
from engine.store.lease import lease
from engine.store.publish import settle
from tests.engine.data.conftest import EVENTS, NOW, Client, everything
from tests.engine.standing_child import standing

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 exists on POSIX systems only")

CHILD = """
from datetime import datetime
from pathlib import Path
from engine.data.load import load

seen = []
def pause(stage, done):
    seen.append(stage)
    if stage == sys.argv[2] and seen.count(stage) == int(sys.argv[3]):
        stand()

folder = Path(sys.argv[1])
load(folder / "mapping.toml", folder / "behaviour.duckdb", now=datetime(2026, 3, 1, 12),
     progress=pause)
"""


def loading(
    client: Client, stage: str, nth: int = 1
) -> AbstractContextManager[subprocess.Popen[str]]:
    """A child that loads and stands still at the `nth` report of `stage`."""
    return standing(CHILD, str(client.folder), stage, str(nth))


# In the middle of reading, judging, making the next database, and when only the swap is left.
STAGES = [("read events.csv", 1), ("check events", 1), ("write", 2), ("write", 3)]
CASES = [(*stage, mode) for stage in STAGES for mode in ("replace", "append")]


@pytest.mark.parametrize(
    ("stage", "nth", "mode"),
    [*(pytest.param(*case, marks=pytest.mark.slow) for case in CASES[:-1]), CASES[-1]],
)
def test_killed_at_any_stage_the_old_data_stay_and_the_next_load_succeeds(
    client: Client, stage: str, nth: int, mode: str
) -> None:
    client.map(
        '[tables.users]\nsource = "users.csv"\n'
        f'[tables.events]\nsource = "events.csv"\nmode = "{mode}"\n'
    )
    client.load()
    before = everything(client)
    there = sorted(path.name for path in client.folder.iterdir())
    client.write("events.csv", EVENTS + "e3,u1,2026-01-08,k,\n")
    with loading(client, stage, nth) as child:
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert everything(client) == before
    assert client.load().tables[1].kept == 3
    assert sorted(path.name for path in client.folder.iterdir()) == there


def test_of_two_loads_the_second_is_told_who_is_at_work(client: Client) -> None:
    client.load()
    with loading(client, "check events") as child:
        with pytest.raises(
            DatabaseBusy, match=rf"behaviour.duckdb is being loaded by process {child.pid}\."
        ) as raised:
            client.load()
        assert raised.value.exit_code == 3
        assert client.rows("SELECT count(*) FROM events") == [(2,)]  # readers are not in the way
    client.load()


def test_a_reader_goes_on_in_the_data_that_it_opened(client: Client) -> None:
    client.load()
    client.write("events.csv", EVENTS + "e3,u1,2026-01-08,k,\n")
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(client.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "2\n"
        client.load()
        assert client.rows("SELECT count(*) FROM events") == [(3,)]
        said, _ = reader.communicate("again\n")
    assert said == "2\n"


READER = """
import sys
from pathlib import Path
from engine.store.lease import lease

with lease(Path(sys.argv[1])) as connection:
    for _ in range(2):
        print(len(connection.execute("SELECT * FROM events").fetchall()), flush=True)
        sys.stdin.readline()
"""


def test_a_log_that_a_killed_writer_left_behind_belongs_to_the_old_data(client: Client) -> None:
    client.load()
    subprocess.run(
        [sys.executable, "-c", WRITER, str(client.database)], check=False, capture_output=True
    )
    log = Path(f"{client.database}.wal")
    assert log.exists()
    settle(client.database)
    assert not log.exists()
    assert client.rows("SELECT count(*) FROM payments") == [(1,)]
    client.load(now=NOW)
    assert client.rows("SELECT count(*) FROM payments") == [(0,)]


WRITER = """
import os, signal, sys
from pathlib import Path
from engine.store.lease import lease

with lease(Path(sys.argv[1]), write=True, transaction=False) as connection:
    connection.execute(
        "INSERT INTO payments VALUES ('p', 'u1', '2026-01-05', '2026-01-05', 1, 'CNY', "
        "'succeeded', NULL, NULL)"
    )
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_two_leases_of_one_program_see_the_same_file(client: Client) -> None:
    client.load()
    with lease(client.database) as connection:
        client.write("events.csv", EVENTS + "e3,u1,2026-01-08,k,\n")
        client.load()
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(2,)]
    assert client.rows("SELECT count(*) FROM events") == [(3,)]

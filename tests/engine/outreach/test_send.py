"""Sending: once each, whatever happens in between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from engine.errors import StateError, StorageError
from engine.outreach.delivery.outbox import Outbox
from engine.outreach.interventions import TRANSITIONS, Step, record
from engine.outreach.plans import cancel, plan_of, resolve
from engine.outreach.suppressions import suppress
from engine.outreach.templates import TemplateLibrary, templates_root
from engine.store.lease import lease

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]


def approved(world: Any, *user_ids: str, **request: Any) -> str:
    summary = world.plan(world.candidates(*user_ids), **({"holdout": 0} | request))
    world.approve(summary.plan_id)
    return str(summary.plan_id)


def test_everyone_approved_gets_one_file_and_nobody_else(world: Any) -> None:
    summary = world.plan(world.candidates(*world.users[:20]), holdout=0.3)
    with pytest.raises(StateError, match="is pending_approval and cannot be sent"):
        world.send(summary.plan_id)
    assert world.files == []
    world.approve(summary.plan_id)
    report = world.send(summary.plan_id)
    assert (report.sent, report.already_sent, report.unknown) == (summary.to_send, 0, 0)
    sent = world.sql(
        "SELECT intervention_id || '.eml' FROM intervention WHERE arm = 'treat' ORDER BY 1"
    )
    assert world.files == [row[0] for row in sent]
    assert world.statuses(summary.plan_id) == {
        "sent": summary.to_send,
        "held_out": summary.held_out,
    }
    path = world.folder / "outbox" / world.files[0]
    assert path.stat().st_mode & 0o777 == 0o600
    mail = message_from_bytes(path.read_bytes())
    assert mail["Message-ID"] == f"<{path.stem}@example.com>"


def test_sending_twice_sends_nothing_twice(world: Any) -> None:
    plan_id = approved(world, *world.users[:5])
    world.send(plan_id)
    before = {path.name: path.stat().st_mtime_ns for path in world.outbox.folder.iterdir()}
    again = world.send(plan_id, now=world.now + timedelta(days=1))
    assert (again.sent, again.already_sent) == (0, 5)
    assert {path.name: path.stat().st_mtime_ns for path in world.outbox.folder.iterdir()} == before
    assert world.sql("SELECT count(*) FROM delivery_event WHERE status = 'sent'") == [(5,)]


def test_the_world_is_looked_at_again_before_a_message_leaves(world: Any) -> None:
    plan_id = approved(world, "u001", "u002", "u003", "u004")
    suppress(
        world.ledger,
        "u001",
        scope="marketing",
        reason="unsubscribed",
        operator="lin",
        now=world.now,
    )
    world.change("UPDATE users SET marketing_consent = FALSE WHERE user_id = 'u002'")
    world.change("DELETE FROM users WHERE user_id = 'u003'")
    report = world.send(plan_id)
    assert (report.sent, report.suppressed) == (1, 3)
    reasons = dict(
        world.sql(
            "SELECT user_id, s.reason FROM intervention JOIN intervention_status AS s "
            "USING (intervention_id) WHERE s.status = 'suppressed'"
        )
    )
    assert reasons == {"u001": "unsubscribed", "u002": "no_consent", "u003": "unknown_user"}


def test_two_plans_for_one_user_send_one_message(world: Any) -> None:
    first = approved(world, "u001")
    second = approved(world, "u001", seed=2)
    assert world.send(first).sent == 1
    report = world.send(second)
    assert (report.sent, report.suppressed) == (0, 1)
    assert len(world.files) == 1


def test_a_late_message_does_not_leave(world: Any) -> None:
    plan_id = approved(world, "u001")
    report = world.send(plan_id, now=world.now + timedelta(days=7, seconds=1))
    assert (report.sent, report.expired) == (0, 1)
    assert world.files == []


def test_a_text_that_changed_goes_back_to_approval(world: Any, tmp_path: Path) -> None:
    plan_id = approved(world, "u001", "u002")
    changed = Path(shutil.copytree(templates_root(), tmp_path / "changed"))
    path = changed / "care_check_in" / "zh.txt"
    path.write_text(path.read_text().replace("没关系", "没有关系"))
    library = TemplateLibrary(changed)
    report = world.send(plan_id, library=library)
    assert (report.sent, report.changed) == (0, 2)
    assert world.files == []
    with lease(world.ledger) as connection:
        assert plan_of(connection, plan_id).status == "pending_approval"
    assert world.sql("SELECT DISTINCT status, reason FROM intervention_status") == [
        ("pending_approval", "text changed after approval")
    ]
    world.approve(plan_id)
    assert world.send(plan_id, library=library).sent == 2


def test_a_new_name_goes_back_to_approval_too(world: Any) -> None:
    plan_id = approved(world, "u001")
    world.change("UPDATE users SET name = '王一' WHERE user_id = 'u001'")
    assert world.send(plan_id).changed == 1


def test_newer_behaviour_does_not_change_an_approved_text(world: Any) -> None:
    plan_id = approved(world, "u001", template_id="unused_value")
    world.change("DELETE FROM events")
    world.change("UPDATE load_run SET as_of = as_of + INTERVAL 1 DAY")
    assert world.send(plan_id).sent == 1


def test_cancelled_messages_stay(world: Any) -> None:
    plan_id = approved(world, "u001")
    cancel(world.ledger, plan_id, operator="lin", now=world.now)
    with pytest.raises(StateError, match="is cancelled and cannot be sent"):
        world.send(plan_id)
    assert world.files == []


# --- the disk and the power cord -----------------------------------------------------------------


class _Full(Outbox):
    """A disk with room for two messages."""

    room = 2

    def _write(self, path: Path, raw: bytes) -> None:
        if self.room == 0:
            path.write_bytes(raw[:10])
            raise OSError(28, "No space left on device")
        self.room -= 1
        super()._write(path, raw)


def test_a_full_disk_loses_and_doubles_nothing(world: Any) -> None:
    plan_id = approved(world, *world.users[:5])
    with pytest.raises(StorageError) as raised:
        world.send(plan_id, delivery=_Full(world.outbox.folder))
    assert raised.value.sentence.endswith(
        "No space left on device. Make room or mend the folder's rights, then send the same plan "
        "again."
    )
    assert world.statuses(plan_id) == {"sent": 2, "approved": 3}
    assert [name[-4:] for name in world.files] == [".eml"] * 2
    report = world.send(plan_id)
    assert (report.sent, report.already_sent) == (3, 2)
    assert len(world.files) == 5


CHILD = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from engine.outreach.delivery import outbox as module
from engine.outreach.delivery.outbox import Outbox
from engine.outreach.delivery.send import send
from engine.settings import Settings

folder, plan_id, point, number = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
seen = {}

def die(here):
    seen[here] = seen.get(here, 0) + 1
    if here == point and seen[here] == number:
        os.kill(os.getpid(), signal.SIGKILL)

class Dying(Outbox):
    def deliver(self, intervention_id, raw):
        die("before")
        super().deliver(intervention_id, raw)
        die("after")

    def _write(self, path, raw):
        path.write_bytes(raw[:100])
        die("half")
        super()._write(path, raw)
        die("written")

replace = os.replace
def renamed(*paths):
    replace(*paths)
    die("renamed")
os.replace = renamed

send(folder / "ledger.duckdb", folder / "behaviour.duckdb", plan_id, Settings(),
     Dying(folder / "outbox"), operator="lin", now=datetime(2026, 10, 1))
"""


def kill_while_sending(world: Any, plan_id: str, point: str, number: int) -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(world.folder), plan_id, point, str(number)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()


def check_after_kill(world: Any, point: str, number: int) -> None:
    plan_id = approved(world, *world.users[:4])
    kill_while_sending(world, plan_id, point, number)
    produced = {path.stem for path in world.outbox.folder.glob("*.eml")}
    report = world.send(plan_id)
    certain = point in ("renamed", "after")
    # At most the one message in hand is uncertain, and it is not sent by itself.
    assert report.unknown == (0 if certain else 1)
    assert report.sent + report.already_sent == (4 if certain else 3)
    files = {path.stem for path in world.outbox.folder.glob("*.eml")}
    assert produced <= files
    assert len(files) == report.sent + report.already_sent
    sent = {row[0] for row in world.sql(
        "SELECT intervention_id FROM intervention_status WHERE status = 'sent'")}  # fmt: skip
    assert sent == files
    if not certain:
        [(lost,)] = world.sql(
            "SELECT intervention_id FROM intervention_status WHERE status = 'unknown'"
        )
        resolve(world.ledger, lost, was_sent=False, operator="lin", now=world.now)
        assert world.send(plan_id).sent == 1
    assert world.statuses(plan_id) == {"sent": 4}
    assert len(list(world.outbox.folder.glob("*.eml"))) == 4
    assert world.sql(
        "SELECT max(times) FROM (SELECT count(*) AS times FROM delivery_event "
        "WHERE status = 'sent' GROUP BY intervention_id)"
    ) == [(1,)]


@pytest.mark.parametrize(("point", "number"), [("half", 2), ("renamed", 3)])
def test_killed_while_sending(world: Any, point: str, number: int) -> None:
    check_after_kill(world, point, number)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "number"), [("before", 1), ("half", 4), ("written", 2), ("renamed", 1), ("after", 4)]
)
def test_killed_at_every_step(world: Any, point: str, number: int) -> None:
    check_after_kill(world, point, number)


def test_only_what_is_unknown_can_be_resolved(world: Any) -> None:
    plan_id = approved(world, "u001")
    [(intervention_id,)] = world.sql("SELECT intervention_id FROM intervention")
    with pytest.raises(StateError, match="is approved"):
        resolve(world.ledger, intervention_id, was_sent=True, operator="lin", now=world.now)
    assert world.statuses(plan_id) == {"approved": 1}


def test_files_that_were_handed_on_still_count(world: Any) -> None:
    outbox = world.outbox
    name = "01a0f4c2-c400-7037-ba5e-5b24f60f213c"
    outbox.deliver(name, b"one")
    (outbox.folder / "taken").mkdir()
    (outbox.folder / f"{name}.eml").rename(outbox.folder / "taken" / f"{name}.eml")
    outbox.deliver(name, b"two")
    assert outbox.produced(name)
    assert not (outbox.folder / f"{name}.eml").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "", "x" * 80, "01a0f4c2.eml", "\x00"])
def test_the_outbox_takes_ids_only(world: Any, name: str) -> None:
    with pytest.raises(StorageError, match="is no intervention id"):
        world.outbox.deliver(name, b"x")


# --- the state machine ---------------------------------------------------------------------------

PATHS = {
    "": [],
    "pending_approval": ["pending_approval"],
    "approved": ["pending_approval", "approved"],
    "sending": ["pending_approval", "approved", "sending"],
    "unknown": ["pending_approval", "approved", "sending", "unknown"],
    "sent": ["pending_approval", "approved", "sending", "sent"],
    "held_out": ["held_out"],
    "suppressed": ["suppressed"],
    "capped": ["capped"],
    "expired": ["pending_approval", "expired"],
    "cancelled": ["pending_approval", "cancelled"],
    "failed_permanent": ["pending_approval", "approved", "sending", "failed_permanent"],
}


def test_only_the_moves_of_the_table_are_possible(world: Any) -> None:
    assert set(PATHS) == set(TRANSITIONS)
    goals = [there for there in PATHS if there]
    with lease(world.ledger, write=True) as connection:
        for here, path in PATHS.items():
            for status in path:
                steps = [Step(f"{here}->{there}", status) for there in goals]
                record(connection, steps, operator="lin", now=world.now)
            for there in goals:
                step = [Step(f"{here}->{there}", there)]
                if there in TRANSITIONS[here]:
                    record(connection, step, operator="lin", now=world.now)
                else:
                    with pytest.raises(StateError, match=f"not {there}"):
                        record(connection, step, operator="lin", now=world.now)


def test_one_forbidden_move_stops_all(world: Any) -> None:
    with lease(world.ledger, write=True) as connection:
        with pytest.raises(StateError):
            record(
                connection,
                [Step("a", "pending_approval"), Step("b", "sent")],
                operator="l",
                now=world.now,
            )
        assert connection.execute("SELECT count(*) FROM delivery_event").fetchall() == [(0,)]

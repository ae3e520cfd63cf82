"""Jobs are processes: progress, cancel, crash, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from engine.errors import StateError
from retention_tui.jobs import JobRunner, JobStatus, job_command, parse_event

NOW = datetime(2026, 9, 18)

STEPS = """
import json, sys
print("a line that is no event")
for done in (0.25, 0.5):
    print(json.dumps({"kind": "progress", "stage": "fit", "done": done,
                      "words": {"zh": "训练", "en": "Fitting"}}), flush=True)
print(json.dumps({"kind": "result", "done": 1, "detail": {"model_id": "m1"}}), flush=True)
"""
STUBBORN = """
import json, os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
print(json.dumps({"kind": "started", "detail": {"grandchild": child.pid}}), flush=True)
time.sleep(120)
"""
POLITE = """
import json, signal, sys, time
def stop(*_):
    print(json.dumps({"kind": "cancelled"}), flush=True)
    sys.exit(130)
signal.signal(signal.SIGTERM, stop)
print(json.dumps({"kind": "started"}), flush=True)
time.sleep(120)
"""
CRASHES = """
import os, signal, sys
sys.stderr.write("something odd\\n")
sys.stderr.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
FAILS_IN_WORDS = """
import json, sys
print(json.dumps({"kind": "failed", "words": {"zh": "没有数据", "en": "No data"}}), flush=True)
sys.exit(1)
"""
TELLS_ITS_CALL = """
import json, os, sys
print(json.dumps({"kind": "result", "detail": {
    "arguments": sys.argv[1:], "stdin": sys.stdin.read(), "nice": os.nice(0),
    "own_group": os.getpgrp() == os.getpid()}}), flush=True)
"""


@pytest.fixture
def runner_of(tmp_path: Path) -> Callable[..., JobRunner]:
    def make(script: str, *, grace_s: float = 0.3) -> JobRunner:
        path = tmp_path / "child.py"
        path.write_text(textwrap.dedent(script), "utf-8")
        (tmp_path / "retention.toml").write_text("", "utf-8")
        return JobRunner(
            tmp_path,
            lambda: NOW,
            command=lambda kind: (sys.executable, str(path), kind),
            grace_s=grace_s,
        )

    return make


async def ended(runner: JobRunner) -> JobStatus:
    assert runner._watch is not None
    await asyncio.wait_for(runner._watch, 20)
    assert runner.status is not None
    return runner.status


async def started(runner: JobRunner) -> None:
    """The child has said its first word, so its signal handlers stand."""

    async def first_word() -> None:
        heard = asyncio.Event()
        runner.listener = lambda status: heard.set() if status.detail or status.stage else None
        while runner.status is None or not (runner.status.detail or runner.status.stage):
            await heard.wait()

    await asyncio.wait_for(first_word(), 20)


def alive(pid: int) -> bool:
    """Whether `pid` runs; a zombie that waits for its parent does not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return False
    return fields[0] != "Z"


async def test_progress_and_result(runner_of: Callable[..., JobRunner]) -> None:
    runner = runner_of(STEPS)
    seen: list[JobStatus] = []
    runner.listener = seen.append
    await runner.start("train")
    status = await ended(runner)
    assert (status.state, status.done, status.detail) == ("succeeded", 1.0, {"model_id": "m1"})
    assert [one.done for one in seen if one.stage == "fit"][:2] == [0.25, 0.5]
    assert seen[-2].words is not None
    assert seen[-2].words.zh == "训练"
    assert "a line that is no event" in status.log_path.read_text("utf-8")


async def test_the_child_gets_its_call_no_keyboard_and_low_priority(
    runner_of: Callable[..., JobRunner], tmp_path: Path
) -> None:
    runner = runner_of(TELLS_ITS_CALL)
    await runner.start("train", ["--model", "logistic"])
    detail = dict((await ended(runner)).detail)
    assert detail["arguments"] == ["train", "--workspace", str(tmp_path), "--model", "logistic"]
    assert (detail["stdin"], detail["own_group"]) == ("", True)
    assert detail["nice"] == min(19, os.nice(0) + 10)


async def test_cancel_is_a_request_first(runner_of: Callable[..., JobRunner]) -> None:
    runner = runner_of(POLITE.replace('{"kind": "started"}', '{"kind": "started", "stage": "s"}'))
    await runner.start("train")
    await started(runner)
    await runner.cancel()
    assert runner.status is not None
    assert (runner.status.state, runner.status.exit_code) == ("cancelled", 130)


async def test_a_deaf_child_is_killed_with_its_children(
    runner_of: Callable[..., JobRunner],
) -> None:
    runner = runner_of(STUBBORN)
    await runner.start("train")
    await started(runner)
    assert runner.status is not None
    assert runner._child is not None
    grandchild, child = runner.status.detail["grandchild"], runner._child.pid
    assert isinstance(grandchild, int)
    assert alive(grandchild)
    await runner.cancel()
    assert runner.status.state == "cancelled"
    for _ in range(200):
        if not alive(grandchild):
            break
        await asyncio.sleep(0.01)
    assert not alive(child)
    assert not alive(grandchild)


async def test_a_crash_is_a_failure_with_the_last_word(
    runner_of: Callable[..., JobRunner],
) -> None:
    runner = runner_of(CRASHES)
    await runner.start("score")
    status = await ended(runner)
    assert (status.state, status.exit_code) == ("failed", -9)
    assert status.words is not None
    assert status.words.en == "something odd"


async def test_a_failure_in_words_keeps_them(runner_of: Callable[..., JobRunner]) -> None:
    runner = runner_of(FAILS_IN_WORDS)
    await runner.start("train")
    status = await ended(runner)
    assert status.state == "failed"
    assert status.words is not None
    assert (status.words.zh, status.words.en) == ("没有数据", "No data")


async def test_one_job_at_a_time(runner_of: Callable[..., JobRunner]) -> None:
    runner = runner_of(POLITE)
    await runner.start("train")
    with pytest.raises(StateError, match="A job is running already"):
        await runner.start("score")
    await runner.cancel()
    assert not runner.running


async def test_kill_is_at_once(runner_of: Callable[..., JobRunner]) -> None:
    runner = runner_of(STUBBORN)
    await runner.start("train")
    runner.kill()
    assert (await ended(runner)).state == "failed"


async def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "retention.toml").write_text("", "utf-8")
    runner = JobRunner(tmp_path, lambda: NOW, command=lambda kind: (str(tmp_path / "no-such"),))
    await runner.start("train")
    assert runner.status is not None
    assert runner.status.state == "failed"
    await runner.cancel()


async def test_an_empty_folder_stays_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "new"
    folder.mkdir()
    runner = JobRunner(folder, lambda: NOW, command=lambda kind: (sys.executable, "-c", ""))
    await runner.start("demo")
    assert (await ended(runner)).state == "succeeded"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [b"", b"nonsense", b"[1]", b'{"kind": "other"}', b"\xff\xfe", b'"progress"', b"null"],
)
def test_what_is_no_event(line: bytes) -> None:
    assert parse_event(line) is None


def test_an_event_with_odd_parts_is_read_as_far_as_it_goes() -> None:
    event = parse_event(b'{"kind": "progress", "done": 7, "words": [], "detail": 3, "stage": null}')
    assert event is not None
    assert (event.done, event.words, event.detail, event.stage) == (1.0, None, {}, "")


def test_the_command_of_each_kind() -> None:
    assert job_command("train")[-2:] == ("engine.jobs", "train")
    assert job_command("demo")[-1] == "retention_tui.demo"

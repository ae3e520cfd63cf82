"""Long work in child processes: progress as JSON lines, cancel, and no orphan.

The child is the same command that runs headless (`python -m engine.jobs KIND`), in a process
group of its own and at low priority, so that the screens stay quick while a model trains.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Literal, cast, get_args

from platformdirs import user_log_path

from engine.errors import StateError
from engine.types import JobEvent, Words
from retention_tui.client import SETTINGS_FILE

JobKind = Literal["load", "train", "score", "demo", "refresh"]
JobState = Literal["running", "cancelling", "succeeded", "failed", "cancelled"]
EventKind = Literal["started", "progress", "note", "result", "failed", "cancelled"]

GRACE_S = 5.0
"""How long a child may take to stop after SIGTERM, before SIGKILL."""
NICENESS = 10
LINE_LIMIT_BYTES = 1 << 20
LAST_LINES_BYTES = 4096
"""How much of the log's end is read for the reason of a crash."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """What is known about the last job; replaced as a whole at every event."""

    kind: JobKind
    state: JobState
    started_at: datetime
    log_path: Path
    stage: str = ""
    done: float | None = None  # 0 … 1
    words: Words | None = None
    detail: Mapping[str, object] = field(default_factory=dict)
    exit_code: int | None = None

    @property
    def running(self) -> bool:
        return self.state in ("running", "cancelling")


def parse_event(line: bytes) -> JobEvent | None:
    """One line of the child's stdout; None when it is not an event of the protocol."""
    try:
        content = json.loads(line)
    except (ValueError, UnicodeDecodeError):
        return None
    if not isinstance(content, dict) or content.get("kind") not in get_args(EventKind):
        return None
    words, done, detail = content.get("words"), content.get("done"), content.get("detail")
    return JobEvent(
        kind=cast("EventKind", content["kind"]),
        stage=str(content.get("stage") or ""),
        done=min(1.0, max(0.0, float(done))) if isinstance(done, int | float) else None,
        words=Words(zh=str(words.get("zh", "")), en=str(words.get("en", "")))
        if isinstance(words, dict)
        else None,
        detail=detail if isinstance(detail, dict) else {},
    )


def job_command(kind: JobKind) -> tuple[str, ...]:
    """The child's command line up to the workspace: the sample generator is ours, the rest the
    engine's."""
    if kind == "demo":
        return (sys.executable, "-m", "retention_tui.demo")
    return (sys.executable, "-m", "engine.jobs", kind)


class JobRunner:
    """At most one child at a time; `listener` hears every change of `status` on the event loop."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], datetime],
        *,
        command: Callable[[JobKind], Sequence[str]] = job_command,
        grace_s: float = GRACE_S,
    ) -> None:
        self.folder = folder
        self.status: JobStatus | None = None
        self.listener: Callable[[JobStatus], None] = lambda status: None
        self._clock = clock
        self._command = command
        self._grace_s = grace_s
        self._child: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self.status is not None and self.status.running

    async def start(self, kind: JobKind, options: Sequence[str] = ()) -> None:
        """Start `kind`; raises `StateError` while another job runs."""
        if self.running:
            raise StateError(
                "job_running",
                "A job is running already",
                next_step="Wait for it, or cancel it with X",
            )
        log_path = self._log_path(kind)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        # Set before the first await: a second key press meanwhile meets a running job.
        self.status = JobStatus(kind, "running", self._clock(), log_path)
        log = log_path.open("wb")
        try:
            self._child = await asyncio.create_subprocess_exec(
                *self._command(kind),
                "--workspace",
                str(self.folder),
                *options,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=LINE_LIMIT_BYTES,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
            )
        except OSError as error:
            log.close()
            self._set(state="failed", words=Words(str(error), str(error)))
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.setpriority(os.PRIO_PROCESS, self._child.pid, NICENESS)
        self._set()
        self._watch = asyncio.create_task(self._follow(self._child, log))

    async def _follow(self, child: asyncio.subprocess.Process, log: IO[bytes]) -> None:
        """Read events until the child ends, then settle how it ended."""
        last: JobEvent | None = None
        stdout = child.stdout
        assert stdout is not None
        try:
            while True:
                try:
                    line = await stdout.readline()
                except ValueError:  # longer than the limit: no event of ours
                    continue
                if not line:
                    break
                event = parse_event(line)
                if event is None:
                    log.write(line)
                    continue
                if event.kind in ("result", "failed", "cancelled"):
                    last = event
                self._apply(event)
            code = await child.wait()
        finally:
            log.close()
            self._sweep(child.pid)
        self._settle(code, last)

    def _apply(self, event: JobEvent) -> None:
        status = self.status
        if status is None:
            return
        self._set(
            stage=event.stage or status.stage,
            done=status.done if event.done is None else event.done,
            words=event.words or status.words,
            detail={**status.detail, **event.detail},
        )

    def _settle(self, code: int, last: JobEvent | None) -> None:
        status = self.status
        if status is None:
            return
        cancelled = status.state == "cancelling" or (last is not None and last.kind == "cancelled")
        if code == 0 and (last is None or last.kind == "result"):
            self._set(state="succeeded", done=1.0, exit_code=code)
        elif cancelled:
            self._set(state="cancelled", exit_code=code)
        else:
            said = last.words if last is not None and last.kind == "failed" else None
            self._set(state="failed", exit_code=code, words=said or self._fall(code, status))

    @classmethod
    def _fall(cls, code: int, status: JobStatus) -> Words | None:
        """The best word there is on a child that fell without one of its own."""
        said = cls._last_line(status)
        if said is None and code == -signal.SIGKILL:
            from engine.jobs.protocol import KILLED  # too heavy before the first paint

            return KILLED
        return said

    @staticmethod
    def _last_line(status: JobStatus) -> Words | None:
        """The end of the log."""
        try:
            tail = status.log_path.read_bytes()[-LAST_LINES_BYTES:].decode("utf-8", "replace")
        except OSError:
            return None
        lines = [line.strip() for line in tail.splitlines() if line.strip()]
        return Words(lines[-1], lines[-1]) if lines else None

    async def cancel(self) -> None:
        """Ask the child to stop; after the grace it is killed. Returns when it has ended."""
        child, watch = self._child, self._watch
        if child is None or watch is None or not self.running:
            return
        self._set(state="cancelling")
        self._signal(child.pid, signal.SIGTERM)
        done, _ = await asyncio.wait({watch}, timeout=self._grace_s)
        if not done:
            self._signal(child.pid, signal.SIGKILL)
            await asyncio.wait({watch})

    def kill(self) -> None:
        """End the child at once: the last resort when the event loop itself is going."""
        if self._child is not None and self._child.returncode is None:
            self._signal(self._child.pid, signal.SIGKILL)

    @staticmethod
    def _signal(pid: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)

    def _sweep(self, pid: int) -> None:
        """Whatever the child started and left behind in its group ends with it."""
        self._signal(pid, signal.SIGKILL)

    def _set(self, **changes: object) -> None:
        assert self.status is not None
        self.status = replace(self.status, **changes)  # type: ignore[arg-type]
        self.listener(self.status)

    def _log_path(self, kind: str) -> Path:
        """In the workspace; where there is none yet, beside the user's other logs, since an
        empty folder must stay empty until the job has made the workspace."""
        inside = (self.folder / SETTINGS_FILE).is_file()
        folder = self.folder / "logs" if inside else user_log_path("retention")
        return folder / f"{kind}-{self._clock():%Y%m%d-%H%M%S}.log"

"""Commands as processes of their own, and what each of them took."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import StateError

KB_PER_MB = 1024


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ended well."""

    output: str
    cpu_s: float
    wall_s: float
    peak_mb: float  # resident; at least that of this process when the command was started


def retention() -> str:
    """The program that is installed beside this interpreter."""
    program = Path(sysconfig.get_path("scripts")) / "retention"
    if not program.exists():
        raise StateError(
            "not_installed",
            f"{program.name} is not installed beside this interpreter",
            next_step="Install the package into this environment",
        )
    return str(program)


def timed(command: Sequence[str]) -> Done:
    """Run `command` to its end; its children are counted where it waited for them.

    Raises `StateError` where its status is not 0.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=complaints)
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        complaints.seek(0)
        if process.returncode:
            raise StateError(
                "command_failed",
                f"{' '.join(command[1:])} ended with status {process.returncode}",
                why=complaints.read().decode(errors="replace").strip()[-300:],
            )
        return Done(
            output.read().decode(),
            used.ru_utime + used.ru_stime,
            wall_s,
            used.ru_maxrss / KB_PER_MB,
        )

"""A command's CPU time, memory and failure."""

from __future__ import annotations

import sys

import pytest

from benchmarks.processes import timed
from engine.errors import StateError


def test_a_command_is_measured_whole() -> None:
    work = "x = bytearray(60_000_000); print(sum(range(3_000_000)))"
    done = timed([sys.executable, "-c", work])
    assert done.output.strip() == str(sum(range(3_000_000)))
    assert done.cpu_s > 0
    assert done.wall_s > 0
    assert done.peak_mb > 60


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(StateError, match="status 3") as raised:
        timed([sys.executable, "-c", "import sys; sys.stderr.write('no disk'); sys.exit(3)"])
    assert raised.value.why == "no disk"

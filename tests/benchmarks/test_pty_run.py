"""Watching a program in a pseudo-terminal."""

from __future__ import annotations

import sys

import pytest

from benchmarks.terminal.pty_run import watch
from engine.errors import StateError


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_escape_sequences_are_no_paint_and_the_marker_comes_later() -> None:
    code = (
        # Before the question: switching the mode throws away an answer that is already there.
        "import sys, os, tty; tty.setcbreak(0)\n"
        "sys.stdout.write('\\x1b[?1049h\\x1b[2;3H' + '\\x1b[38;5;12m' * 40); sys.stdout.flush()\n"
        "sys.stdout.write('\\x1b[6n'); sys.stdout.flush()\n"
        "answer = b''\n"
        "while not answer.endswith(b'R'): answer += os.read(0, 1)\n"
        "print('a first line with more than twenty letters', flush=True)\n"
        "print('user-\\x1b[1m4711', flush=True)\n"
        "os.read(0, 1)\n"
    )
    seen = watch(_python(code), marker="user-4711", timeout_s=30)
    assert seen.marker_s is not None
    assert 0 < seen.first_paint_s <= seen.marker_s < 30
    assert seen.peak_memory_mb > 3


def test_a_program_that_ends_without_a_screen_is_named() -> None:
    with pytest.raises(StateError) as caught:
        watch(_python("print('no such file')"), timeout_s=30)
    assert caught.value.code == "nothing_painted"
    assert caught.value.why == "no such file"

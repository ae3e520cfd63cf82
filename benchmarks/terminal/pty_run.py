"""Start a terminal program in a pseudo-terminal and note when its text appears."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import StateError

COLUMNS, LINES = 80, 24
LETTERS_OF_A_PAINT = 20
"""Fewer printable characters than this are the set-up of the terminal, not a screen."""

# What a full-screen program asks its terminal at the start, and what a plain xterm answers.
_ANSWERS = (
    (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
    (b"\x1b[c", b"\x1b[?62;c"),
    (b"\x1b[6n", b"\x1b[1;1R"),
)
_ESCAPE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_].*?\x1b\\|.)", re.S
)


@dataclass(frozen=True, slots=True)
class Seen:
    """Seconds since the program was started; `marker_s` is None where none was asked for."""

    first_paint_s: float
    marker_s: float | None
    peak_memory_mb: float


def watch(
    command: Sequence[str],
    *,
    marker: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
) -> Seen:
    """Run `command` until it has painted (and shown `marker`), then end it with SIGTERM.

    Raises `StateError` when it ends or the time runs out before that.
    """
    started = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(command[0], list(command), _environment(environment or {}))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    wanted = marker.encode() if marker is not None else None
    output = b""
    painted: float | None = None
    marked: float | None = None
    try:
        while painted is None or (wanted is not None and marked is None):
            left = timeout_s - (time.perf_counter() - started)
            part = _read(terminal, left)
            if not part:
                raise StateError(
                    "nothing_painted",
                    f"{command[0]} showed no screen within {timeout_s:g} s",
                    why=_text(output).decode("utf-8", "replace").strip()[-200:],
                )
            now = time.perf_counter() - started
            output += part
            for question, answer in _ANSWERS:
                if question in part:
                    os.write(terminal, answer)
            text = _text(output)
            if painted is None and len(text.split()) and len(text) >= LETTERS_OF_A_PAINT:
                painted = now
            if wanted is not None and marked is None and wanted in text:
                marked = now
    finally:
        memory_mb = _end(child, terminal)
    return Seen(painted, marked, memory_mb)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **extra}


def _read(terminal: int, timeout_s: float) -> bytes:
    """What the program wrote next; empty at its end or when the time is up."""
    if timeout_s <= 0 or not select.select([terminal], [], [], timeout_s)[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO when the other side of a pseudo-terminal is closed
        return b""


def _text(output: bytes) -> bytes:
    """Without escape sequences: what a reader sees."""
    return _ESCAPE.sub(b"", output)


def _end(child: int, terminal: int) -> float:
    """End the program, patiently first; returns its peak resident memory in MB."""
    try:
        os.kill(child, signal.SIGTERM)
        deadline = time.perf_counter() + 5
        while time.perf_counter() < deadline:
            # A program that waits for its output to be read would never end.
            if select.select([terminal], [], [], 0.05)[0]:
                _read(terminal, 0.05)
            ended, _, usage = os.wait4(child, os.WNOHANG)
            if ended:
                return usage.ru_maxrss / 1024
        os.kill(child, signal.SIGKILL)
        return os.wait4(child, 0)[2].ru_maxrss / 1024
    finally:
        os.close(terminal)

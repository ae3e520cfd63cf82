"""A real terminal for tests: one tmux server of its own, keys in, the screen's text out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

POLL_S = 0.05
PROGRAM = Path(sys.executable).parent / "retention"
PROMPT = "ready>"
LEFT = "left-with"
"""What the shell says once the app has ended, before its exit status."""
MARK = "RETENTION_E2E_MARK"
"""An environment variable that every process started in the terminal inherits."""


def available() -> str:
    """Why a real terminal cannot be had here; empty when it can."""
    if shutil.which("tmux") is None:
        return "tmux is not installed"
    if not PROGRAM.exists():
        return "the program is not installed beside this Python"
    return "" if Path("/proc/self/environ").exists() else "processes are found through /proc"


class Terminal:
    """One pane with a shell in `folder`; nothing of the person's own settings is seen in it."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self._socket = f"retention-{self.mark[:12]}"
        self._own: set[int] = set()
        home.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "OMP_NUM_THREADS": "1",
            MARK: self.mark,
        }

    def tmux(self, *words: str) -> str:
        """Run one tmux command on this server; returns what it prints."""
        done = subprocess.run(
            ["tmux", "-L", self._socket, "-f", os.devnull, "-u", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return done.stdout

    def open(self, columns: int = 80, rows: int = 24) -> None:
        size = ("-x", str(columns), "-y", str(rows))
        self.tmux("new-session", "-d", *size, "-c", str(self.folder), "sh -i")
        self.tmux("set-option", "-g", "status", "off")
        self.tmux("set-option", "-g", "window-size", "manual")
        self.resize(columns, rows)
        self.wait_for(r"[#$] *$")
        self.write(f"PS1='{PROMPT} '; clear")
        self.press("Enter")
        self.wait_for(f"^{PROMPT} *$")
        self._own = {int(self.format("pane_pid")), int(self.format("pid"))}

    def close(self) -> None:
        """End the server and whatever still runs in it."""
        with suppress(subprocess.CalledProcessError):  # a pane that was closed ended its server
            self.tmux("kill-server")

    def press(self, *keys: str) -> None:
        """Press keys by their tmux names: Enter, Escape, Down, C-g, F3, or one character."""
        self.tmux("send-keys", *keys)

    def write(self, text: str) -> None:
        """Type `text` as it is, as an input method commits it."""
        self.tmux("send-keys", "-l", text)

    def resize(self, columns: int, rows: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self, *options: str) -> str:
        """The text on the screen now; tmux options such as -e (with colours)."""
        return self.tmux("capture-pane", "-p", *options)

    def format(self, name: str) -> str:
        """A fact about the pane, for instance `alternate_on`."""
        return self.tmux("display-message", "-p", f"#{{{name}}}").strip()

    def wait_for(self, pattern: str, timeout_s: float = 20.0, *, gone: bool = False) -> str:
        """The screen as soon as `pattern` is on it (`gone`: no longer); fails with its text."""
        ends = time.monotonic() + timeout_s
        while True:
            text = self.screen()
            if (re.search(pattern, text, re.MULTILINE) is None) is gone:
                return text
            if time.monotonic() > ends:
                wish = "still there" if gone else "never came"
                raise AssertionError(f"{pattern!r} {wish} within {timeout_s} s:\n{text}")
            time.sleep(POLL_S)

    def shell(self, line: str) -> str:
        """Run `line` in the shell of the pane; returns what it prints, at most a screen."""
        end = uuid.uuid4().hex[:8]
        self.tmux("send-keys", "-R")
        self.tmux("clear-history")
        self.write(f"clear; {line}; echo end-{end[:4]}''{end[4:]}")
        self.press("Enter")
        text = self.wait_for(f"^end-{end}")
        return text.partition(f"end-{end}")[0].strip()

    def retention(self, *words: str) -> Any:
        """What `retention WORDS --json` says on the same folder, outside the pane."""
        done = subprocess.run(
            ["retention", *words, "--json"],
            cwd=self.folder,
            env=self.environment,
            executable=str(PROGRAM),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *settings: str) -> None:
        """Start the app in the shell; `settings` are variables of its environment (NAME=value)."""
        self.write(" ".join(["clear;", *settings, f"retention; echo {LEFT}''=$?"]))
        self.press("Enter")

    def wait_for_exit(self, timeout_s: float = 30.0) -> int:
        """Wait until the app has left; returns its exit status."""
        text = self.wait_for(rf"^{LEFT}=\d+$", timeout_s)
        return int(text.rpartition(f"{LEFT}=")[2].split()[0])

    def processes(self) -> dict[int, str]:
        """Process id -> command of all that was started in this terminal and lives.

        The shell of the pane and the server are not counted.
        """
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in self._own:
                continue
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if f"{MARK}={self.mark}".encode() in environment.split(b"\0") and state != "Z":
                found[int(entry.name)] = command.strip()
        return found

    def wait_for_silence(self, timeout_s: float = 30.0) -> None:
        """Wait until nothing that was started in this terminal lives."""
        ends = time.monotonic() + timeout_s
        while left := self.processes():
            assert time.monotonic() < ends, f"still running after {timeout_s} s: {left}"
            time.sleep(POLL_S)


@contextmanager
def terminal(folder: Path, home: Path) -> Iterator[Terminal]:
    """An open terminal in `folder`, closed at the end."""
    made = Terminal(folder, home)
    made.open()
    try:
        yield made
    finally:
        made.close()

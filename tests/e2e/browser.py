"""A real headless Chromium at a real `retention serve`: keys in, the terminal's text out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).parent / "retention"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>]")
PATIENCE_S = 60.0


def available() -> str:
    """Why a browser cannot be had here; empty when it can."""
    if CHROMIUM is None:
        return "Chromium is not installed"
    return "" if PROGRAM.exists() else "the program is not installed beside this Python"


@contextmanager
def served(folder: Path, home: Path, *words: str) -> Iterator[dict[str, Any]]:
    """`retention serve` on `folder`; yields what it announces and ends it by SIGTERM."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "OMP_NUM_THREADS": "1",
    }
    server = subprocess.Popen(
        [str(PROGRAM), "-w", str(folder), "--lang", "zh", "--json", "serve", "--port", "0", *words],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        said = ""
        while not said.endswith("}\n"):
            line = server.stdout.readline()
            assert line, "the server ended before it said its address"
            said += line
        yield json.loads(said)
        server.terminate()
        assert server.wait(timeout=PATIENCE_S) == 0
    finally:
        server.kill()
        server.wait()


class Tab:
    """One page: what the app has painted in it, and the requests that it made."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[str] = []
        self._received = bytearray()
        page.on("request", lambda request: self.requests.append(request.url))
        page.on(
            "websocket", lambda socket: socket.on("framereceived", lambda part: self._take(part))
        )

    def _take(self, part: bytes | str) -> None:
        self._received += part if isinstance(part, bytes) else part.encode()

    @property
    def text(self) -> str:
        """All that was painted since the last `forget`, without escape sequences."""
        return ESCAPE.sub("", self._received.decode("utf-8", "replace"))

    def forget(self) -> None:
        self._received.clear()

    def wait_for(self, pattern: str) -> None:
        """Until the app has painted `pattern`."""
        deadline = time.monotonic() + PATIENCE_S
        while re.search(pattern, self.text) is None:
            assert time.monotonic() < deadline, f"{pattern!r} never came; last: {self.text[-800:]}"
            self.page.wait_for_timeout(20)  # lets the browser's events in

    def press(self, key: str, then: str) -> None:
        """Press `key` and wait until the app has painted `then` because of it."""
        self.forget()
        self.page.keyboard.press(key)
        self.wait_for(then)

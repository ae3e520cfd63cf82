"""`python -m benchmarks.terminal`: start-up of the command line and of the app."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.harness import Row, options, run
from benchmarks.processes import retention
from benchmarks.terminal.pty_run import Seen, watch
from engine.errors import StateError

FIRST_PAINT_AIM_S = 1.0
LIST_AIM_S = 3.0
"""From the command to the ranked list, when everything is there."""

_SMALLEST_APP = """
from textual.app import App
from textual.widgets import Static

class Smallest(App):
    def compose(self):
        yield Static("the smallest application of this toolkit")

Smallest().run()
"""


def measure_commands(quick: bool) -> list[Row]:
    """Whole-process time of `--version`, beside an interpreter that does nothing."""
    rounds = 3 if quick else 7
    nothing = _seconds([sys.executable, "-c", ""], rounds)
    imports = _seconds([sys.executable, "-c", "import typer"], rounds)
    version = _seconds([retention(), "--version"], rounds)
    peers = {"python, nothing": nothing, "python, import typer": imports}
    return [Row("commands", "version_s", version, peers)]


def measure_app(quick: bool) -> list[Row]:
    """`rank` and the first paint of the app on a small sample workspace, made for this run."""
    rounds = 3 if quick else 7
    with tempfile.TemporaryDirectory() as folder:
        workspace = str(Path(folder) / "demo")
        users = "400" if quick else "4000"
        _run([retention(), "--workspace", workspace, "demo", "--headless", "--users", users])
        rank = [retention(), "--workspace", workspace, "--json", "rank", "--top", "20"]
        rank_s = _seconds(rank, rounds)
        # The list shows names, shortened to its column: the first word of the first name will do.
        first = json.loads(_run(rank))["rows"][0]["name"].split()[0]
        app = [retention(), "--workspace", workspace, "--lang", "en"]
        ours = _median(lambda: watch(app, marker=first), rounds)
        smallest = _median(lambda: watch([sys.executable, "-c", _SMALLEST_APP]), rounds)
    peer = "smallest Textual app"
    list_s = ours.marker_s if ours.marker_s is not None else float("nan")
    return [
        Row("app", "rank_s", rank_s),
        Row(
            "app",
            "first_paint_s",
            ours.first_paint_s,
            {peer: smallest.first_paint_s},
            f"at most {FIRST_PAINT_AIM_S:g}",
            ours.first_paint_s <= FIRST_PAINT_AIM_S,
        ),
        Row(
            "app",
            "ranked_list_s",
            list_s,
            {},
            f"at most {LIST_AIM_S:g}",
            list_s <= LIST_AIM_S,
        ),
        Row("app", "peak_memory_mb", ours.peak_memory_mb, {peer: smallest.peak_memory_mb}),
    ]


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StateError(
            "command_failed",
            f"{' '.join(command[1:])} ended with status {done.returncode}",
            why=done.stderr.strip()[-300:],
        )
    return done.stdout


def _seconds(command: Sequence[str], rounds: int) -> float:
    """Median wall time of the whole process; the first run warms the disk's cache."""
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        _run(command)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def _median(once: Callable[[], Seen], rounds: int) -> Seen:
    """Each figure's median over `rounds`, after one run that warms the disk's cache."""
    once()
    seen = [once() for _ in range(rounds)]
    marked = [one.marker_s for one in seen if one.marker_s is not None]
    return Seen(
        statistics.median(one.first_paint_s for one in seen),
        statistics.median(marked) if marked else None,
        statistics.median(one.peak_memory_mb for one in seen),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    asked = options("terminal", __doc__ or "", ("commands", "app"), arguments)
    return run("terminal", asked, {"commands": measure_commands, "app": measure_app})


if __name__ == "__main__":
    raise SystemExit(main())

"""What goes wrong in a real terminal: a killed child, a held database, a window too small."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tmux_terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

LIST = r"^ 1-\d+ / [\d,]+"
FIRST_ROW = r"^    1 "
BUSY = "数据库正被占用"
HOLD = """\
import sys
from pathlib import Path
from engine.store.lease import lease
with lease(Path(sys.argv[1]), write=True):
    print("held", flush=True)
    sys.stdin.read()
"""


def open_list(app: Terminal, *settings: str) -> str:
    app.start(*settings)
    return app.wait_for(rf"(?s){FIRST_ROW}.*{LIST}")


def leave(app: Terminal) -> None:
    app.press("q")
    assert app.wait_for_exit() == 0
    assert app.processes() == {}
    assert app.format("alternate_on") == "0"


def start_training(app: Terminal) -> int:
    """Start a training by its function key; returns the child's process id."""
    app.press("F6")
    app.wait_for("训练一个挑战者？")
    app.press("Enter")
    app.wait_for(r"^ 训练 \[")
    (child,) = [pid for pid, line in app.processes().items() if "engine.jobs train" in line]
    return child


@contextmanager
def held(database: Path) -> Iterator[int]:
    """Another process that holds `database` for writing; gives its id."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        yield holder.pid
    finally:
        holder.stdin.close()
        assert holder.wait(20) == 0
        holder.stdout.close()


def test_a_killed_training_fails_alone_and_leaving_ends_the_next(in_workspace: Terminal) -> None:
    app = in_workspace
    open_list(app)
    os.kill(start_training(app), signal.SIGKILL)
    app.wait_for("训练：失败")
    app.wait_for("信号 9")
    app.press("4")
    text = app.wait_for("没有待定的挑战者")
    assert "现任" in text
    app.press("1")
    app.wait_for(FIRST_ROW)

    start_training(app)
    app.press("q")
    app.wait_for("停止并退出")
    app.press("Escape")
    app.wait_for("停止并退出", gone=True)
    assert re.search(r"^ 训练 \[", app.screen(), re.MULTILINE)
    app.press("q")
    app.wait_for("停止并退出")
    app.press("Enter")
    assert app.wait_for_exit() == 0
    assert app.processes() == {}
    assert [card["state"] for card in app.retention("models")] == ["champion"]


def test_a_held_database_is_said_and_the_next_try_works(in_workspace: Terminal) -> None:
    app = in_workspace
    with held(app.folder / "behaviour.duckdb") as holder:
        app.start()
        # The sentence may be wrapped anywhere, by the length of the process's number.
        text = " ".join(app.wait_for(BUSY).split())
        assert f"behaviour.duckdb is in use by process {holder}" in text, text
    app.press("F5")
    app.wait_for(rf"(?s)数据截至 \d{{4}}-.*{FIRST_ROW}.*{LIST}")
    with held(app.folder / "ledger.duckdb"):
        app.press("F5")
        text = app.wait_for(BUSY)
        assert re.search(FIRST_ROW, text, re.MULTILINE), "the old list stays in sight"
    app.press("F5")
    app.wait_for(BUSY, gone=True)
    assert re.search(FIRST_ROW, app.screen(), re.MULTILINE)
    leave(app)


def test_a_small_window_asks_to_be_enlarged_and_comes_back_whole(in_workspace: Terminal) -> None:
    app = in_workspace
    before = open_list(app)
    app.resize(50, 14)
    text = app.wait_for("请放大终端窗口：当前 50×14，至少需要 60×16")
    assert not re.search(r"\d\.\d\d", text), "the list does not show through"
    app.resize(80, 24)
    app.wait_for(rf"\A{re.escape(before)}\Z")
    app.resize(120, 40)
    app.wait_for(r"^   30 ")
    app.resize(80, 24)
    app.wait_for(rf"\A{re.escape(before)}\Z")
    leave(app)


def test_without_colour_every_word_is_there(in_workspace: Terminal) -> None:
    app = in_workspace
    coloured = open_list(app)
    assert not only_greys(app)
    leave(app)
    open_list(app, "NO_COLOR=1")
    app.wait_for(rf"\A{re.escape(coloured)}\Z")
    assert only_greys(app)
    leave(app)


def only_greys(app: Terminal) -> bool:
    """Whether every colour on the screen is black, white or a grey of the 256-colour ramp."""
    colours = re.findall(r"[34]8;5;(\d+)", app.screen("-e"))
    assert colours
    return all(int(colour) in {16, 231, *range(232, 256)} for colour in colours)


def test_a_closed_window_leaves_nothing_behind(in_workspace: Terminal) -> None:
    app = in_workspace
    open_list(app)
    start_training(app)
    app.tmux("kill-pane")
    app.wait_for_silence()

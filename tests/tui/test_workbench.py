"""What holds on every screen: languages, help, palette, jobs, quitting, sizes, colours."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest
from tui_support import (
    HOSTILE,
    FakeEngineClient,
    log_row,
    risk_row,
    running,
    screen_text,
    settled,
    toasts,
    wait_for,
    workbench,
)

import retention_tui
from engine.types import Words
from retention_tui.demo import SMALL_USERS, USERS
from retention_tui.i18n import current_language
from retention_tui.modals.confirm import Confirm
from retention_tui.modals.quit_guard import QuitGuard
from retention_tui.modals.too_small import TooSmall
from retention_tui.screens.first_run import FirstRunScreen
from retention_tui.screens.help import HelpScreen
from retention_tui.screens.risk_list import RiskScreen
from retention_tui.theme import THEMES

pytestmark = pytest.mark.slow  # a pilot test costs half a second


PYTHON = sys.executable
WAITS = (PYTHON, "-c", "import time; time.sleep(60)")
SUCCEEDS = (
    PYTHON,
    "-c",
    'print(\'{"kind":"result","done":1,"detail":{"model_id":"m"}}\', flush=True)',
)
TELLS_ITS_OPTIONS = (
    PYTHON,
    "-c",
    "import json, sys; print(json.dumps({'kind': 'result', 'detail': {'options': sys.argv[-4:]}}))",
)
FAILS = (PYTHON, "-c", "import sys; sys.exit('the disk is full')")


async def test_language_is_switched_live_on_every_screen(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        for mode, zh, en in (
            ("2", "主要原因", "reason"),
            ("4", "对数损失", "log loss"),
            ("7", "实验臂", "arm"),
        ):
            await pilot.press(mode)
            await wait_for(pilot, lambda: settled(app), "reads")
            assert zh in screen_text(app)
            asked = len(fake.calls["risk_page"])
            await pilot.press("Z")
            await wait_for(pilot, lambda en=en: en in screen_text(app), "English")  # type: ignore[misc]
            assert zh not in screen_text(app)
            assert len(fake.calls["risk_page"]) == asked, "a language needs no second question"
            await pilot.press("f8")
            await wait_for(pilot, lambda zh=zh: zh in screen_text(app), "Chinese")  # type: ignore[misc]


async def test_a_screen_behind_takes_the_language_on_return(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("4", "Z", "1")
        await wait_for(pilot, lambda: "critical" in screen_text(app), "English list")
        assert "极高" not in screen_text(app)
        assert current_language() == "en"


async def test_help_leads_with_the_screen_and_tells_the_workspace(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app, (100, 110)) as pilot:
        await pilot.press("4", "question_mark")
        await wait_for(pilot, lambda: isinstance(app.screen, HelpScreen), "opens")
        text = screen_text(app)
        assert text.index("Models") < text.index("Put the newest challenger")
        for words in ("知行学堂", "42,000", "Asia/Shanghai"):
            assert words in text
        await pilot.press("escape")
        await wait_for(pilot, lambda: not isinstance(app.screen, HelpScreen), "closes")


@pytest.mark.parametrize("words", ["命令", "Next sort column"])
async def test_the_palette_finds_an_action_in_either_language(
    fake: FakeEngineClient, words: str
) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("ctrl+p")
        await wait_for(pilot, lambda: "想做什么" in screen_text(app), "opens")
        await wait_for(pilot, lambda: "切换排序列" in screen_text(app), "offers this screen's")
        if words == "命令":
            await pilot.press("escape")
            await wait_for(pilot, lambda: isinstance(app.screen, RiskScreen), "closes")
            return
        await pilot.press(*"next sort")
        await wait_for(pilot, lambda: "给已标记" not in screen_text(app), "narrows")
        await pilot.press("enter")
        await wait_for(
            pilot,
            lambda: isinstance(app.screen, RiskScreen) and app.screen.query_shown.sort == "risk",
            "runs it",
        )
        await wait_for(pilot, lambda: settled(app), "rest")


async def test_retrain_asks_runs_and_tells_the_end(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en", command=SUCCEEDS)
    async with running(app) as pilot:
        await pilot.press("R")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm), "asks")
        assert "300 users" in screen_text(app)
        await pilot.press("enter")
        await wait_for(pilot, lambda: "Train: done" in toasts(app), "tells the end")
        assert "key 4" in toasts(app)
        assert fake.calls["promote"] == []
        assert fake.calls["reopen"]
        await wait_for(pilot, lambda: settled(app), "rest")


async def test_a_failed_job_says_the_reason_and_its_log(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en", command=FAILS)
    async with running(app) as pilot:
        await pilot.press("f6")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm), "asks")
        await pilot.press("enter")
        await wait_for(pilot, lambda: "Train: failed" in toasts(app), "tells the end")
        assert "the disk is full" in toasts(app)
        assert ".log" in toasts(app)
        await wait_for(pilot, lambda: settled(app), "rest")


async def test_a_running_job_is_seen_everywhere_and_cancelled(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en", command=WAITS)
    async with running(app) as pilot:
        await pilot.press("R")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm), "asks")
        await pilot.press("enter")
        await wait_for(pilot, lambda: "Train [" in screen_text(app), "the bar shows")
        await pilot.press("7")
        await wait_for(pilot, lambda: settled(app), "another screen")
        assert "Train [" in screen_text(app)
        await pilot.press("R")
        await wait_for(pilot, lambda: "X cancels it" in toasts(app), "one job at a time")
        await pilot.press("X")
        await wait_for(pilot, lambda: "Train: cancelled" in toasts(app), "cancelled")
        assert "Train [" not in screen_text(app)
        await wait_for(pilot, lambda: settled(app), "rest")


async def test_quitting_while_a_job_runs_asks_and_leaves_no_process(
    fake: FakeEngineClient,
) -> None:
    app = workbench(fake, language="en", command=WAITS)
    async with running(app) as pilot:
        app.start_job("train")
        await wait_for(pilot, lambda: app.job_running and app.jobs._child is not None, "runs")
        child = app.jobs._child
        assert child is not None
        await pilot.press("q")
        await wait_for(pilot, lambda: isinstance(app.screen, QuitGuard), "asks")
        await pilot.press("escape")
        await wait_for(pilot, lambda: isinstance(app.screen, RiskScreen), "stays")
        assert app.job_running
        await pilot.press("ctrl+q")
        await wait_for(pilot, lambda: isinstance(app.screen, QuitGuard), "asks again")
        await pilot.press("enter")
        await asyncio.wait_for(child.wait(), 10)
    assert app._exit


async def test_quitting_without_a_job_is_at_once(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("q")
        await wait_for(pilot, lambda: app._exit, "leaves")


async def test_an_empty_folder_offers_the_sample_and_then_the_list(
    fake: FakeEngineClient,
) -> None:
    fake.present = False
    app = workbench(fake, command=SUCCEEDS)
    async with running(app) as pilot:
        assert isinstance(app.screen, FirstRunScreen)
        assert "生成示例" in screen_text(app)
        await pilot.press("4", "R")
        assert isinstance(app.screen, FirstRunScreen)
        assert fake.calls["facts"] == []
        fake.present = True
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, RiskScreen), "goes to the list")
        await wait_for(pilot, lambda: "Emma Clark" in screen_text(app) and settled(app), "shows it")


@pytest.mark.parametrize(
    ("key", "users"), [("enter", USERS), ("s", SMALL_USERS), ("f3", SMALL_USERS)]
)
async def test_two_samples_are_offered_in_the_language_of_the_screen(
    fake: FakeEngineClient, key: str, users: int
) -> None:
    fake.present = False
    app = workbench(fake, language="en", command=TELLS_ITS_OPTIONS)
    async with running(app) as pilot:
        assert f"{users:,} users" in screen_text(app)
        await pilot.press(key)
        await wait_for(pilot, lambda: app.job is not None and not app.job.running, "ends")
        assert app.job is not None
        assert app.job.detail["options"] == ["--users", str(users), "--language", "en"]
        await wait_for(pilot, lambda: settled(app), "rest")


async def test_a_failed_sample_says_why_and_can_begin_again(fake: FakeEngineClient) -> None:
    fake.present = False
    app = workbench(fake, language="en", command=FAILS)
    async with running(app) as pilot:
        await pilot.press("enter")
        await wait_for(pilot, lambda: "the disk is full" in screen_text(app), "says why")
        assert isinstance(app.screen, FirstRunScreen)
        await wait_for(pilot, lambda: settled(app), "rest")


async def test_a_terminal_too_small_says_so_and_nothing_is_lost(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await pilot.press("down", "down")
        await pilot.resize_terminal(50, 12)
        await wait_for(pilot, lambda: isinstance(app.screen, TooSmall), "says so")
        await wait_for(pilot, lambda: "50×12" in screen_text(app), "with the size")
        assert "60×16" in screen_text(app)
        await pilot.resize_terminal(80, 24)
        await wait_for(pilot, lambda: isinstance(app.screen, RiskScreen), "comes back")
        await wait_for(pilot, lambda: "Emma Clark" in screen_text(app), "as it was")
        assert app.screen.table.cursor == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(60, 16), (200, 60)])
async def test_every_screen_fills_any_size(fake: FakeEngineClient, size: tuple[int, int]) -> None:
    app = workbench(fake)
    async with running(app, size) as pilot:
        for keys in (("enter",), ("escape", "i"), ("escape", "4"), ("7",)):
            await pilot.press(*keys)
            await wait_for(pilot, lambda: settled(app), "reads")
            assert "?" in screen_text(app).splitlines()[-1]


async def test_hostile_text_is_shown_as_text(fake: FakeEngineClient) -> None:
    from dataclasses import replace

    rows = tuple(
        replace(
            risk_row(place),
            name=text,
            segment=text,
            reason=Words(text, text),
            value_at_risk=(float("nan"), -5.0, float("inf"))[place % 3],
            last_active_at=None,
        )
        for place, text in enumerate(HOSTILE)
    )
    fake.rows = rows
    fake.entries = tuple(
        replace(log_row(place), name=text, campaign=text, status_reason=text, template_id=text)
        for place, text in enumerate(HOSTILE)
    )
    app = workbench(fake)
    async with running(app) as pilot:
        assert "[red]赤" in screen_text(app)
        for place in range(len(rows)):
            await pilot.press("enter")
            await wait_for(pilot, lambda: settled(app) and app.screen.SCOPE == "user", "opens")  # type: ignore[attr-defined]
            assert f"u{place:05d}" in screen_text(app)
            await pilot.press("escape")
            await wait_for(pilot, lambda: isinstance(app.screen, RiskScreen), "closes")
            await pilot.press("down")
        await pilot.press("home", "i")
        await wait_for(pilot, lambda: settled(app) and app.screen.SCOPE == "compose", "writes")  # type: ignore[attr-defined]
        screen_text(app)
        await pilot.press("7")
        await wait_for(pilot, lambda: settled(app) and app.screen.SCOPE == "log", "log")  # type: ignore[attr-defined]
        screen_text(app)
        assert not app._exit


async def test_without_colour_the_cursor_and_the_bands_are_still_told(
    fake: FakeEngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = workbench(fake)
    async with running(app):
        assert app.no_color
        table = app.screen.table  # type: ignore[attr-defined]
        cursor, other = table.render_line(1), table.render_line(2)
        assert any(segment.style and segment.style.reverse for segment in cursor)
        assert not any(segment.style and segment.style.reverse for segment in other)
        assert "极高" in other.text


async def test_themes_are_walked_through(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        seen = []
        for _ in THEMES:
            seen.append(app.theme)
            await pilot.press("T")
            await pilot.pause()
        assert tuple(seen) == THEMES
        assert app.theme == THEMES[0]


def test_styles_name_no_colour() -> None:
    package = Path(retention_tui.__file__).parent
    for path in package.rglob("*.tcss"):
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=\s*[;%])", path.read_text("utf-8")), path


def test_app_stays_small() -> None:
    package = Path(retention_tui.__file__).parent
    assert len((package / "app.py").read_text("utf-8").splitlines()) < 300
    for path in package.rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 400, path

"""The data screen: the report's numbers and no others, in all five states."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from tui_support import (
    HOSTILE,
    QUALITY,
    FakeEngineClient,
    running,
    screen_text,
    settled,
    toasts,
    wait_for,
    workbench,
)

from engine.data.quality.report import STATES
from engine.errors import DataError, StorageError
from retention_tui.client import LocalEngineClient
from retention_tui.i18n.formats import number
from retention_tui.modals.finding import CheckDialog, QuarantineDialog, readable
from retention_tui.screens.data import QualityScreen, findings
from retention_tui.widgets.charts import spark
from retention_tui.widgets.state_view import State

pytestmark = pytest.mark.slow  # a pilot test costs half a second

MAPPING = """\
[business]
name = "T"
[churn]
rule = "inactive"
horizon_days = 60
[tables.users]
source = "users.csv"
[tables.events]
source = "events.csv"
"""


async def go(pilot, app) -> None:  # type: ignore[no-untyped-def]
    await pilot.press("5")
    await wait_for(
        pilot, lambda: isinstance(app.screen, QualityScreen) and settled(app), "data screen"
    )
    await pilot.pause()


@pytest.fixture
def loaded(tmp_path: Path) -> Path:
    """A workspace whose data are unfit, with rows in the quarantine."""
    from engine.workspace import Workspace

    (tmp_path / "retention.toml").write_text('[workspace]\nlanguage = "en"\n', "utf-8")
    (tmp_path / "mapping.toml").write_text(MAPPING, "utf-8")
    (tmp_path / "users.csv").write_text("user_id,email\nu1,a@example.com\nu2,b\n", "utf-8")
    days = [date(2025, 6, 1) + timedelta(days=n) for n in range(60)]
    rows = [f"e{n},u{1 + n % 2},{days[n % 60]} 08:{n % 60:02d}:00,k" for n in range(300)]
    rows += ["x1,nobody,2025-06-02,k", "x2,u1,soon,k"]
    (tmp_path / "events.csv").write_text(
        "event_id,user_id,occurred_at,kind\n" + "\n".join(rows) + "\n", "utf-8"
    )
    Workspace.open(tmp_path).data.load()
    return tmp_path


async def test_the_screen_shows_exactly_the_numbers_of_the_report(loaded: Path) -> None:
    from engine.workspace import Workspace

    report = Workspace.open(loaded).data.check()
    assert report.verdict == "unfit"
    client = LocalEngineClient(loaded, lambda: datetime(2026, 1, 1))
    app = workbench(client, language="en")  # type: ignore[arg-type]
    async with running(app, (200, 60)) as pilot:
        await go(pilot, app)
        lines = screen_text(app).splitlines()
        rows = findings(report)
        orphan = next(n for n, row in enumerate(rows) if getattr(row.behind, "reason", "") ==
                      "orphan_user")  # fmt: skip
        await pilot.press(*["down"] * orphan, "enter")
        await wait_for(pilot, lambda: isinstance(app.screen, QuarantineDialog), "rows")
        await pilot.pause()
        assert "event_id=x1  user_id=nobody  occurred_at=2025-06-02  kind=k" in screen_text(app)
        await pilot.press("escape", "e")
        await wait_for(pilot, lambda: "Report written to" in toasts(app), "written")
    client.close()
    (page,) = (loaded / "reports").glob("data-*.html")
    assert report.words.en in page.read_text("utf-8")
    text = "\n".join(lines)
    assert report.words.en in text
    assert f"quarantined {report.summary.quarantined}" in text
    for table in report.tables:
        line = next(line for line in lines if line.split()[:1] == [table.table])
        assert line.split()[1:4] == [number(n) for n in (table.rows, table.read, table.refused)]
        if table.daily:
            assert spark(table.daily, 56).strip() in line
    for check in report.checks:
        line = next(line for line in lines if check.words.en in line)
        assert line.split()[0] == check.state
        assert line.split()[-1] == number(check.count)
    for group in report.quarantine:
        line = next(line for line in lines if group.words.en in line)
        assert line.split()[-1] == number(group.count)


def test_what_asks_for_something_comes_first() -> None:
    rows = findings(QUALITY)
    states = [row.state for row in rows]
    assert states == ["look", "look", "put_aside", "put_aside", "noted", *["fit"] * 4]
    assert len(rows) == len(QUALITY.checks) + len(QUALITY.quarantine)
    assert [one.state for one in QUALITY.worst_first] == sorted(
        (one.state for one in QUALITY.checks), key=STATES.index
    )


async def test_enter_opens_the_advice_and_the_rows(fake: FakeEngineClient) -> None:
    fake.aside = ('{"note": "[red]x[/]"}', "no json [/bold]", '[1, "[b]"]')
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app)
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, CheckDialog), "advice")
        await pilot.pause()
        assert "one word of the mapping does not fit" in screen_text(app)
        await pilot.press("escape", "down", "down", "enter")
        await wait_for(pilot, lambda: isinstance(app.screen, QuarantineDialog), "rows")
        await pilot.pause()
        text = screen_text(app)
        assert fake.calls["quarantined"] == [("events", "orphan_user", 50)]
        assert "note=[red]x[/]" in text
        assert "no json [/bold]" in text


@pytest.mark.parametrize("value", HOSTILE)
def test_a_row_is_one_line_of_text(value: str) -> None:
    shown = readable(json.dumps({"a": value, "b": None, "c": {"d": value}}))
    assert shown.isprintable()
    assert "b=" not in shown


async def test_the_report_is_written_as_a_page(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app)
        await pilot.press("ctrl+e")
        await wait_for(pilot, lambda: "reports/data.html" in toasts(app), "says where")
        assert fake.calls["write_quality"] == [(QUALITY, "en")]
        fake.faults["write_quality"] = StorageError("disk", "The disk is full")
        await pilot.press("e")
        await wait_for(pilot, lambda: "The disk is full" in toasts(app), "says why not")


async def test_nothing_loaded_says_how_to_load(fake: FakeEngineClient) -> None:
    fake.faults["quality"] = DataError("nothing_loaded", "No behaviour data is loaded")
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app)
        assert "Run: retention load" in screen_text(app)
        await pilot.press("enter", "e")
        await wait_for(pilot, lambda: "nothing to export" in toasts(app), "says why not")
        fake.faults.clear()
        await pilot.press("full_stop")
        await wait_for(pilot, lambda: "usable" in screen_text(app), "recovers")


async def test_an_error_stands_in_until_it_is_over(fake: FakeEngineClient) -> None:
    fake.faults["quality"] = StorageError("unreadable_database", "It cannot be opened")
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await pilot.press("shift+f5")
        await wait_for(pilot, lambda: settled(app), "settles")
        assert "It cannot be opened" in screen_text(app)
        assert app.screen.state is State.ERROR  # type: ignore[attr-defined]


async def test_old_numbers_stay_while_new_ones_are_measured(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app)
        fake.hold("quality")
        fake.report = replace(QUALITY, verdict="fit", words=replace(QUALITY.words, en="All well"))
        await pilot.press("full_stop")
        await wait_for(pilot, lambda: app.screen.state is State.STALE, "stale")  # type: ignore[attr-defined]
        assert QUALITY.words.en in screen_text(app)
        fake.release("quality")
        await wait_for(pilot, lambda: "All well" in screen_text(app), "fresh")


async def test_words_change_with_the_language(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app)
        await pilot.press("f8")
        await wait_for(pilot, lambda: QUALITY.words.zh in screen_text(app), "Chinese")
        assert "所属用户不存在" in screen_text(app)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 50)])
async def test_every_size_keeps_the_list(fake: FakeEngineClient, size: tuple[int, int]) -> None:
    app = workbench(fake, language="en")
    async with running(app, size) as pilot:
        await go(pilot, app)
        assert "Rows that did not pass" in screen_text(app)

"""The risk list: states, filter, sort, marks, and answers that come too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from tui_support import (
    USERS,
    FakeEngineClient,
    running,
    screen_text,
    settled,
    toasts,
    wait_for,
    workbench,
)

from engine.calibrated import BaseRate, PriorShift
from engine.errors import DatabaseBusy
from engine.types import RankQuery
from retention_tui.app import RetentionApp
from retention_tui.client import EngineCrash
from retention_tui.modals.error import ErrorDialog
from retention_tui.modals.export import ExportDialog
from retention_tui.screens.compose import ComposeScreen
from retention_tui.screens.risk_list import RiskScreen
from retention_tui.screens.user import UserScreen
from retention_tui.widgets.filter_bar import FilterBar
from retention_tui.widgets.state_view import State


def risk_screen(app: RetentionApp) -> RiskScreen:
    assert isinstance(app.screen, RiskScreen)
    return app.screen


async def test_it_says_loading_then_shows_the_list(fake: FakeEngineClient) -> None:
    fake.hold("latest_run")
    app = workbench(fake)
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, lambda: "正在读取" in screen_text(app), "says that it loads")
        fake.release("latest_run")
        await wait_for(pilot, lambda: "Emma Clark" in screen_text(app), "shows the list")
        assert risk_screen(app).state is State.READY
        await wait_for(pilot, lambda: settled(app), "rest")


async def test_it_says_that_risks_follow_the_base_rate(fake: FakeEngineClient) -> None:
    assert fake.run is not None
    then = BaseRate(datetime(2026, 6, 1), 0.121, 5_000)
    now = BaseRate(datetime(2026, 8, 1), 0.158, 5_000)
    fake.run = replace(fake.run, prior_shift=PriorShift(then, now, 0.31))
    app = workbench(fake, language="en")
    async with running(app, (120, 24)):
        assert "base rate 12.1% -> 15.8%" in screen_text(app)


async def test_not_scored_and_not_loaded_are_told_apart(fake: FakeEngineClient) -> None:
    fake.run = None
    app = workbench(fake)
    async with running(app) as pilot:
        assert "还没有评分" in screen_text(app)
        assert "retention score" in screen_text(app)
        fake.data = None
        await pilot.press("full_stop")
        await wait_for(pilot, lambda: "retention load" in screen_text(app), "says to load")
        assert risk_screen(app).state is State.EMPTY


async def test_an_error_at_first_says_what_to_do_and_can_be_tried_again(
    fake: FakeEngineClient,
) -> None:
    fake.faults["latest_run"] = DatabaseBusy(
        "database_busy", "PID 42 holds demo.duckdb", next_step="Close the other program"
    )
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        text = screen_text(app)
        for words in ("The database is in use", "PID 42 holds demo.duckdb", "Close the other"):
            assert words in text
        fake.faults.clear()
        await pilot.press("f5")
        await wait_for(pilot, lambda: "Emma Clark" in screen_text(app), "recovers")


async def test_an_error_later_leaves_the_old_rows(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        fake.faults["latest_run"] = DatabaseBusy("database_busy", "PID 42 holds it")
        await pilot.press("f5")
        await wait_for(pilot, lambda: "PID 42 holds it" in toasts(app), "a toast says it")
        assert "Emma Clark" in screen_text(app)


async def test_an_unforeseen_error_is_a_dialogue_and_the_app_goes_on(
    fake: FakeEngineClient,
) -> None:
    fake.faults["latest_run"] = EngineCrash(ZeroDivisionError("[red]boom[/"), None)
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        pass_text = "ZeroDivisionError: [red]boom[/"
        await wait_for(pilot, lambda: isinstance(app.screen, ErrorDialog), "the dialogue opens")
        await wait_for(pilot, lambda: pass_text in screen_text(app), "says the error as it is")
        fake.faults.clear()
        await pilot.press("escape", "f5")
        await wait_for(pilot, lambda: "Emma Clark" in screen_text(app), "goes on")


async def test_filter_by_text_then_clear(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("slash", *"Noah", "enter")
        screen = risk_screen(app)
        await wait_for(pilot, lambda: screen.table.total == 37, "37 users of that name")
        assert app.focused is screen.table
        assert "37" in screen_text(app)
        await pilot.press("x")
        await wait_for(pilot, lambda: screen.table.total == USERS, "all users again")


async def test_a_filter_that_nobody_fits_says_how_to_go_on(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("slash", *"zzz", "enter")
        await wait_for(pilot, lambda: "没有符合条件的用户" in screen_text(app), "says empty")
        assert "按 x 清除筛选" in screen_text(app)
        await pilot.press("x")
        await wait_for(pilot, lambda: "Emma Clark" in screen_text(app), "rows again")
        assert app.focused is risk_screen(app).table


async def test_a_wrong_expression_is_named_and_the_rows_stay(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("slash", *"risk>", "enter")
        await wait_for(pilot, lambda: "'risk>' ends" in screen_text(app), "names the expression")
        assert risk_screen(app).table.total == USERS
        assert not [query for query, _, _ in fake.calls["risk_page"] if query.filter]  # type: ignore[misc, attr-defined]


async def test_the_later_filter_wins_over_the_earlier_answer(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        screen = risk_screen(app)
        fake.hold("risk_page")
        screen.query_one(FilterBar).post_message(FilterBar.Changed("Noah"))
        await wait_for(pilot, lambda: screen.query_shown.filter == "Noah", "the first is asked")
        screen.query_one(FilterBar).post_message(FilterBar.Changed("Emma"))
        await wait_for(pilot, lambda: screen.query_shown.filter == "Emma", "the second is asked")
        fake.release("risk_page")
        await wait_for(pilot, lambda: settled(app), "both are answered")
        names = {screen.table.row(place).name for place in range(5)}  # type: ignore[union-attr]
        assert names == {"Emma Clark"}


async def test_a_block_of_an_earlier_view_is_dropped(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        screen = risk_screen(app)
        fake.hold("risk_page")
        await pilot.press("end")
        asked = len(fake.calls["risk_page"])
        await wait_for(pilot, lambda: len(fake.calls["risk_page"]) > asked - 1, "a block is asked")
        last = USERS - 1
        assert screen.table.row(last) is None
        rows = tuple(reversed(fake.rows))

        async def other(start: int, count: int) -> tuple[object, ...]:
            return rows[start : start + count]

        screen.table.show(other, USERS, rows[:128])  # type: ignore[arg-type]
        fake.release("risk_page")
        await wait_for(pilot, lambda: settled(app), "the old block has come")
        assert screen.table.row(0).rank == USERS  # type: ignore[union-attr]
        assert 2 not in screen.table._blocks


async def test_sort_goes_through_the_columns_and_back(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        screen = risk_screen(app)
        await pilot.press("s")
        await wait_for(pilot, lambda: screen.table.sorted_by == "risk", "sorted by risk")
        assert screen.query_shown == RankQuery("", "risk", True)
        assert "风险 v" in screen_text(app)
        await pilot.press("S")
        await wait_for(pilot, lambda: not screen.table.descending, "reversed")
        assert screen.table.row(0).rank == USERS  # type: ignore[union-attr]


async def test_marks_survive_filter_sort_and_refresh(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        screen = risk_screen(app)
        await pilot.press("space", "down", "space")
        assert set(screen.marks) == {"u00000", "u00002"}
        await pilot.press("slash", *"Noah", "enter")
        await wait_for(pilot, lambda: screen.table.total == 37, "filtered")
        assert "已标记 2 位" in screen_text(app)
        await pilot.press("x", "s", "f5")
        await wait_for(pilot, lambda: screen.table.total == USERS and settled(app), "all again")
        assert set(screen.marks) == {"u00000", "u00002"}
        await pilot.press("i")
        await wait_for(pilot, lambda: isinstance(app.screen, ComposeScreen), "writes to them")
        assert [user for user, _ in app.screen.targets] == ["u00000", "u00002"]  # type: ignore[attr-defined]


async def test_the_cursor_row_is_the_target_without_marks(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("j", "f3")
        await wait_for(pilot, lambda: isinstance(app.screen, ComposeScreen), "writes")
        assert app.screen.targets == (("u00001", "李娜"),)  # type: ignore[attr-defined]


async def test_keys_on_an_empty_list_say_why_not(fake: FakeEngineClient) -> None:
    fake.rows = ()
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("i", "enter", "e", "space")
        await wait_for(pilot, lambda: "没有可导出的内容" in toasts(app), "says why")
        assert isinstance(app.screen, RiskScreen)


async def test_enter_twice_opens_one_screen_and_esc_returns_to_the_row(
    fake: FakeEngineClient,
) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("down", "down", "enter", "enter")
        await wait_for(pilot, lambda: isinstance(app.screen, UserScreen), "opens")
        await wait_for(pilot, lambda: settled(app), "reads")
        assert [type(one).__name__ for one in app.screen_stack] == ["RiskScreen", "UserScreen"]
        await pilot.press("right_square_bracket")
        await wait_for(pilot, lambda: "u00003" in screen_text(app), "the next user")
        await pilot.press("escape")
        await wait_for(pilot, lambda: isinstance(app.screen, RiskScreen), "returns")
        assert risk_screen(app).table.cursor == 3


async def test_export_chooses_a_format(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("e")
        await wait_for(pilot, lambda: isinstance(app.screen, ExportDialog), "asks the format")
        await pilot.press("down", "enter")
        await wait_for(pilot, lambda: "exports/x.csv" in toasts(app), "says the path")
        assert fake.calls["export"] == [("ranking", "xlsx", RankQuery())]


async def test_export_given_up_writes_nothing(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("e")
        await wait_for(pilot, lambda: isinstance(app.screen, ExportDialog), "asks the format")
        await pilot.press("escape")
        await wait_for(pilot, lambda: isinstance(app.screen, RiskScreen), "closes")
        assert fake.calls["export"] == []


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
async def test_the_risk_word_is_never_cut(fake: FakeEngineClient, columns: int) -> None:
    app = workbench(fake, language="en")
    async with running(app, (columns, 24)):
        assert "0.97 critical " in screen_text(app)


async def test_a_row_on_its_way_has_placeholders(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        fake.hold("risk_page")
        await pilot.press("end")
        await wait_for(pilot, lambda: "  . " in screen_text(app), "placeholders")
        fake.release("risk_page")
        await wait_for(pilot, lambda: "300 " in screen_text(app) and settled(app), "the last row")
        assert "  . " not in screen_text(app)

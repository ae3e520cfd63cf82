"""Models: retrain, promote, roll back. Log: rows, filter, effects, export."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from tui_support import FakeEngineClient, running, screen_text, settled, toasts, wait_for, workbench

from engine.calibrated import CalibrationCheck, Reliability
from engine.errors import StateError
from engine.faithfulness import Faithfulness
from engine.types import CutoffShift, Words
from retention_tui.modals.confirm import Confirm
from retention_tui.modals.export import ExportDialog
from retention_tui.modals.watched import WatchedDialog
from retention_tui.screens.models import ModelsScreen
from retention_tui.screens.user import UserScreen

pytestmark = pytest.mark.slow  # a pilot test costs half a second


async def go(pilot, app, key: str) -> None:  # type: ignore[no-untyped-def]
    before = app.current_mode
    await pilot.press(key)
    await wait_for(pilot, lambda: app.current_mode != before and settled(app), f"goes by {key}")


async def test_watching_says_its_verdict_and_opens_the_details(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "4")
        assert not fake.calls["monitored"], "nothing is computed before it is asked for"
        await pilot.press("w")
        await wait_for(pilot, lambda: isinstance(app.screen, WatchedDialog), "details open")
        text = screen_text(app)
        assert "drift: some  expected AUC 0.771  fairness: within limits" in text
        assert "spend in 28 days [b]" in text
        await pilot.press("escape")
        await wait_for(pilot, lambda: isinstance(app.screen, ModelsScreen), "details close")
        assert "drift: some" in screen_text(app)


async def test_a_model_that_has_not_scored_cannot_be_watched(fake: FakeEngineClient) -> None:
    fake.faults["monitored"] = StateError("not_scored", "It has not scored yet")
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "4")
        await pilot.press("w")
        await wait_for(pilot, lambda: "has not scored" in toasts(app), "says why")
        assert isinstance(app.screen, ModelsScreen)


async def test_champion_peers_and_challenger_side_by_side(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "4")
        text = screen_text(app)
        for words in (
            "blend-20260904-9c",
            "blend-20260918-2f",
            "0.859",
            "0.868",
            "neural net",
            "gradient boosting",
            "logistic regression",
            "The gate recommends it",
            "-0.011 [-0.018, -0.004]",
            "Loss by epoch",
        ):
            assert words in text


async def test_the_cutoffs_and_the_reliability_of_the_test(fake: FakeEngineClient) -> None:
    card = fake.cards[0]
    bins = Reliability((0.05, 0.52), (0.07, 0.61), (2_560, 2_560), 0.055)
    parts = tuple(
        replace(card.test, cutoffs=(datetime(2026, 8, day),), log_loss=loss, profit=profit)
        for day, loss, profit in ((2, 0.21, 1.25), (16, 0.33, None))
    )
    check = CalibrationCheck("isotonic", replace(bins, error=0.2), bins)
    reasons = Faithfulness(300, 300, 0.003, 300, 291, (1.0,), 110, (0.0,))
    shown = replace(card, by_cutoff=parts, calibration=check, faithfulness=reasons)
    fake.cards = (shown, fake.cards[1])
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "4")
        app.screen.query_one("#cards").scroll_end(animate=False)
        await wait_for(pilot, lambda: "By test cutoff" in screen_text(app), "scrolled down")
        text = screen_text(app)
        for words in (
            "2026-08-16",
            "worst",
            "0.270",  # the mean of both losses
            "1.25",
            "Reliability (isotonic): error 0.200 before calibration, 0.055 after",
            "risk 0.52",
            "churn 0.61",
            "First reason taken away",
            "for 291 the risk falls",
        ):
            assert words in text


async def test_the_gate_can_say_no(fake: FakeEngineClient) -> None:
    card = fake.cards[0]
    assert card.verdict is not None
    fake.cards = (replace(card, verdict=replace(card.verdict, wins=False)), fake.cards[1])
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "f4")
        assert "The gate does not recommend it" in screen_text(app)


async def test_test_cutoffs_unlike_the_training_rows_are_a_warning(fake: FakeEngineClient) -> None:
    warning = Words("测试截止时刻不同", "The test cutoffs are not like the training rows")
    shift = CutoffShift(0.99, 0.8, {"tenure_days": 0.7}, True, warning)
    fake.cards = (replace(fake.cards[0], shift=shift), fake.cards[1])
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "4")
        assert warning.en in " ".join(screen_text(app).split())


async def test_no_model_says_which_key_makes_one(fake: FakeEngineClient) -> None:
    fake.cards = ()
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "4")
        assert "Press R to train the first one" in screen_text(app)
        await pilot.press("P", "B")
        await wait_for(pilot, lambda: "No model is in service" in toasts(app), "says why not")


async def test_promote_asks_and_then_promotes(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "4")
        await pilot.press("P")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm), "asks")
        assert fake.calls["promote"] == []
        await pilot.press("y")
        await wait_for(pilot, lambda: fake.calls["promote"] == ["blend-20260918-2f"], "promotes")
        await wait_for(pilot, lambda: "No challenger waits" in screen_text(app), "shows it")
        await wait_for(pilot, lambda: settled(app), "rest")


async def test_rollback_asks_and_a_refusal_is_said(fake: FakeEngineClient) -> None:
    fake.faults["rollback"] = StateError("no_previous", "There was no model before this one")
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "4")
        await pilot.press("ctrl+k")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm), "asks")
        await pilot.press("enter")
        await wait_for(pilot, lambda: "no model before" in toasts(app), "says it")


async def test_the_log_shows_every_row_and_the_effect(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app, (120, 30)) as pilot:
        await go(pilot, app, "7")
        text = screen_text(app)
        for words in (
            "cannot tell yet",
            "+6.0 points [-1.0, +14.0]",
            "900 treated, 100 held out",
            "held out",
            "churned",
            "2026-08-09 10:30",
        ):
            assert words in text


async def test_the_log_is_filtered_and_exported(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "f7")
        await pilot.press("slash", *"held_out", "enter")
        await wait_for(pilot, lambda: "of 4" in screen_text(app), "four held out")
        await pilot.press("e")
        await wait_for(pilot, lambda: isinstance(app.screen, ExportDialog), "asks the format")
        await pilot.press("enter")
        await wait_for(pilot, lambda: "300 rows exported" in toasts(app), "says the rows")
        assert fake.calls["export"] == [("interventions", "csv", None)]


async def test_an_empty_log_says_how_it_fills(fake: FakeEngineClient) -> None:
    fake.entries, fake.effect_rows = (), ()
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "7")
        assert "press i" in screen_text(app)
        await pilot.press("enter", "e")
        await wait_for(pilot, lambda: "nothing to export" in toasts(app), "says why not")


async def test_an_unreadable_log_is_an_error_state(fake: FakeEngineClient) -> None:
    fake.faults["log"] = StateError("no_ledger", "The ledger is missing")
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "7")
        assert "The ledger is missing" in screen_text(app)
        fake.faults.clear()
        await pilot.press("full_stop")
        await wait_for(pilot, lambda: "Care check-in" in screen_text(app), "recovers")


async def test_a_row_of_the_log_opens_its_user(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await go(pilot, app, "7")
        await pilot.press("down", "enter")
        await wait_for(pilot, lambda: isinstance(app.screen, UserScreen) and settled(app), "opens")
        assert "u00001" in screen_text(app)
        await pilot.press("escape")
        await wait_for(pilot, lambda: app.screen.SCOPE == "log", "returns")  # type: ignore[attr-defined]


async def test_a_mode_keeps_its_place(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("down", "down", "down")
        await go(pilot, app, "4")
        assert isinstance(app.screen, ModelsScreen)
        await go(pilot, app, "1")
        assert app.screen.table.cursor == 3  # type: ignore[attr-defined]

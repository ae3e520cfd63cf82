"""The user screen and the way from a user to a message in the outbox."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tui_support import (
    FakeEngineClient,
    running,
    screen_text,
    settled,
    toasts,
    user_detail,
    wait_for,
    workbench,
)

from engine.errors import StateError, TemplateError
from engine.types import Offer, PlanRequest, Words
from retention_tui.modals.confirm import Confirm
from retention_tui.screens.compose import ComposeScreen
from retention_tui.screens.risk_list import RiskScreen
from retention_tui.screens.user import UserScreen

pytestmark = pytest.mark.slow  # a pilot test costs half a second


async def open_user(pilot, app) -> UserScreen:  # type: ignore[no-untyped-def]
    await pilot.press("enter")
    await wait_for(pilot, lambda: isinstance(app.screen, UserScreen) and settled(app), "opens")
    assert isinstance(app.screen, UserScreen)
    return app.screen


async def open_compose(pilot, app) -> ComposeScreen:  # type: ignore[no-untyped-def]
    await pilot.press("i")
    await wait_for(pilot, lambda: isinstance(app.screen, ComposeScreen) and settled(app), "opens")
    assert isinstance(app.screen, ComposeScreen)
    return app.screen


async def test_why_flagged_says_risk_reasons_past_and_contacts(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await open_user(pilot, app)
        text = screen_text(app)
        for words in (
            "0.97 极高",
            "23 天没有学习，留存用户通常 4 天",
            "+1.64",
            "41%",
            "其余 1 个因素合计",
            "有利于留存",
            "付款失败",
            "无法播放第 12 课",
            "关怀问候",
            "年度会员  至 2026-10-02",
        ):
            assert words in text


async def test_the_shares_on_screen_are_the_shares_given(fake: FakeEngineClient) -> None:
    app = workbench(fake, language="en")
    async with running(app, (100, 40)) as pilot:
        await open_user(pilot, app)
        text = screen_text(app)
        assert "-0.32" in text
        for share in ("41%", "22%", "12%", "9%", "8%"):
            assert share in text


async def test_neighbours_stop_at_the_ends(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        screen = await open_user(pilot, app)
        await pilot.press("left")
        await wait_for(pilot, lambda: "没有更多用户" in toasts(app), "says that it is the first")
        await pilot.press("right")
        await wait_for(pilot, lambda: screen.user_id == "u00001" and settled(app), "goes on")
        assert "2/300" in screen_text(app)


async def test_a_user_without_score_and_facts_is_still_shown(
    fake: FakeEngineClient, monkeypatch: object
) -> None:
    bare = replace(
        user_detail(fake.rows[0]),
        row=None,
        explanation=None,
        timeline=(),
        contacts=(),
        signed_up_at=None,
        plan_ends_at=None,
        auto_renew=None,
        marketing_consent=False,
        unscored=Words("最近一次活动在 45 天前", "Last active 45 days before the scoring"),
    )

    async def user(user_id: str):  # type: ignore[no-untyped-def]
        return bare

    fake.user = user  # type: ignore[method-assign]
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await open_user(pilot, app)
        text = screen_text(app)
        for words in (
            "not in the last scoring run",
            "Last active 45 days before the scoring",
            "Nothing is known",
            "no consent to marketing",
        ):
            assert words in text


async def test_an_unreadable_user_is_an_error_state(fake: FakeEngineClient) -> None:
    fake.faults["user"] = StateError("unknown_user", "u00000 is erased", next_step="Choose another")
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await open_user(pilot, app)
        assert "u00000 is erased" in screen_text(app)
        await pilot.press("escape")
        await wait_for(pilot, lambda: isinstance(app.screen, RiskScreen), "returns")


async def test_the_best_template_is_first_and_the_message_is_real(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        screen = await open_compose(pilot, app)
        assert screen.template.template_id == "discount"
        text = screen_text(app)
        assert "续费优惠 · 最匹配" in text
        assert "张伟，为您留了一份续费优惠" in text
        assert "将发送" in text
        assert fake.calls["plan"] == []
        assert fake.calls["dry_run"]


async def test_choices_change_the_preview(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await open_compose(pilot, app)
        await pilot.press("o", "l")
        await wait_for(
            pilot,
            lambda: fake.calls["preview"][-1] == ("discount", "u00000", "zh", Offer(15.0)),
            "offer and language are asked",
        )
        await wait_for(pilot, lambda: "专属优惠 15%" in screen_text(app), "the message changes")
        await pilot.press("t")
        await wait_for(
            pilot,
            lambda: fake.calls["preview"][-1] == ("care_check_in", "u00000", "zh", Offer()),
            "a template without offer gets none",
        )
        await pilot.press("o")
        await wait_for(pilot, lambda: "不含优惠" in toasts(app), "says why not")


async def test_preview_goes_through_the_marked_users(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("space", "space", "space")
        await open_compose(pilot, app)
        await pilot.press("right_square_bracket")
        await wait_for(pilot, lambda: "李娜，为您留了" in screen_text(app), "the second user")
        assert "（2/3）" in screen_text(app)
        assert "对照组" in screen_text(app)


async def test_plan_confirm_approve_send(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await pilot.press("space", "space", "space")
        await open_compose(pilot, app)
        await pilot.press("ctrl+g", "ctrl+g")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm), "asks")
        await wait_for(pilot, lambda: "2 封邮件将进入发件箱" in screen_text(app), "says the count")
        assert "1 位用户随机进入对照组" in screen_text(app)
        assert (fake.calls["approve"], fake.calls["send"]) == ([], [])
        await pilot.press("enter")
        await wait_for(pilot, lambda: isinstance(app.screen, RiskScreen), "returns to the list")
        assert [len(fake.calls[name]) for name in ("plan", "approve", "send")] == [1, 1, 1]
        request = fake.calls["plan"][0]
        assert isinstance(request, PlanRequest)
        assert (request.user_ids, request.dry_run) == (("u00000", "u00001", "u00002"), False)
        assert "已将 2 封邮件送入发件箱" in toasts(app)
        assert app.screen.marks == {}  # type: ignore[attr-defined]


async def test_declined_the_plan_is_cancelled(fake: FakeEngineClient) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await open_compose(pilot, app)
        await pilot.press("f10")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm), "asks")
        await pilot.press("escape")
        await wait_for(pilot, lambda: fake.calls["cancel_plan"] == ["p9"], "is cancelled")
        await wait_for(pilot, lambda: "没有发送任何邮件" in toasts(app), "says so")
        assert isinstance(app.screen, ComposeScreen)
        assert fake.calls["send"] == []


async def test_a_failed_send_is_said_and_nothing_is_lost(fake: FakeEngineClient) -> None:
    fake.faults["send"] = StateError("disk_full", "The disk is full", next_step="Free some space")
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await open_compose(pilot, app)
        await pilot.press("ctrl+g")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm), "asks")
        await pilot.press("enter")
        await wait_for(pilot, lambda: "The disk is full. Free some" in toasts(app), "says it")
        assert isinstance(app.screen, ComposeScreen)
        await wait_for(pilot, lambda: settled(app), "rest")


async def test_a_template_error_stands_in_the_preview(fake: FakeEngineClient) -> None:
    fake.faults["preview"] = TemplateError("unknown_variable", "discount/zh.txt line 3: 'nmae'")
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await open_compose(pilot, app)
        await wait_for(pilot, lambda: "line 3: 'nmae'" in screen_text(app), "names the place")


async def test_without_templates_it_says_what_to_do(fake: FakeEngineClient) -> None:
    fake.template_rows = ()
    app = workbench(fake, language="en")
    async with running(app) as pilot:
        await open_compose(pilot, app)
        assert "retention templates lint" in screen_text(app)
        await pilot.press("ctrl+g", "o", "t", "l")
        assert fake.calls["plan"] == []


async def test_a_delivery_that_ends_behind_another_screen_is_not_offered_again(
    fake: FakeEngineClient,
) -> None:
    app = workbench(fake)
    async with running(app) as pilot:
        await open_compose(pilot, app)
        fake.hold("send")
        await pilot.press("ctrl+g")
        await wait_for(pilot, lambda: isinstance(app.screen, Confirm), "asks")
        await pilot.press("enter")
        await wait_for(pilot, lambda: fake.calls["send"] == ["p9"], "sends")
        await pilot.press("7")
        await wait_for(pilot, lambda: app.current_mode == "log", "another mode")
        fake.release("send")
        await wait_for(pilot, lambda: "送入发件箱" in toasts(app), "it is sent")
        await pilot.press("1")
        await wait_for(pilot, lambda: isinstance(app.screen, RiskScreen), "back at the list")
        await wait_for(pilot, lambda: settled(app), "rest")

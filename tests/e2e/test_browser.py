"""The app in a real browser: log-in, list, filter by an input method, compose, download."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, FLAGS, Tab, available, served

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("textual_serve", reason="the browser mode comes with the extra `web`")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(available()), reason=available() or "a browser is here"),
]


@pytest.fixture
def context() -> Iterator[Any]:
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = browser.new_context(viewport={"width": 1000, "height": 600})
        context.set_default_timeout(60_000)
        yield context
        browser.close()


def compose(tab: Tab, text: str) -> None:
    """Type `text` as an input method does: shown while it is composed, then committed."""
    session = tab.page.context.new_cdp_session(tab.page)
    session.send(
        "Input.imeSetComposition",
        {"text": text, "selectionStart": len(text), "selectionEnd": len(text)},
    )
    session.send("Input.insertText", {"text": text})


def test_the_loop_in_a_browser(context: Any, workspace_copy: Path, tmp_path: Path) -> None:
    with served(workspace_copy, tmp_path / "home", "--sessions", "1") as info:
        page = context.new_page()
        tab = Tab(page)
        refused = page.goto(info["url"])
        assert refused.status == 401
        assert not tab.text
        assert page.goto(info["address"]).status == 200
        assert page.url == info["url"] + "/"
        tab.wait_for("风险列表")
        tab.wait_for(r"1-\d+ / [\d,]+")

        second = context.new_page()
        assert second.goto(info["url"]).status == 503
        second.close()
        page.bring_to_front()

        page.locator("#terminal").click()
        tab.press("/", "姓名或编号")
        tab.forget()
        compose(tab, "等级:高")
        tab.wait_for(r"1-\d+ / [\d,]+")
        page.keyboard.press("Enter")
        tab.press("i", "将发送")
        tab.press("Escape", r"1-\d+ / [\d,]+")

        tab.press("e", "CSV")
        with page.expect_download() as waiting:
            page.keyboard.press("Enter")
        waiting.value.save_as(tmp_path / "list.csv")
        rows = list(csv.DictReader((tmp_path / "list.csv").open(encoding="utf-8-sig")))
        assert rows
        assert {row["band"] for row in rows} == {"high"}

        outside = [url for url in tab.requests if not url.startswith(info["url"])]
        assert [url for url in outside if not url.startswith("data:")] == []


def test_another_site_cannot_open_the_app(
    context: Any, workspace_copy: Path, tmp_path: Path
) -> None:
    with served(workspace_copy, tmp_path / "home") as info:
        page = context.new_page()
        page.goto(info["address"])
        Tab(page)
        host = info["url"].removeprefix("http://")
        elsewhere = context.new_page()
        elsewhere.goto("about:blank")
        closed = elsewhere.evaluate(
            """host => new Promise(done => {
                const socket = new WebSocket(`ws://${host}/ws`);
                socket.onopen = () => done('opened');
                socket.onclose = () => done('refused');
            })""",
            host,
        )
        assert closed == "refused"

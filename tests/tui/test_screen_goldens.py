"""What the screens look like at 80×24, as text; `RETENTION_UPDATE_GOLDENS=1` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tui_support import FakeEngineClient, running, screen_text, settled, wait_for, workbench

pytestmark = pytest.mark.slow  # a pilot test costs half a second


GOLDENS = Path(__file__).parent.parent / "golden"
SCENES: dict[str, tuple[str, ...]] = {
    "risk": ("space", "down"),
    "user": ("enter",),
    "whatif": ("enter", "w"),
    "similar": ("enter", "s"),
    "compose": ("space", "space", "space", "i"),
    "confirm": ("space", "space", "space", "i", "ctrl+g"),
    "models": ("4",),
    "insight": ("4", "i"),
    "insight_curves": ("4", "i", "right"),
    "insight_segments": ("4", "i", "left"),
    "data": ("5",),
    "check": ("5", "enter"),
    "quarantine": ("5", "down", "down", "enter"),
    "log": ("7",),
    "export": ("e",),
    "help": ("question_mark",),
    "nobody": ("slash", "z", "z", "enter"),
    "first_run": (),
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("scene", SCENES)
async def test_screen_looks_as_agreed(scene: str, language: str, fake: FakeEngineClient) -> None:
    fake.present = scene != "first_run"
    fake.folder = Path("demo")
    app = workbench(fake, language=language)
    async with running(app) as pilot:
        for key in SCENES[scene]:
            await pilot.press(key)
            await wait_for(pilot, lambda: settled(app) or app.screen.is_modal, key)
        await pilot.pause()
        await wait_for(pilot, lambda: settled(app) or app.screen.is_modal, "rest")
        text = screen_text(app)
    path = GOLDENS / f"{scene}.{language}.txt"
    if os.environ.get("RETENTION_UPDATE_GOLDENS"):
        path.write_text(text, "utf-8")
    assert path.exists(), f"{path.name} is missing: run with RETENTION_UPDATE_GOLDENS=1"
    assert text == path.read_text("utf-8")

"""The whole model: what it rests on, curves, what acts together, where it is weak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.errors import RetentionError
from engine.insight.report import Insight
from engine.types import Language
from retention_tui.actions import bindings
from retention_tui.i18n import N_, current_language, t
from retention_tui.screens.base import DataScreen
from retention_tui.widgets.insight import (
    curve_lines,
    importance_lines,
    segment_lines,
    together_lines,
)
from retention_tui.widgets.pane import Pane
from retention_tui.widgets.state_view import Notice

PARTS: tuple[tuple[str, Callable[[Insight], Content]], ...] = (
    (N_("Importance"), importance_lines),
    (N_("Curves"), curve_lines),
    (N_("Together"), together_lines),
    (N_("Segments"), segment_lines),
)
"""msgid of the name of a part, and what draws it."""


class InsightScreen(DataScreen):
    """One part at a time; left and right turn the page."""

    SCOPE = "insight"
    MODE = "models"
    CSS_PATH = "insight.tcss"
    BINDINGS: ClassVar[list[Any]] = bindings("insight")

    def __init__(self, model_id: str) -> None:
        super().__init__()
        self.model_id = model_id
        self.part = 0
        self._found: Insight | None = None

    def content(self) -> ComposeResult:
        yield Static(id="parts")
        with Pane(id="insight-body"):
            yield Static(id="insight-lines")

    def home(self) -> Widget | None:
        return self.query_one("#insight-body")

    def waiting(self) -> Notice:
        return Notice(
            t("Looking at the whole model"),
            t("Some ten seconds the first time; then it is kept beside the model."),
        )

    async def fetch(self) -> Insight:
        return await self.workbench.client.insight(self.model_id)

    def show(self, facts: object) -> Notice | None:
        assert isinstance(facts, Insight)
        self._found = facts
        self._draw()
        return None

    def _draw(self) -> None:
        if self._found is None:
            return
        self.query_one("#parts", Static).update(
            Content("  ").join(
                Content.styled(f"[{t(label)}]", "bold $text-accent")
                if place == self.part
                else Content.styled(f" {t(label)} ", "$foreground-muted")
                for place, (label, _) in enumerate(PARTS)
            )
        )
        self.query_one("#insight-lines", Static).update(PARTS[self.part][1](self._found))

    def _turn(self, step: int) -> None:
        self.part = (self.part + step) % len(PARTS)
        if self.ready:
            self._draw()
            self.query_one("#insight-body").scroll_home(animate=False)

    def action_next(self) -> None:
        self._turn(1)

    def action_previous(self) -> None:
        self._turn(-1)

    def action_export(self) -> None:
        if self._found is not None:
            self._export(self._found)

    @work(exclusive=True, group="export")
    async def _export(self, found: Insight) -> None:
        language: Language = "zh" if current_language() == "zh" else "en"
        try:
            path = await self.workbench.client.write_insight(found, language)
        except RetentionError as error:
            self.workbench.report(error)
            return
        self.workbench.say(t("Written to {path}", path=str(path)))

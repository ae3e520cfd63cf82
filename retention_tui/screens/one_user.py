"""What screens about one user share: who it is, a line of facts, a column to read, a caveat."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Static

from retention_tui.screens.base import DataScreen
from retention_tui.widgets.pane import Pane


class OneUserScreen(DataScreen):
    """A view of one user of the list."""

    MODE = "risk"
    CSS_PATH = "one_user.tcss"

    def __init__(self, user_id: str) -> None:
        super().__init__()
        self.user_id = user_id

    def content(self) -> ComposeResult:
        yield Static(id="who")
        yield Static(id="now")
        with Pane(id="told"):
            yield Static()
        yield Static(id="caveat")

    def home(self) -> Widget | None:
        return self.query_one("#told")

"""Asks before a step that reaches beyond the screen: says what will happen, and to how many."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from retention_tui.modals.dialog import Dialog


class Confirm(Dialog[bool]):
    """True when confirmed; `yes` names the step on its key."""

    def __init__(self, title: str, lines: Sequence[str], yes: str) -> None:
        super().__init__(title)
        self._lines = tuple(lines)
        self._yes = yes
        self.add_class("-danger")

    def body(self) -> ComposeResult:
        for line in self._lines:
            yield Static(Content(line), classes="line")

    def labels(self) -> dict[str, str]:
        return {"yes": self._yes}

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)

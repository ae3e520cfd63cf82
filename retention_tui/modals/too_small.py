"""Covers the screens while the terminal is too small for them."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from retention_tui.i18n import t

LEAST_COLUMNS, LEAST_ROWS = 60, 16


def too_small(columns: int, rows: int) -> bool:
    """Whether a terminal of that size cannot hold a screen."""
    return columns < LEAST_COLUMNS or rows < LEAST_ROWS


class TooSmall(ModalScreen[None]):
    """Goes by itself when the terminal grows; nothing behind it is lost."""

    BINDINGS: ClassVar[list[Any]] = [("q,ctrl+q,ctrl+c", "app.quit")]
    DEFAULT_CSS = """
    TooSmall { align: center middle; background: $surface; }
    TooSmall Static { width: 100%; text-align: center; }
    """

    def compose(self) -> ComposeResult:
        yield Static()

    def on_mount(self) -> None:
        self.tell()

    def on_resize(self) -> None:
        self.tell()

    def tell(self) -> None:
        size = self.app.size
        self.query_one(Static).update(
            Content(
                t(
                    "Please enlarge the terminal: {columns}×{rows} now, at least {least} needed",
                    columns=size.width,
                    rows=size.height,
                    least=f"{LEAST_COLUMNS}×{LEAST_ROWS}",
                )
            )
        )

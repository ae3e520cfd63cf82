"""What all dialogues share: a box in the middle, its keys below, and typed results."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from retention_tui.actions import bindings, key_name, of_scope
from retention_tui.i18n import t
from retention_tui.widgets.action_line import ActionLine, key_and_label

Result = TypeVar("Result")


class Dialog(ModalScreen[Result]):
    """A titled box; `body` gives what stands between the title and the keys."""

    BINDINGS: ClassVar[list[Any]] = bindings("dialog")
    CSS_PATH = "dialog.tcss"

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(Content(self._title), id="dialog-title")
            yield from self.body()
            yield ActionLine(self._keys(), id="dialog-keys")

    def body(self) -> ComposeResult:
        """The widgets between title and keys."""
        yield from ()

    def labels(self) -> dict[str, str]:
        """Words that replace "yes" and "no" in this dialogue, by action name; "" hides one."""
        return {}

    def _keys(self) -> Content:
        own = self.labels()
        parts = []
        for spec in of_scope("dialog"):
            label = own.get(spec.name, t(spec.label))
            if label:
                keys = " ".join(key_name(key) for key in spec.keys)
                parts.append(key_and_label(keys, label, f"screen.{spec.name}"))
        return Content("  ").join(parts)

    def action_yes(self) -> None:
        self.dismiss(None)

    def action_no(self) -> None:
        self.dismiss(None)

"""One line to filter by: plain text or expressions, with what is wrong said beside it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from retention_tui.i18n import t
from retention_tui.widgets.cells import clean

DEBOUNCE_S = 0.2
"""Typing pauses that long before the list is asked again."""


class FilterBar(Horizontal):
    """Posts `Changed` after a pause in typing, at once on enter; esc returns to the table."""

    DEFAULT_CSS = """
    FilterBar {
        height: 1; background: $panel;
        & #filter-label { width: auto; padding: 0 1; color: $text-accent; text-style: bold; }
        & Input { width: 1fr; background: $panel; }
        & #filter-problem { width: auto; max-width: 60%; padding: 0 1; color: $text-error; }
    }
    """

    @dataclass
    class Changed(Message):
        text: str

    class Left(Message):
        """The operator is done with the filter: the table takes the focus."""

    def __init__(self, hint: str) -> None:
        super().__init__()
        self._hint = hint  # msgid
        self._timer: Timer | None = None
        self._posted = ""

    def compose(self) -> ComposeResult:
        yield Static(id="filter-label")
        yield Input(compact=True, select_on_focus=False)
        yield Static(id="filter-problem")

    def on_mount(self) -> None:
        self.relabel()

    def relabel(self) -> None:
        """Take the words of the language in use."""
        self.query_one("#filter-label", Static).update(Content(t("Filter /")))
        self.query_one(Input).placeholder = t(self._hint)

    @property
    def text(self) -> str:
        return self.query_one(Input).value

    def begin(self) -> None:
        self.query_one(Input).focus()

    def clear(self) -> None:
        self.query_one(Input).value = ""
        self._post()

    def say(self, problem: str) -> None:
        """Show `problem` beside the filter; the empty string takes it away."""
        self.query_one("#filter-problem", Static).update(Content(clean(problem)))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE_S, self._post)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._post()
        self.post_message(self.Left())

    def _post(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        text = self.text.strip()
        if text != self._posted:
            self._posted = text
            self.post_message(self.Changed(text))

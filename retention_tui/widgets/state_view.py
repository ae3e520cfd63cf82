"""What a screen says when it has nothing to show: why, and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static


class State(StrEnum):
    """Where a data screen stands."""

    LOADING = "loading"
    EMPTY = "empty"
    ERROR = "error"
    READY = "ready"
    STALE = "stale"  # old data on show while new data is on its way


@dataclass(frozen=True, slots=True)
class Notice:
    """A headline, the reason, and the next step, in the language in use."""

    headline: str
    why: str = ""
    next_step: str = ""


class StateView(Vertical):
    """Stands in for the content of a screen that is loading, empty or in error."""

    DEFAULT_CSS = """
    StateView {
        height: 1fr; align: center middle; background: $surface;
        & Static { width: 80%; text-align: center; }
        & #notice-headline { text-style: bold; }
        & #notice-why { color: $foreground-muted; padding: 1 0; }
        & #notice-next { color: $text-accent; }
        &.-error #notice-headline { color: $text-error; }
    }
    """

    def compose(self) -> ComposeResult:
        yield Static(id="notice-headline")
        yield Static(id="notice-why")
        yield Static(id="notice-next")

    def say(self, state: State, notice: Notice) -> None:
        """Show `notice`; the text is data, never markup."""
        self.set_class(state is State.ERROR, "-error")
        for name, text in (
            ("headline", notice.headline),
            ("why", notice.why),
            ("next", notice.next_step),
        ):
            self.query_one(f"#notice-{name}", Static).update(Content(text))

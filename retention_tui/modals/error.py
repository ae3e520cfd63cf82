"""A fault that nobody foresaw: what it was, where the traceback is, and that the app goes on."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from retention_tui.client import EngineCrash
from retention_tui.i18n import t
from retention_tui.modals.dialog import Dialog


class ErrorDialog(Dialog[None]):
    """Shows an `EngineCrash`; closes with either key."""

    def __init__(self, error: EngineCrash) -> None:
        super().__init__(t("Something unforeseen went wrong"))
        self._error = error
        self.add_class("-error")

    def body(self) -> ComposeResult:
        yield Static(Content(self._error.what), classes="line")
        if self._error.log_path is not None:
            yield Static(
                Content(t("Details are in {path}", path=self._error.log_path)), classes="line muted"
            )
        with VerticalScroll():
            yield Static(Content(self._error.trace), classes="line muted")
        yield Static(Content(t("Nothing was half-written; you can go on.")), classes="line")

    def labels(self) -> dict[str, str]:
        return {"yes": t("close"), "no": ""}

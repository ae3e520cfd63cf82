"""What lies behind a line of the data screen: a check's advice, or the rows put aside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.data.quality.report import QualityCheck, QuarantineGroup
from retention_tui.i18n import current_language, t, tn
from retention_tui.i18n.formats import number
from retention_tui.modals.dialog import Dialog
from retention_tui.widgets.cells import clean
from retention_tui.words import name


class CheckDialog(Dialog[None]):
    """The whole sentence of a check, and what to do about it."""

    def __init__(self, check: QualityCheck) -> None:
        super().__init__(name(check.state))
        self._check = check

    def body(self) -> ComposeResult:
        language = current_language()
        yield Static(Content(clean(self._check.words.pick(language))), classes="line")
        yield Static(Content(""), classes="line")
        if self._check.state == "fit":
            yield Static(Content(t("Nothing to do.")), classes="line muted")
        else:
            yield Static(Content(clean(self._check.advice.pick(language))), classes="line")

    def labels(self) -> dict[str, str]:
        return {"yes": t("close"), "no": ""}


class QuarantineDialog(Dialog[None]):
    """The source's rows that were put aside for one reason: data, never markup."""

    def __init__(self, group: QuarantineGroup, rows: Sequence[str]) -> None:
        super().__init__(f"{group.table}  {group.words.pick(current_language())}")
        self._group = group
        self._rows = rows

    def body(self) -> ComposeResult:
        group = self._group
        fate = t("refused") if group.refused else t("the rows were kept")
        shown = tn("the first {n} row", "the first {n} rows", len(self._rows))
        yield Static(
            Content(f"{number(group.count)}  {group.reason}  {fate}  {shown}"),
            classes="line muted",
        )
        with VerticalScroll():
            for row in self._rows:
                yield Static(Content(readable(row)), classes="line row")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def labels(self) -> dict[str, str]:
        return {"yes": t("close"), "no": ""}


def readable(row_json: str) -> str:
    """A row as `column=value` pairs; what is no JSON object is shown as it is."""
    try:
        row = json.loads(row_json)
    except ValueError:
        row = None
    if not isinstance(row, Mapping):
        return clean(row_json)
    return clean("  ".join(f"{key}={value}" for key, value in row.items() if value is not None))

"""Chooses the format of an export; the count of rows is said before."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.types import ExportFormat
from retention_tui.i18n import N_, t, tn
from retention_tui.modals.dialog import Dialog

FORMATS: tuple[tuple[ExportFormat, str], ...] = (
    ("csv", N_("CSV: opens in any spreadsheet")),
    ("xlsx", N_("XLSX: an Excel workbook")),
    ("parquet", N_("Parquet: for analysis, keeps the types")),
    ("jsonl", N_("JSONL: one JSON object a line")),
)


class ExportDialog(Dialog[ExportFormat | None]):
    """The chosen format, or None."""

    def __init__(self, title: str, rows: int) -> None:
        super().__init__(title)
        self._rows = rows

    def body(self) -> ComposeResult:
        yield Static(
            Content(tn("{n} row into the folder exports/", "{n} rows into the folder exports/",
                       self._rows)),
            classes="line muted",
        )  # fmt: skip
        yield OptionList(*(Option(Content(t(words)), id=form) for form, words in FORMATS))

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def labels(self) -> dict[str, str]:
        return {"yes": t("export")}

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_yes()

    def action_yes(self) -> None:
        place = self.query_one(OptionList).highlighted or 0
        self.dismiss(FORMATS[place][0])

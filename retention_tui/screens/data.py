"""Data: what is loaded and how old, the verdict on it, its tables, its checks, its quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.data.quality.report import (
    QualityCheck,
    QualityReport,
    QuarantineGroup,
    TableQuality,
)
from engine.errors import DataError, RetentionError
from engine.types import Language
from retention_tui.actions import bindings
from retention_tui.i18n import N_, current_language, t
from retention_tui.i18n.formats import ABSENT, day, minute, number
from retention_tui.modals.finding import CheckDialog, QuarantineDialog
from retention_tui.screens.base import DataScreen, joined
from retention_tui.widgets.cells import clean, fit
from retention_tui.widgets.charts import spark
from retention_tui.widgets.paged_table import BLOCK_ROWS, Column, PagedTable
from retention_tui.widgets.state_view import Notice
from retention_tui.words import name

STATE_STYLE = {
    "fit": "bold $text-success",
    "look": "bold $text-warning",
    "unfit": "bold $text-error",
}
TONES = {"unfit": "critical", "look": "high", "fit": "good"}
TABLE_CELLS = 14
NUMBER_CELLS = 12
SPARK_CELLS = 56
"""Eight weeks of days; fewer where the terminal is narrow."""
SHOWN_ROWS = 50
"""Of the quarantine: enough to see what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the list: a check, or the rows that were put aside for one reason."""

    state: str
    words: str
    count: int
    behind: QualityCheck | QuarantineGroup


def findings(report: QualityReport) -> list[Finding]:
    """What asks for something first: failing checks, the quarantine, then what is in order."""
    language = current_language()
    checks = [
        Finding(check.state, check.words.pick(language), check.count, check)
        for check in report.worst_first
    ]
    aside = [
        Finding(
            "put_aside" if group.refused else "noted",
            f"{group.table}  {group.words.pick(language)}",
            group.count,
            group,
        )
        for group in report.quarantine
    ]
    failing = [finding for finding in checks if finding.state != "fit"]
    return [*failing, *aside, *checks[len(failing) :]]


class QualityScreen(DataScreen):
    """The numbers of the quality report; nothing is computed here."""

    SCOPE = "data"
    MODE = "data"
    CSS_PATH = "data.tcss"
    BINDINGS: ClassVar[list[Any]] = bindings("data")

    def __init__(self) -> None:
        super().__init__()
        self._report: QualityReport | None = None

    def content(self) -> ComposeResult:
        yield Static(id="verdict")
        yield Static(id="tables")
        yield PagedTable(self._columns())

    def _columns(self) -> Sequence[Column[Finding]]:
        return (
            Column("state", N_("result"), 9, lambda row: name(row.state), keep=8,
                   tone=lambda row: TONES.get(row.state, "muted")),
            Column("words", N_("check or quarantine"), 20, lambda row: row.words, flex=1, keep=9),
            Column("count", N_("count"), 10, lambda row: number(row.count), "right", keep=7),
        )  # fmt: skip

    @property
    def table(self) -> PagedTable[Finding]:
        return self.query_one(PagedTable)

    def home(self) -> Widget | None:
        return self.table

    async def fetch(self) -> QualityReport | None:
        try:
            return await self.workbench.client.quality()
        except DataError as error:
            if error.code == "nothing_loaded":
                return None
            raise

    def show(self, facts: object) -> Notice | None:
        if facts is None:
            return Notice(
                t("No data are loaded"),
                t("A mapping says which of your columns is which of ours."),
                t("Run: retention load"),
            )
        assert isinstance(facts, QualityReport)
        self._report = facts
        self.query_one("#verdict", Static).update(self._verdict(facts))
        self.query_one("#tables", Static).update(self._tables(facts))
        rows, table = findings(facts), self.table

        async def block(start: int, count: int) -> Sequence[Finding]:
            return rows[start : start + count]

        table.show(block, len(rows), rows[:BLOCK_ROWS], cursor=table.cursor)
        return None

    def _verdict(self, report: QualityReport) -> Content:
        summary, zone = report.summary, self.workbench.timezone
        return Content.from_markup(
            f"[{STATE_STYLE[report.verdict]}]$words[/]\n[$foreground-muted]$facts[/]",
            words=report.words.pick(current_language()),
            facts=joined(
                (
                    f"{day(summary.first_at, zone)} - {day(summary.as_of, zone)}",
                    t("loaded {when}", when=minute(summary.loaded_at, zone)),
                    t("quarantined {n}", n=number(summary.quarantined)),
                )
            ),
        )

    def _tables(self, report: QualityReport) -> Content:
        """A line a table, with the days before the end of the data as columns."""
        room = max(7, min(SPARK_CELLS, self.app.size.width - 3 - TABLE_CELLS - 3 * NUMBER_CELLS))
        head = fit(t("table"), TABLE_CELLS) + "".join(
            fit(label, NUMBER_CELLS, "right") for label in (t("rows now"), t("read"), t("refused"))
        )
        lines = [
            Content.styled(
                head + " " + fit(t("last {n} days", n=room), room, "right"), "$foreground-muted"
            )
        ]
        for table in report.tables:
            lines.append(
                Content.from_markup(
                    "[bold]$name[/]$numbers [$text-accent]$days[/]",
                    name=fit(table.table, TABLE_CELLS),
                    numbers=_numbers(table),
                    days=spark(table.daily, room) if table.daily else fit(ABSENT, room, "right"),
                )
            )
        return Content("\n").join(lines)

    @on(PagedTable.Activated)
    def action_open(self) -> None:
        row = self.table.current
        if not self.ready or row is None:
            self.workbench.say(t("There is nothing to open yet"))
        elif isinstance(row.behind, QualityCheck):
            self.workbench.open(CheckDialog(row.behind))
        else:
            self._open_rows(row.behind)

    @work(exclusive=True, group="rows")
    async def _open_rows(self, group: QuarantineGroup) -> None:
        try:
            rows = await self.workbench.client.quarantined(group.table, group.reason, SHOWN_ROWS)
        except RetentionError as error:
            self.workbench.report(error)
            return
        self.workbench.open(QuarantineDialog(group, rows))

    def action_export(self) -> None:
        if not self.ready or self._report is None:
            self.workbench.say(t("There is nothing to export"))
            return
        self._write(self._report)

    @work(exclusive=True, group="page")
    async def _write(self, report: QualityReport) -> None:
        language: Language = "zh" if current_language() == "zh" else "en"
        try:
            path = await self.workbench.client.write_quality(report, language)
        except RetentionError as error:
            self.workbench.report(error)
            return
        self.workbench.say(t("Report written to {path}", path=clean(str(path))))


def _numbers(table: TableQuality) -> str:
    return "".join(
        fit(number(count), NUMBER_CELLS, "right")
        for count in (table.rows, table.read, table.refused)
    )

"""The log of interventions, held-out and suppressed ones included, and each campaign's effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.types import Effect, ExportFormat, InterventionRow, LogPage
from retention_tui.actions import bindings
from retention_tui.i18n import N_, current_language, t
from retention_tui.i18n.formats import minute, number, percent
from retention_tui.modals.export import ExportDialog
from retention_tui.screens.base import DataScreen
from retention_tui.screens.user import UserScreen
from retention_tui.widgets.cells import clean
from retention_tui.widgets.filter_bar import FilterBar
from retention_tui.widgets.paged_table import BLOCK_ROWS, Column, PagedTable
from retention_tui.widgets.state_view import Notice
from retention_tui.words import name

EFFECT_LINES = 3
_TONES = {
    "sent": "good",
    "delivered": "good",
    "failed": "bad",
    "unknown": "bad",
    "suppressed": "muted",
    "held_out": "muted",
}


@dataclass(frozen=True, slots=True)
class LogFacts:
    page: LogPage
    effects: tuple[Effect, ...]


class LogScreen(DataScreen):
    """Newest first."""

    SCOPE = "log"
    MODE = "log"
    CSS_PATH = "log.tcss"
    BINDINGS: ClassVar[list[Any]] = bindings("log")

    def __init__(self) -> None:
        super().__init__()
        self._filter = ""

    def above(self) -> ComposeResult:
        yield FilterBar(N_("user, campaign, template or state"))
        yield Static(id="effects")

    def content(self) -> ComposeResult:
        yield PagedTable(self._columns())

    def below(self) -> ComposeResult:
        yield Static(id="status")

    def _columns(self) -> Sequence[Column[InterventionRow]]:
        return (
            Column("when", N_("decided"), 16,
                   lambda row: minute(row.decided_at, self.workbench.timezone), keep=8,
                   tone=lambda row: "muted"),
            Column("name", N_("name"), 10, lambda row: row.name or row.user_id, flex=1, keep=9),
            Column("template", N_("template"), 15,
                   lambda row: self.workbench.template_title(row.template_id), flex=2, keep=6),
            Column("arm", N_("arm"), 8, lambda row: name(row.arm), keep=4),
            Column("status", N_("state"), 10, lambda row: name(row.status), keep=7,
                   tone=lambda row: _TONES.get(row.status, "")),
            Column("outcome", N_("outcome"), 8, lambda row: name(row.outcome), keep=5),
            Column("reason", N_("why not"), 12, lambda row: row.status_reason, flex=1, keep=1),
            Column("campaign", N_("campaign"), 12, lambda row: row.campaign, flex=1, keep=2),
            Column("operator", N_("operator"), 8, lambda row: row.operator, keep=3),
        )  # fmt: skip

    @property
    def table(self) -> PagedTable[InterventionRow]:
        return self.query_one(PagedTable)

    def home(self) -> Widget | None:
        return self.table

    async def fetch(self) -> LogFacts:
        client = self.workbench.client
        page = await client.log(self._filter, 0, BLOCK_ROWS)
        return LogFacts(page, await client.effects())

    def show(self, facts: object) -> Notice | None:
        assert isinstance(facts, LogFacts)
        client, text, table = self.workbench.client, self._filter, self.table

        async def rows(start: int, count: int) -> Sequence[InterventionRow]:
            return (await client.log(text, start, count)).rows

        table.show(rows, facts.page.total, facts.page.rows, cursor=table.cursor)
        self._show_effects(facts.effects)
        self.call_after_refresh(self._show_status)
        if facts.page.total == 0 and text:
            return Notice(
                t("No entry fits the filter"), text, t("Press x to clear it, or / to change it")
            )
        if facts.page.total == 0:
            return Notice(
                t("The log is empty"),
                t("Every planned contact is written here, held-out users too."),
                t("Mark users in the risk list (key 1) and press i"),
            )
        return None

    def relabel(self) -> None:
        self.query_one(FilterBar).relabel()

    def _show_effects(self, effects: Sequence[Effect]) -> None:
        lines = [self._effect(effect) for effect in effects[:EFFECT_LINES]]
        if len(effects) > EFFECT_LINES:
            lines[-1] += Content.styled(
                "  " + t("and {n} more campaigns", n=len(effects) - EFFECT_LINES),
                "$foreground-muted",
            )
        target = self.query_one("#effects", Static)
        target.display = bool(lines)
        target.update(Content("\n").join(lines))

    @staticmethod
    def _effect(effect: Effect) -> Content:
        style = {"works": "bold $text-success", "hurts": "bold $text-error"}.get(
            effect.verdict, "bold $text-warning"
        )
        lift = effect.lift
        span = ""
        if lift is not None:
            points = t(
                "{lift} points [{low}, {high}]",
                lift=f"{lift.estimate * 100:+.1f}",
                low=f"{lift.low * 100:+.1f}",
                high=f"{lift.high * 100:+.1f}",
            )
            span = t("retention {points}", points=points)
        return Content.from_markup(
            f"[bold]$campaign[/]  [{style}]$verdict[/]  $span  "
            "[$foreground-muted]$sizes  $smallest[/]",
            campaign=clean(effect.campaign),
            verdict=name(effect.verdict),
            span=span or clean(effect.words.pick(current_language())),
            sizes=t("{treated} treated, {held} held out", treated=number(effect.treated),
                    held=number(effect.held_out)),
            smallest=t("detectable {size}", size=percent(effect.detectable, 1))
            if effect.detectable is not None
            else "",
        )  # fmt: skip

    def _show_status(self) -> None:
        table = self.table
        first = table.scroll_offset.y + 1 if table.total else 0
        last = min(table.total, table.scroll_offset.y + table.visible_rows)
        text = t("{first}-{last} of {total}", first=number(first), last=number(last),
                 total=number(table.total))  # fmt: skip
        self.query_one("#status", Static).update(Content(text))

    @on(PagedTable.Moved)
    def _moved(self) -> None:
        if self.ready:
            self._show_status()

    @on(PagedTable.FetchFailed)
    def _fetch_failed(self, event: PagedTable.FetchFailed) -> None:
        self.workbench.report(event.error)

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        self._filter = event.text
        self.table.cursor = 0
        self.refresh_data()

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self.set_focus(self.table if self.ready else None)

    def leave_filter(self) -> bool:
        """Give the focus back to the table; True when the filter had it."""
        bar = self.query_one(FilterBar)
        if self.focused is None or bar not in self.focused.ancestors:
            return False
        self._filter_left()
        return True

    def action_filter(self) -> None:
        self.query_one(FilterBar).begin()

    def action_clear(self) -> None:
        self.query_one(FilterBar).clear()

    @on(PagedTable.Activated)
    def action_open(self) -> None:
        row = self.table.current
        if not self.ready or row is None:
            self.workbench.say(t("No user under the cursor"))
            return
        self.workbench.open(UserScreen(row.user_id))

    def action_export(self) -> None:
        if not self.ready:
            self.workbench.say(t("There is nothing to export"))
            return
        self.workbench.open(
            ExportDialog(t("Export the intervention log"), self.table.total), self._export_as
        )

    def _export_as(self, form: ExportFormat | None) -> None:
        if form is not None:
            self.workbench.export("interventions", form, None)

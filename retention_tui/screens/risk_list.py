"""The risk list: who is about to leave, why, and what is at stake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.errors import RetentionError
from engine.types import Band, ExportFormat, RankPage, RankQuery, RiskRow, ScoringRun
from retention_tui.actions import bindings
from retention_tui.i18n import N_, current_language, t, tn
from retention_tui.i18n.formats import day, days_before, money, number, percent
from retention_tui.modals.export import ExportDialog
from retention_tui.screens.base import DataScreen, joined
from retention_tui.screens.compose import ComposeScreen
from retention_tui.screens.user import ListPlace, UserScreen
from retention_tui.widgets.filter_bar import FilterBar
from retention_tui.widgets.paged_table import BLOCK_ROWS, Column, PagedTable
from retention_tui.widgets.state_view import Notice
from retention_tui.words import band_word, plan_name

SORTS: tuple[tuple[str, str, bool], ...] = (
    ("rank", N_("rank"), False),
    ("risk", N_("risk"), True),
    ("value", N_("value at risk"), True),
    ("last_active", N_("last active"), False),
    ("segment", N_("segment"), False),
    ("reason", N_("reason"), False),
    ("name", N_("name"), False),
)
"""Sort key, its msgid, and whether the interesting end is the large one."""

_TONE = {Band.CRITICAL: "critical", Band.HIGH: "high", Band.MEDIUM: "medium", Band.LOW: "low"}


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """One answer for the whole screen."""

    run: ScoringRun | None
    page: RankPage | None
    loaded: bool  # behaviour data is there


def risk_cells() -> int:
    """The number and the longest word of a band: never cut."""
    return len("0.00 ") + max(cell_len(band_word(band)) for band in Band)


class RiskScreen(DataScreen):
    """The paged list with filter, sort and marks."""

    SCOPE = "risk"
    MODE = "risk"
    CSS_PATH = "risk_list.tcss"
    BINDINGS: ClassVar[list[Any]] = bindings("risk")

    def __init__(self) -> None:
        super().__init__()
        self.query_shown = RankQuery()
        self.marks: dict[str, str] = {}
        """Marked users: id -> name. They survive filter, sort and refresh."""
        self._run: ScoringRun | None = None

    # --- layout ----------------------------------------------------------------------------

    def above(self) -> ComposeResult:
        yield FilterBar(N_("name or id, or: risk>0.6 band:high plan:annual"))
        yield Static(id="summary")

    def content(self) -> ComposeResult:
        yield PagedTable(self._columns(), marked=lambda row: row.user_id in self.marks)

    def below(self) -> ComposeResult:
        yield Static(id="status")

    def _columns(self) -> Sequence[Column[RiskRow]]:
        return (
            Column("rank", N_("#"), self._rank_cells, lambda row: f"{row.rank}", align="right",
                   keep=3, tone=lambda row: "muted"),
            Column("name", N_("name"), 10, lambda row: row.name or row.user_id, flex=1, keep=9),
            Column("risk", N_("risk"), risk_cells, self._risk, keep=10,
                   tone=lambda row: _TONE[row.band]),
            Column("reason", N_("reason"), 20,
                   lambda row: row.reason.pick(current_language()), flex=4, keep=7),
            Column("value", N_("at stake"), 8, self._value, align="right", keep=6),
            Column("segment", N_("segment"), 8, lambda row: plan_name(row.segment), flex=1, keep=2,
                   tone=lambda row: "muted"),
            Column("last_active", N_("idle"), 6, self._last_active, align="right", keep=4),
            Column("contact", N_("we wrote"), 8, self._contact, align="right", keep=1,
                   tone=lambda row: "muted"),
        )  # fmt: skip

    def _rank_cells(self) -> int:
        return max(3, len(str(self._run.users if self._run else 0)))

    @staticmethod
    def _risk(row: RiskRow) -> str:
        return f"{number(row.risk, 2)} {band_word(row.band)}"

    def _value(self, row: RiskRow) -> str:
        return money(row.value_at_risk, self._run.currency if self._run else "CNY")

    def _last_active(self, row: RiskRow) -> str:
        return days_before(row.last_active_at, self._run.cutoff if self._run else None)

    def _contact(self, row: RiskRow) -> str:
        return days_before(row.last_contact_at, self._run.cutoff if self._run else None)

    @property
    def table(self) -> PagedTable[RiskRow]:
        return self.query_one(PagedTable)

    def home(self) -> Widget | None:
        return self.table

    # --- data ------------------------------------------------------------------------------

    async def fetch(self) -> RiskFacts:
        client = self.workbench.client
        run = await client.latest_run()
        if run is None:
            facts = await client.facts()
            return RiskFacts(None, None, facts.data is not None)
        page = await client.risk_page(self.query_shown, 0, BLOCK_ROWS)
        return RiskFacts(run, page, True)

    def show(self, facts: object) -> Notice | None:
        assert isinstance(facts, RiskFacts)
        self._run = facts.run
        self._show_summary()
        if facts.run is None or facts.page is None:
            return self._nothing_scored(loaded=facts.loaded)
        page, query, table = facts.page, self.query_shown, self.table
        client = self.workbench.client

        async def rows(start: int, count: int) -> Sequence[RiskRow]:
            return (await client.risk_page(query, start, count)).rows

        table.sorted_by, table.descending = query.sort, query.descending
        table.show(rows, page.total, page.rows, cursor=table.cursor)
        self.call_after_refresh(self._show_status)
        if page.total == 0 and query.filter:
            return Notice(
                t("No user fits the filter"),
                query.filter,
                t("Press x to clear it, or / to change it"),
            )
        if page.total == 0:
            return Notice(
                t("Nobody is in the list"),
                t("The last scoring run found no eligible user."),
                t("Check the eligibility rule in the mapping, then run: retention score"),
            )
        return None

    @staticmethod
    def _nothing_scored(*, loaded: bool) -> Notice:
        if loaded:
            return Notice(
                t("Nobody is scored yet"),
                t("Behaviour data is loaded; no model has ranked the users."),
                t("Press R to train a model, then run: retention score"),
            )
        return Notice(
            t("No behaviour data yet"),
            t("This workspace is empty."),
            t("Describe your tables in mapping.toml, then run: retention load"),
        )

    def relabel(self) -> None:
        self.query_one(FilterBar).relabel()

    def _show_summary(self) -> None:
        run = self._run
        parts: list[Content] = []
        if run is not None:
            for band in (Band.CRITICAL, Band.HIGH, Band.MEDIUM, Band.LOW):
                parts.append(
                    Content.from_markup(
                        "[$foreground-muted]$word[/] [bold]$count[/]",
                        word=band_word(band),
                        count=number(run.by_band.get(band.value, 0)),
                    )
                )
            parts.append(
                Content.from_markup(
                    "[$foreground-muted]$word[/] [bold]$sum[/]",
                    word=t("at stake"),
                    sum=money(run.value_at_risk, run.currency),
                )
            )
            parts.append(
                Content.from_markup(
                    "[$foreground-muted]$word[/]",
                    word=t("scored {when}", when=day(run.created_at, self.workbench.timezone)),
                )
            )
            if run.prior_shift is not None and run.prior_shift.shift:
                parts.append(
                    Content.from_markup(
                        "[$foreground-muted]$word[/]",
                        word=t(
                            "base rate {then} -> {now}",
                            then=percent(run.prior_shift.calibrated.rate, 1),
                            now=percent(run.prior_shift.newest.rate, 1),
                        ),
                    )
                )
        self.query_one("#summary", Static).update(Content("  ").join(parts))

    def _show_status(self) -> None:
        table = self.table
        first = table.scroll_offset.y + 1 if table.total else 0
        last = min(table.total, table.scroll_offset.y + table.visible_rows)
        labels = {key: label for key, label, _ in SORTS}
        order = t("descending") if self.query_shown.descending else t("ascending")
        if self.query_shown.sort == "rank" and not self.query_shown.descending:
            sorting = t("by value at risk: risk × expected margin")
        else:
            sorting = t(
                "sorted by {key}, {order}", key=t(labels[self.query_shown.sort]), order=order
            )
        self.query_one("#status", Static).update(
            Content(
                joined(
                    (
                        t("{first}-{last} of {total}", first=number(first), last=number(last),
                          total=number(table.total)),
                        sorting,
                        tn("{n} marked", "{n} marked", len(self.marks)) if self.marks else "",
                    )
                )
            )
        )  # fmt: skip

    @on(PagedTable.Moved)
    def _moved(self) -> None:
        if self.ready:
            self._show_status()

    @on(PagedTable.FetchFailed)
    def _fetch_failed(self, event: PagedTable.FetchFailed) -> None:
        self.workbench.report(event.error)

    # --- filter and sort -------------------------------------------------------------------

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        self.run_worker(self._apply_filter(event.text), exclusive=True, group="filter")

    async def _apply_filter(self, text: str) -> None:
        bar = self.query_one(FilterBar)
        try:
            await self.workbench.client.check_filter(text)
        except RetentionError as error:
            bar.say(error.what)
            return
        bar.say("")
        self._ask(RankQuery(text, self.query_shown.sort, self.query_shown.descending))

    @on(FilterBar.Left)
    def _filter_left(self) -> None:
        self.set_focus(self.table if self.ready else None)

    def _ask(self, query: RankQuery) -> None:
        self.query_shown = query
        self.table.cursor = 0
        self.refresh_data()

    def action_filter(self) -> None:
        self.query_one(FilterBar).begin()

    def action_clear(self) -> None:
        self.query_one(FilterBar).clear()

    def leave_filter(self) -> bool:
        """Give the focus back to the list; True when the filter had it."""
        bar = self.query_one(FilterBar)
        if self.focused is None or bar not in self.focused.ancestors:
            return False
        self._filter_left()
        return True

    def action_sort(self) -> None:
        keys = [key for key, _, _ in SORTS]
        place = (keys.index(self.query_shown.sort) + 1) % len(SORTS)
        self._sort_by(SORTS[place][0], descending=SORTS[place][2])

    def action_reverse(self) -> None:
        self._sort_by(self.query_shown.sort, descending=not self.query_shown.descending)

    @on(PagedTable.HeaderClicked)
    def _header_clicked(self, event: PagedTable.HeaderClicked) -> None:
        usual = {key: large for key, _, large in SORTS}
        if event.column == self.query_shown.sort:
            self.action_reverse()
        elif event.column in usual:
            self._sort_by(event.column, descending=usual[event.column])

    def _sort_by(self, key: str, *, descending: bool) -> None:
        self._ask(RankQuery(self.query_shown.filter, key, descending))

    # --- marks and steps -------------------------------------------------------------------

    def action_mark(self) -> None:
        row = self.table.current
        if not self.ready or row is None:
            return
        if self.marks.pop(row.user_id, None) is None:
            self.marks[row.user_id] = row.name
        self.table.repaint()
        self.table.action_down()
        self._show_status()

    def action_unmark(self) -> None:
        self.marks.clear()
        self.table.repaint()
        self._show_status()

    @on(PagedTable.Activated)
    def action_open(self) -> None:
        row = self.table.current
        if not self.ready or row is None:
            self.workbench.say(t("No user under the cursor"))
            return
        place = ListPlace(self.query_shown, self.table.cursor, self.table.total)
        self.workbench.open(UserScreen(row.user_id, place), self._returned)

    def _returned(self, index: int | None) -> None:
        if index is not None:
            self.table.cursor = index

    def action_intervene(self) -> None:
        row = self.table.current
        targets = dict(self.marks)
        if not targets and self.ready and row is not None:
            targets = {row.user_id: row.name}
        if not targets:
            self.workbench.say(t("Mark users first, or move the cursor to one"))
            return
        self.workbench.open(ComposeScreen(targets), self._wrote)

    def _wrote(self, sent: int | None) -> None:
        if sent is not None:
            self.action_unmark()

    def action_export(self) -> None:
        if not self.ready:
            self.workbench.say(t("There is nothing to export"))
            return
        self.workbench.open(
            ExportDialog(t("Export the risk list"), self.table.total), self._export_as
        )

    def _export_as(self, form: ExportFormat | None) -> None:
        if form is not None:
            self.workbench.export("ranking", form, self.query_shown)

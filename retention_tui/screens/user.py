"""One user: why flagged, what happened, what we wrote."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.errors import RetentionError
from engine.types import Band, RankQuery, UserDetail
from retention_tui.actions import bindings
from retention_tui.i18n import current_language, t
from retention_tui.i18n.formats import day, money, number
from retention_tui.screens.base import DataScreen, joined
from retention_tui.screens.compose import ComposeScreen
from retention_tui.screens.similar import SimilarScreen
from retention_tui.screens.whatif import WhatIfScreen
from retention_tui.widgets.cells import clean, clip
from retention_tui.widgets.course import course_line
from retention_tui.widgets.pane import Pane
from retention_tui.widgets.state_view import Notice
from retention_tui.widgets.why import why_lines
from retention_tui.words import band_word, name, plan_name

BAND_STYLE = {
    Band.CRITICAL: "bold $text-error",
    Band.HIGH: "bold $text-warning",
    Band.MEDIUM: "$text-accent",
    Band.LOW: "$foreground-muted",
}
NAME_CELLS = 28


@dataclass(frozen=True, slots=True)
class ListPlace:
    """Where in which list the user stands, for going on to the neighbours."""

    query: RankQuery
    index: int
    total: int


class UserScreen(DataScreen):
    """Returns the index in the list at which the operator left."""

    SCOPE = "user"
    MODE = "risk"
    CSS_PATH = "user.tcss"
    BINDINGS: ClassVar[list[Any]] = bindings("user")

    def __init__(self, user_id: str, place: ListPlace | None = None) -> None:
        super().__init__()
        self.user_id = user_id
        self.place = place
        self._detail: UserDetail | None = None

    def content(self) -> ComposeResult:
        yield Static(id="who")
        yield Static(id="risk")
        yield Static(id="course")
        yield Static(id="why")
        with Horizontal(id="past"):
            with Pane(id="timeline"):
                yield Static()
            with Pane(id="contacts"):
                yield Static()

    def home(self) -> Widget | None:
        return self.query_one("#timeline")

    async def fetch(self) -> UserDetail:
        return await self.workbench.client.user(self.user_id)

    def show(self, facts: object) -> Notice | None:
        assert isinstance(facts, UserDetail)
        self._detail = facts
        self.query_one("#who", Static).update(self._who(facts))
        self.query_one("#risk", Static).update(self._risk(facts))
        self.query_one("#course", Static).update(
            "" if facts.row is None else course_line(facts.by_day)
        )
        self.query_one("#why", Static).update(self._why(facts))
        self.query_one("#timeline Static", Static).update(self._timeline(facts))
        self.query_one("#contacts Static", Static).update(self._contacts(facts))
        timeless = facts.attributes and not facts.timeline
        self.query_one("#timeline").border_title = (
            t("What the table says") if timeless else t("What happened")
        )
        self.query_one("#contacts").border_title = t("What we wrote")
        return None

    # --- painting --------------------------------------------------------------------------

    def _who(self, user: UserDetail) -> Content:
        place = ""
        if self.place is not None:
            place = t("{index} of {total}", index=number(self.place.index + 1),
                      total=number(self.place.total))  # fmt: skip
        consent = "" if user.marketing_consent is not False else t("no consent to marketing")
        facts = joined(
            clean(part)
            for part in (
                user.user_id,
                user.city,
                user.channel,
                t("since {day}", day=day(user.signed_up_at, self.workbench.timezone))
                if user.signed_up_at
                else "",
                consent,
                place,
            )
        )
        return Content.from_markup(
            "[bold]$name[/]  [$foreground-muted]$facts[/]",
            name=clip(user.name, NAME_CELLS),
            facts=facts,
        )

    def _risk(self, user: UserDetail) -> Content:
        row = user.row
        currency = self.workbench.currency
        plan = joined(
            (
                clean(plan_name(user.plan)),
                t("to {day}", day=day(user.plan_ends_at, self.workbench.timezone))
                if user.plan_ends_at
                else "",
                {True: t("renews"), False: t("no renewal"), None: ""}[user.auto_renew],
            )
        )
        if row is None:
            return Content.from_markup(
                "[$foreground-muted]$words[/]  $plan",
                words=t("not in the last scoring run"),
                plan=plan,
            )
        return Content.from_markup(
            f"$label [{BAND_STYLE[row.band]}]$risk $band[/]  $stake [bold]$value[/]  "
            "[$foreground-muted]$plan[/]",
            label=t("Churn risk"),
            risk=number(row.risk, 2),
            band=band_word(row.band),
            stake=t("at stake"),
            value=money(row.value_at_risk, currency),
            plan=plan,
        )

    def _why(self, user: UserDetail) -> Content:
        explanation = user.explanation
        if explanation is None:
            why_not = "" if user.unscored is None else user.unscored.pick(current_language())
            return Content.styled(clean(why_not), "$foreground-muted")
        usual = 1 / (1 + math.exp(-explanation.baseline_log_odds))
        heading = Content.from_markup(
            "[bold]$title[/]  [$foreground-muted]$usual[/]",
            title=t("Why flagged"),
            usual=t(
                "usual for {segment}: {usual}, this user: {risk}",
                segment=clean(plan_name(explanation.segment)) or t("everyone"),
                usual=number(usual, 2),
                risk=number(explanation.risk, 2),
            ),
        )
        size = self.app.size
        lines = why_lines(explanation, max(20, size.width - 2), size.height)
        return Content("\n").join([heading, *lines])

    def _timeline(self, user: UserDetail) -> Content:
        if not user.timeline:
            return self._attributes(user)
        zone, currency = self.workbench.timezone, self.workbench.currency
        lines = []
        for entry in user.timeline:
            amount = "" if entry.amount is None else money(entry.amount, currency)
            style = "$text-error" if entry.kind.endswith(("failed", "ticket")) else "bold"
            lines.append(
                Content.from_markup(
                    f"[$foreground-muted]$when[/] [{style}]$kind[/] $title",
                    when=day(entry.occurred_at, zone),
                    kind=clean(name(entry.kind)),
                    title=joined((clean(entry.title), amount)),
                )
            )
        return Content("\n").join(lines)

    def _attributes(self, user: UserDetail) -> Content:
        if not user.attributes:
            return Content.styled(t("Nothing is known."), "$foreground-muted")
        return Content("\n").join(
            Content.from_markup(
                "[$foreground-muted]$label[/]  $value",
                label=clean(label.pick(current_language())),
                value=clean(value.pick(current_language())),
            )
            for label, value in user.attributes
        )

    def _contacts(self, user: UserDetail) -> Content:
        if not user.contacts:
            return Content.styled(t("Nothing yet. Press i to write."), "$foreground-muted")
        zone, language = self.workbench.timezone, current_language()
        return Content("\n").join(
            Content.from_markup(
                "[$foreground-muted]$when[/] $what [bold]$state[/][$foreground-muted]$why[/]",
                when=day(contact.decided_at, zone),
                what=clean(self.workbench.template_title(contact.template_id) or name(contact.arm)),
                state=joined((name(contact.status), name(contact.outcome))),
                # a later run may tell other reasons; this is what was seen when it was decided
                why="" if contact.told is None else "\n" + clean(contact.told.pick(language)),
            )
            for contact in user.contacts
        )

    # --- steps -----------------------------------------------------------------------------

    def action_previous(self) -> None:
        self._go(-1)

    def action_next(self) -> None:
        self._go(+1)

    @work(exclusive=True, group="neighbour")
    async def _go(self, step: int) -> None:
        place = self.place
        index = -1 if place is None else place.index + step
        if place is None or not 0 <= index < place.total:
            self.workbench.say(t("No further user in this direction"))
            return
        try:
            page = await self.workbench.client.risk_page(place.query, index, 1)
        except RetentionError as error:
            self.workbench.report(error)
            return
        if page.rows:
            self.place = replace(place, index=index)
            self.user_id = page.rows[0].user_id
            self.refresh_data()

    def action_intervene(self) -> None:
        if self._detail is None:
            self.workbench.say(t("The user is still being read"))
            return
        self.workbench.open(ComposeScreen({self.user_id: self._detail.name}))

    def action_whatif(self) -> None:
        self.workbench.open(WhatIfScreen(self.user_id))

    def action_similar(self) -> None:
        self.workbench.open(SimilarScreen(self.user_id))

    def result(self) -> int | None:
        """The place in the list to return to."""
        return None if self.place is None else self.place.index

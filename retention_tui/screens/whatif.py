"""What would lower one user's risk: edits, the model's answer, and what campaigns measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from textual.content import Content
from textual.widgets import Static

from engine.whatif.report import Possibility, WhatIfReport
from retention_tui.actions import bindings
from retention_tui.i18n import current_language, t
from retention_tui.i18n.formats import day, number, signed
from retention_tui.screens.base import joined
from retention_tui.screens.compose import ComposeScreen
from retention_tui.screens.one_user import OneUserScreen
from retention_tui.widgets.cells import clean, clip
from retention_tui.widgets.lines import hanging
from retention_tui.widgets.pane import Pane
from retention_tui.widgets.state_view import Notice
from retention_tui.words import plan_name

NAME_CELLS = 28
NUMBERS_CELLS = 15
"""Width of a risk and its change."""
NO_CHANGE = 0.005
"""Less is nothing that the two shown digits could tell."""


class WhatIfScreen(OneUserScreen):
    """One user's possibilities, the largest fall of the risk first."""

    SCOPE = "whatif"
    BINDINGS: ClassVar[list[Any]] = bindings("whatif")

    def __init__(self, user_id: str) -> None:
        super().__init__(user_id)
        self._report: WhatIfReport | None = None

    async def fetch(self) -> WhatIfReport:
        return await self.workbench.client.what_if(self.user_id)

    def show(self, facts: object) -> Notice | None:
        assert isinstance(facts, WhatIfReport)
        self._report = facts
        if not facts.possibilities:
            return Notice(
                t("There is nothing to try for this user"),
                t("The data hold no visits, payments, terms or tickets that could be other."),
            )
        self.query_one("#who", Static).update(self._who(facts))
        self.query_one("#now", Static).update(_now(facts))
        self.query_one("#told", Pane).border_title = t("If this had happened by then")
        width = max(40, self.app.size.width - 5)
        self.query_one("#told Static", Static).update(Content("\n").join(_told(facts, width)))
        self.query_one("#caveat", Static).update(
            Content.styled(facts.caveat.pick(current_language()), "$foreground-muted")
        )
        return None

    def _who(self, report: WhatIfReport) -> Content:
        return Content.from_markup(
            "[bold]$name[/]  [$foreground-muted]$facts[/]",
            name=clip(report.name, NAME_CELLS),
            facts=joined(
                (
                    clean(report.user_id),
                    clean(plan_name(report.segment)),
                    t("as of {day}", day=day(report.cutoff, self.workbench.timezone)),
                )
            ),
        )

    def action_intervene(self) -> None:
        if self._report is None:
            self.workbench.say(t("The user is still being read"))
            return
        self.workbench.open(ComposeScreen({self.user_id: self._report.name}))


def _now(report: WhatIfReport) -> Content:
    words = ""
    if abs(report.risk - report.run_risk) >= NO_CHANGE:
        words = t(
            "the data have changed since the scoring run, which said {risk}",
            risk=number(report.run_risk, 2),
        )
    return Content.from_markup(
        "$label [bold]$risk[/]  [$foreground-muted]$words[/]",
        label=t("Churn risk now"),
        risk=number(report.risk, 2),
        words=words,
    )


def _told(report: WhatIfReport, width: int) -> Iterator[Content]:
    for one in report.possibilities:
        yield from _possibility(one, width)
    if report.pair is not None:
        yield Content.styled(t("The best two together"), "bold")
        yield from _possibility(report.pair, width)


def _possibility(one: Possibility, width: int) -> Iterator[Content]:
    language = current_language()
    change = 0.0 if abs(one.change) < NO_CHANGE else one.change
    style = "$foreground-muted"
    if change:
        style = "$text-success" if change < 0 else "$text-error"
    numbers = Content.from_markup(
        f"[bold]$risk[/] [{style}]$change[/]   ",
        risk=f"{number(one.risk, 2):>5}",
        change=f"{signed(change) if change else number(0, 2):>6}",
    )
    yield from hanging(numbers, Content(clean(one.words.pick(language))), width)
    below = [t("by the churn rule the user would then have stayed")] if one.decided else []
    if len(one.codes) == 1:
        below.append(one.measured.words.pick(language))
    for text in below:
        indent = Content(" " * NUMBERS_CELLS)
        yield from hanging(indent, Content.styled(clean(text), "$foreground-muted"), width)

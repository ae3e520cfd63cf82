"""The users of the past who were most like one user: what became of them, and what was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from textual.content import Content
from textual.widgets import Static

from engine.similar.report import SimilarReport, SimilarUser
from engine.types import InterventionRow
from retention_tui.actions import bindings
from retention_tui.i18n import current_language, t
from retention_tui.i18n.formats import day, number, percent
from retention_tui.screens.base import joined
from retention_tui.screens.compose import ComposeScreen
from retention_tui.screens.one_user import OneUserScreen
from retention_tui.widgets.cells import clean, clip
from retention_tui.widgets.lines import hanging
from retention_tui.widgets.pane import Pane
from retention_tui.widgets.state_view import Notice
from retention_tui.words import name, plan_name

NAME_CELLS = 20
INDENT = Content("    ")


class SimilarScreen(OneUserScreen):
    """The nearest who left beside the nearest who stayed."""

    SCOPE = "similar"
    BINDINGS: ClassVar[list[Any]] = bindings("similar")

    def __init__(self, user_id: str) -> None:
        super().__init__(user_id)
        self._report: SimilarReport | None = None

    async def fetch(self) -> SimilarReport:
        return await self.workbench.client.similar(self.user_id)

    def show(self, facts: object) -> Notice | None:
        assert isinstance(facts, SimilarReport)
        self._report = facts
        self.query_one("#who", Static).update(
            Content.from_markup(
                "[bold]$name[/]  [$foreground-muted]$facts[/]",
                name=clip(facts.name, NAME_CELLS),
                facts=joined((clean(facts.user_id), clean(plan_name(facts.segment)))),
            )
        )
        self.query_one("#now", Static).update(_now(facts))
        self.query_one("#told", Pane).border_title = t("Similar users of the past")
        width = max(40, self.app.size.width - 5)
        lines = [*self._block(t("Left"), "$text-error", facts.left, width)]
        lines += self._block(t("Stayed"), "$text-success", facts.stayed, width)
        self.query_one("#told Static", Static).update(Content("\n").join(lines))
        self.query_one("#caveat", Static).update(
            Content.styled(facts.caveat.pick(current_language()), "$foreground-muted")
        )
        return None

    def _block(
        self, title: str, style: str, users: Sequence[SimilarUser], width: int
    ) -> Iterator[Content]:
        yield Content.styled(title, f"bold {style}")
        if not users:
            yield INDENT + _muted(t("nobody"))
        for user in users:
            yield from self._user(user, width)

    def _user(self, user: SimilarUser, width: int) -> Iterator[Content]:
        language = current_language()
        yield Content.from_markup(
            "  [bold]$name[/] $facts",
            name=clip(user.name, NAME_CELLS),
            facts=joined(
                (
                    clean(user.user_id),
                    t("as of {day}", day=day(user.cutoff, self.workbench.timezone)),
                    user.closeness.pick(language),
                )
            ),
        )
        alike = [words.pick(language) for words in user.alike]
        if alike:
            yield from hanging(INDENT, _muted(t("alike: {what}", what="; ".join(alike))), width)
        if user.unlike is not None:
            other = user.unlike.pick(language)
            yield from hanging(INDENT, _muted(t("unlike: {what}", what=other)), width)
        done = "; ".join(map(self._contact, user.contacts)) or t("nothing")
        yield from hanging(INDENT, Content(clean(t("done: {what}", what=done))), width)

    def _contact(self, contact: InterventionRow) -> str:
        return " ".join(
            (
                day(contact.decided_at, self.workbench.timezone),
                self.workbench.template_title(contact.template_id) or contact.template_id,
                name(contact.status),
            )
        )

    def action_intervene(self) -> None:
        if self._report is None:
            self.workbench.say(t("The user is still being read"))
            return
        self.workbench.open(ComposeScreen({self.user_id: self._report.name}))


def _now(report: SimilarReport) -> Content:
    return Content(
        t(
            "Of the {nearest} most similar of {compared} past users, {left} left ({share})",
            nearest=number(report.nearest),
            compared=number(report.compared),
            left=number(report.nearest_left),
            share=percent(report.nearest_left / report.nearest if report.nearest else None),
        )
    )


def _muted(text: str) -> Content:
    return Content.styled(clean(text), "$foreground-muted")

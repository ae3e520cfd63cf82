"""Write to users: template, offer, language; the real message; who would get it; plan and send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from engine.errors import RetentionError
from engine.types import Offer, PlanRequest, PlanSummary, TemplateInfo
from retention_tui.actions import bindings
from retention_tui.faults import headline
from retention_tui.i18n import N_, current_language, t, tn
from retention_tui.i18n.formats import money, number
from retention_tui.modals.confirm import Confirm
from retention_tui.screens.base import DataScreen
from retention_tui.widgets.cells import clean, clip, fit
from retention_tui.widgets.state_view import Notice

OFFERS_PERCENT = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
LOCALES: tuple[tuple[str | None, str], ...] = (
    (None, N_("the user's own")),
    ("zh", N_("Chinese")),
    ("en", N_("English")),
)
FIRST_OFFER_PERCENT = 10.0
NAME_CELLS = 28


@dataclass(frozen=True, slots=True)
class ComposeFacts:
    """Templates, best first for the first user."""

    templates: tuple[TemplateInfo, ...]
    suggested: tuple[str, ...]


class ComposeScreen(DataScreen):
    """Returns how many messages went out; None when nothing was sent."""

    SCOPE = "compose"
    MODE = "risk"
    CSS_PATH = "compose.tcss"
    BINDINGS: ClassVar[list[Any]] = bindings("compose")

    def __init__(self, targets: Mapping[str, str]) -> None:
        super().__init__()
        self.targets = tuple(targets.items())  # (user id, name)
        self._shown = 0
        self._templates: tuple[TemplateInfo, ...] = ()
        self._suggested: tuple[str, ...] = ()
        self._locale = 0
        self._percent = FIRST_OFFER_PERCENT
        self._busy = False
        self._sent: int | None = None

    # --- layout ----------------------------------------------------------------------------

    def content(self) -> ComposeResult:
        yield Static(id="whom")
        with Horizontal():
            with Vertical(id="choice"):
                yield OptionList(id="templates")
                yield Static(id="options")
                yield Static(id="waterfall")
            with VerticalScroll(id="preview"):
                yield Static(id="message")

    def home(self) -> Widget | None:
        return self.query_one(OptionList)

    async def fetch(self) -> ComposeFacts:
        client = self.workbench.client
        suggested = await client.suggest(self.targets[0][0])
        templates = await client.templates()
        order = {name: place for place, name in enumerate(suggested)}
        ranked = sorted(templates, key=lambda one: order.get(one.template_id, len(order)))
        return ComposeFacts(tuple(ranked), suggested)

    def show(self, facts: object) -> Notice | None:
        assert isinstance(facts, ComposeFacts)
        if not facts.templates:
            return Notice(
                t("There is no template"),
                t("The template folder is empty."),
                t("Run: retention templates lint"),
            )
        kept = self.template.template_id if self._templates else ""
        self._templates, self._suggested = facts.templates, facts.suggested
        options = self.query_one(OptionList)
        options.clear_options()
        for one in self._templates:
            best = self._suggested[:1] == (one.template_id,)
            text = clean(one.title.pick(current_language()))
            if best:
                text += " · " + t("best fit")
            options.add_option(Option(Content(text), id=one.template_id))
        names = [one.template_id for one in self._templates]
        options.highlighted = names.index(kept) if kept in names else 0
        self._refresh_message()
        return None

    @property
    def template(self) -> TemplateInfo:
        place = self.query_one(OptionList).highlighted or 0
        return self._templates[min(place, len(self._templates) - 1)]

    @property
    def offer(self) -> Offer:
        return Offer(self._percent) if self.template.offer else Offer()

    # --- preview and pre-flight ------------------------------------------------------------

    @on(OptionList.OptionHighlighted)
    def _template_chosen(self) -> None:
        if self.ready:
            self._refresh_message()

    def _refresh_message(self) -> None:
        self._show_choice()
        self._preview()
        self._preflight()

    def _show_choice(self) -> None:
        user_id, name = self.targets[self._shown]
        many = tn("Write to {n} user", "Write to {n} users", len(self.targets))
        shown = t("shown: {name} ({index} of {total})", name=clip(name or user_id, NAME_CELLS),
                  index=self._shown + 1, total=len(self.targets))  # fmt: skip
        self.query_one("#whom", Static).update(
            Content.from_markup(
                "[bold]$many[/]  [$foreground-muted]$shown[/]", many=many, shown=shown
            )
        )
        template = self.template
        offer = f"{self._percent:.0f}%" if template.offer else t("none in this template")
        kind = t("marketing") if template.message_class == "marketing" else t("service message")
        lines = (
            (t("Language"), t(LOCALES[self._locale][1])),
            (t("Offer"), offer),
            (t("Class"), kind),
        )
        self.query_one("#options", Static).update(
            Content("\n").join(
                Content.from_markup(
                    "[$foreground-muted]$key[/]$value", key=fit(key, 10), value=value
                )
                for key, value in lines
            )
        )

    @work(exclusive=True, group="preview")
    async def _preview(self) -> None:
        target = self.query_one("#message", Static)
        try:
            message = await self.workbench.client.preview(
                self.template.template_id,
                self.targets[self._shown][0],
                LOCALES[self._locale][0],
                self.offer,
            )
        except RetentionError as error:
            target.update(
                Content.from_markup(
                    "[bold $text-error]$what[/]\n$why", what=headline(error), why=error.sentence
                )
            )
            return
        target.update(
            Content.from_markup(
                "[bold]$subject[/]\n[$foreground-muted]$preheader[/]\n\n$text",
                subject=clean(message.subject),
                preheader=clean(message.preheader),
                text="\n".join(clean(line) for line in message.text.splitlines()),
            )
        )
        self.query_one("#preview").border_title = f"{message.locale}  {message.version}"
        self.query_one("#preview").scroll_home(animate=False)

    def _request(self, *, dry_run: bool) -> PlanRequest:
        return PlanRequest(
            operator="",
            user_ids=tuple(user_id for user_id, _ in self.targets),
            template_id=self.template.template_id,
            offer=self.offer,
            dry_run=dry_run,
        )

    @work(exclusive=True, group="preflight")
    async def _preflight(self) -> None:
        target = self.query_one("#waterfall", Static)
        try:
            plan = await self.workbench.client.plan(self._request(dry_run=True))
        except RetentionError as error:
            target.update(
                Content.from_markup(
                    "[bold $text-error]$what[/]\n$why", what=headline(error), why=error.sentence
                )
            )
            return
        target.update(self._waterfall(plan))

    def _waterfall(self, plan: PlanSummary) -> Content:
        width = max(16, self.query_one("#waterfall").content_region.width)
        lines = [Content.styled(t("Who would get it"), "bold")]
        for gate in plan.gates:
            if gate.removed or gate.gate in ("selected", "to_send"):
                words = gate.words.pick(current_language())
                count = f"-{number(gate.removed)}" if gate.removed else number(gate.remaining)
                style = "$text-warning" if gate.removed else "bold"
                lines.append(
                    Content.from_markup(
                        f"$words[{style}]$count[/]",
                        words=fit(words, width - 7),
                        count=fit(count, 7, "right"),
                    )
                )
        if plan.worst_case_cost > 0:
            cost = money(plan.worst_case_cost, plan.currency)
            lines.append(Content.styled(t("Costs at most {cost}", cost=cost), "$foreground-muted"))
        return Content("\n").join(lines)

    # --- choices ---------------------------------------------------------------------------

    def action_template(self) -> None:
        options = self.query_one(OptionList)
        if self._templates:
            options.highlighted = ((options.highlighted or 0) + 1) % len(self._templates)

    def action_offer(self) -> None:
        if not self.ready:
            return
        if not self.template.offer:
            self.workbench.say(t("This template carries no offer"))
            return
        place = (OFFERS_PERCENT.index(self._percent) + 1) % len(OFFERS_PERCENT)
        self._percent = OFFERS_PERCENT[place]
        self._refresh_message()

    def action_locale(self) -> None:
        self._locale = (self._locale + 1) % len(LOCALES)
        if self.ready:
            self._show_choice()
            self._preview()

    def action_previous(self) -> None:
        self._turn(-1)

    def action_next(self) -> None:
        self._turn(+1)

    def _turn(self, step: int) -> None:
        index = self._shown + step
        if not 0 <= index < len(self.targets):
            self.workbench.say(t("No further user in this direction"))
        elif self.ready:
            self._shown = index
            self._show_choice()
            self._preview()

    # --- plan, approve, send ---------------------------------------------------------------

    def action_send(self) -> None:
        if self._busy or not self.ready:
            return
        self._busy = True
        self.workbench.deliver(self._request(dry_run=False), self._finished)

    def _finished(self, sent: int | None) -> None:
        """The delivery ended: None when it was given up or failed."""
        self._busy = False
        self._sent = sent
        if sent is not None and self.is_current:
            self.dismiss(sent)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        if self._sent is not None:  # sent while the operator looked at another mode
            self.dismiss(self._sent)

    def result(self) -> int | None:
        return self._sent


def confirm_plan(plan: PlanSummary) -> Confirm:
    """The dialogue between plan and approval: counts, holdout, cost."""
    lines = [
        tn("{n} message goes to the outbox.", "{n} messages go to the outbox.", plan.to_send),
    ]
    if plan.held_out:
        lines.append(
            tn(
                "{n} user is held out by chance, so that the effect can be measured.",
                "{n} users are held out by chance, so that the effect can be measured.",
                plan.held_out,
            )
        )
    lines.extend(
        f"{gate.words.pick(current_language())}: -{number(gate.removed)}"
        for gate in plan.gates
        if gate.removed and gate.gate != "holdout"
    )
    if plan.worst_case_cost > 0:
        cost = money(plan.worst_case_cost, plan.currency)
        lines.append(t("Costs at most {cost}", cost=cost))
    lines.append(t("Campaign: {campaign}", campaign=clean(plan.campaign)))
    return Confirm(t("Approve and send?"), lines, t("approve and send"))

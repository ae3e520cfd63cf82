"""Models: the champion, its peers, the challenger beside it, and the gate's verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from engine.errors import RetentionError
from engine.monitor.report import MonitorReport
from engine.types import GateVerdict, Interval, Metrics, ModelCard
from retention_tui.actions import BY_ID, bindings, key_name
from retention_tui.i18n import N_, current_language, t
from retention_tui.i18n.formats import day, duration, number, percent
from retention_tui.modals.watched import WatchedDialog, watched_line
from retention_tui.screens.base import DataScreen, joined
from retention_tui.screens.insight import InsightScreen
from retention_tui.widgets.cells import clean, fit
from retention_tui.widgets.charts import braille_lines
from retention_tui.widgets.evaluation import cutoff_lines, reason_lines, reliability_lines
from retention_tui.widgets.state_view import Notice
from retention_tui.words import name

METRICS: tuple[tuple[str, str, int], ...] = (
    ("roc_auc", N_("AUC"), 3),
    ("average_precision", N_("PR-AUC"), 3),
    ("log_loss", N_("log loss"), 3),
    ("brier", N_("Brier"), 3),
    ("ece", N_("ECE"), 3),
    ("lift_at_10", N_("lift@10%"), 2),
)
"""Attribute of `Metrics`, msgid of its column, decimals."""
METRIC_CELLS = 9
LABEL_CELLS = 20
CURVE_CELLS = 30
CURVE_ROWS = 5


def champion_of(cards: Sequence[ModelCard]) -> ModelCard | None:
    """The model in service."""
    return next((card for card in cards if card.state == "champion"), None)


def challenger_of(cards: Sequence[ModelCard]) -> ModelCard | None:
    """The newest candidate that is younger than the champion."""
    champion = champion_of(cards)
    waiting = [
        card
        for card in cards
        if card.state == "candidate" and (champion is None or card.created_at > champion.created_at)
    ]
    return max(waiting, key=lambda card: card.created_at, default=None)


class ModelsScreen(DataScreen):
    """Champion beside challenger; promotion is a second, deliberate key."""

    SCOPE = "models"
    MODE = "models"
    CSS_PATH = "models.tcss"
    BINDINGS: ClassVar[list[Any]] = bindings("models")

    def __init__(self) -> None:
        super().__init__()
        self.cards: tuple[ModelCard, ...] = ()
        self._watched: MonitorReport | None = None

    def content(self) -> ComposeResult:
        with VerticalScroll(id="cards"):
            yield Static(id="champion")
            yield Static(id="watched")
            yield Static(id="insight")
            yield Static(id="table")
            yield Static(id="challenger")
            with Horizontal(id="charts"):
                yield Static(id="curve")
                yield Static(id="confusion")
            yield Static(id="cutoffs")
            yield Static(id="reliability")
            yield Static(id="reasons")
            yield Static(id="others")

    def home(self) -> Widget | None:
        return self.query_one("#cards")

    async def fetch(self) -> tuple[ModelCard, ...]:
        return await self.workbench.client.models()

    def show(self, facts: object) -> Notice | None:
        assert isinstance(facts, tuple)
        self.cards = facts
        champion, challenger = champion_of(self.cards), challenger_of(self.cards)
        shown = champion or challenger
        if shown is None:
            return Notice(
                t("No model yet"),
                t("A model learns from the loaded behaviour who leaves."),
                t("Press R to train the first one"),
            )
        put = self._put
        put("champion", self._head(shown, t("In service") if champion else t("Waits for you")))
        put("watched", self._verdict_of_watching(champion))
        put("insight", _way_to_insight())
        put("table", self._metrics(champion, challenger))
        put("challenger", self._challenger(challenger))
        put("curve", self._curve(challenger or shown))
        put("confusion", self._confusion(shown.test))
        put("cutoffs", cutoff_lines((challenger or shown).by_cutoff))
        put("reliability", reliability_lines((challenger or shown).calibration))
        put("reasons", reason_lines((challenger or shown).faithfulness))
        put("others", self._others(shown, challenger))
        return None

    def _put(self, place: str, content: Content) -> None:
        widget = self.query_one(f"#{place}", Static)
        widget.update(content)
        widget.display = bool(content)

    def _head(self, card: ModelCard, title: str) -> Content:
        zone = self.workbench.timezone
        return Content.from_markup(
            "[bold]$title[/]  [$text-accent bold]$kind[/]  $id\n[$foreground-muted]$facts[/]",
            title=title,
            kind=name(card.kind),
            id=clean(card.model_id),
            facts=joined(
                (
                    t("data until {day}", day=day(card.trained_until, zone)),
                    t("{rows} rows, {columns} columns", rows=number(card.rows),
                      columns=number(card.columns)),
                    t("took {time}", time=duration(card.seconds)),
                    t("tested on {n}", n=number(card.test.n)),
                )
            ),
        )  # fmt: skip

    def _metrics(self, champion: ModelCard | None, challenger: ModelCard | None) -> Content:
        """The table: champion, challenger and the single models on the same test rows."""
        rows: list[tuple[str, str, Metrics]] = []
        if champion is not None:
            rows.append((t("champion"), "bold", champion.test))
        if challenger is not None:
            rows.append((t("challenger"), "bold $text-accent", challenger.test))
        for peer in (challenger or champion).peers if (challenger or champion) else ():  # type: ignore[union-attr]
            rows.append((name(peer.model), "$foreground-muted", peer))
        head = fit("", LABEL_CELLS) + "".join(
            fit(t(label), METRIC_CELLS, "right") for _, label, _ in METRICS
        )
        lines = [Content.styled(head, "$foreground-muted")]
        for label, style, metrics in rows:
            cells = "".join(
                fit(number(getattr(metrics, key), digits), METRIC_CELLS, "right")
                for key, _, digits in METRICS
            )
            lines.append(
                Content.from_markup(
                    f"[{style}]$label[/]$cells", label=fit(label, LABEL_CELLS), cells=cells
                )
            )
        return Content("\n").join(lines)

    def _challenger(self, card: ModelCard | None) -> Content:
        if card is None:
            return Content.styled(t("No challenger waits. R trains one."), "$foreground-muted")
        return Content("\n").join(
            [self._head(card, t("Challenger")), *verdict_lines(card.verdict), *shift_lines(card)]
        )

    def _curve(self, card: ModelCard) -> Content:
        train = [row.get("train_loss", float("nan")) for row in card.learning]
        valid = [row.get("valid_loss", float("nan")) for row in card.learning]
        if len(card.learning) < 2:
            return Content.styled(t("No learning curve."), "$foreground-muted")
        picture, low, high = braille_lines((train, valid), CURVE_CELLS, CURVE_ROWS)
        title = t("Loss by epoch, train and valid ({epochs})", epochs=len(card.learning))
        marks = [fit(number(high, 3), 6), *[" " * 6] * (CURVE_ROWS - 2), fit(number(low, 3), 6)]
        lines = [Content.styled(title, "bold")]
        for mark, line in zip(marks, picture, strict=True):
            lines.append(
                Content.from_markup("[$foreground-muted]$mark[/][$text-accent]$line[/]", mark=mark,
                                    line=line)
            )  # fmt: skip
        return Content("\n").join(lines)

    def _confusion(self, metrics: Metrics) -> Content:
        counts = metrics.confusion
        rows = (
            (t("contacted"), counts.true_positive, counts.false_positive),
            (t("left alone"), counts.false_negative, counts.true_negative),
        )
        lines = [
            Content.styled(t("At the contact capacity"), "bold"),
            Content.styled(
                fit("", 11) + fit(t("left"), 9, "right") + fit(t("stayed"), 9, "right"),
                "$foreground-muted",
            ),
        ]
        for label, gone, stayed in rows:
            lines.append(
                Content.from_markup(
                    "[$foreground-muted]$label[/]$cells",
                    label=fit(label, 11),
                    cells=fit(number(gone), 9, "right") + fit(number(stayed), 9, "right"),
                )
            )
        lines.append(
            Content.styled(
                t(
                    "precision {precision}  recall {recall}  F1 {f1}",
                    precision=percent(metrics.precision),
                    recall=percent(metrics.recall),
                    f1=number(metrics.f1, 2),
                ),
                "$foreground-muted",
            )
        )  # fmt: skip
        return Content("\n").join(lines)

    def _others(self, shown: ModelCard, challenger: ModelCard | None) -> Content:
        rest = [card for card in self.cards if card not in (shown, challenger)]
        if not rest:
            return Content("")
        lines = [Content.styled(t("Earlier models"), "bold")]
        for card in rest[:5]:
            lines.append(
                Content.from_markup(
                    "[$foreground-muted]$day[/] $id [$foreground-muted]$kind $state[/] $auc",
                    day=day(card.created_at, self.workbench.timezone),
                    id=clean(card.model_id),
                    kind=name(card.kind),
                    state=name(card.state),
                    auc=f"{t('AUC')} {number(card.test.roc_auc, 3)}",
                )
            )
        return Content("\n").join(lines)

    def _verdict_of_watching(self, champion: ModelCard | None) -> Content:
        """One line once somebody looked; a model that left the service takes it away."""
        found = self._watched
        if champion is None or found is None or found.model_id != champion.model_id:
            return Content("")
        return Content.styled(watched_line(found), "$text-error" if found.alarming else "")

    def action_watch(self) -> None:
        if champion_of(self.cards) is None:
            self.workbench.say(t("No model is in service"))
            return
        self.workbench.say(t("Looking at the model in service"))
        self._watch()

    @work(exclusive=True, group="watch")
    async def _watch(self) -> None:
        try:
            found = await self.workbench.client.monitored()
        except RetentionError as error:
            self.workbench.report(error)
            return
        self._watched = found
        if self._composed:
            self._put("watched", self._verdict_of_watching(champion_of(self.cards)))
            self.workbench.open(WatchedDialog(found))

    def action_insight(self) -> None:
        shown = champion_of(self.cards) or challenger_of(self.cards)
        if shown is None:
            self.workbench.say(t("No model yet"))
            return
        self.workbench.open(InsightScreen(shown.model_id))

    def action_promote(self) -> None:
        challenger = challenger_of(self.cards)
        if challenger is None:
            self.workbench.say(t("No challenger waits. R trains one."))
            return
        self.workbench.promote(challenger)

    def action_rollback(self) -> None:
        if champion_of(self.cards) is None:
            self.workbench.say(t("No model is in service"))
            return
        self.workbench.rollback()


def _way_to_insight() -> Content:
    spec = BY_ID["models.insight"]
    return Content.from_markup(
        "[bold $text-accent]$key[/] [$foreground-muted]$text[/]",
        key=key_name(spec.keys[0]),
        text=t(spec.text),
    )


def verdict_lines(verdict: GateVerdict | None) -> list[Content]:
    """The gate's recommendation and what it rests on, one statement a line."""
    if verdict is None:
        return [Content.styled(t("There is no champion to compare with."), "$foreground-muted")]
    words = t("The gate recommends it") if verdict.wins else t("The gate does not recommend it")
    style = "bold $text-success" if verdict.wins else "bold $text-warning"
    lines = [Content.styled(words, style)]
    figures = []
    for label, interval in (
        (t("log loss"), verdict.log_loss_difference),
        (t("AUC"), verdict.roc_auc_difference),
        (t("profit"), verdict.profit_difference),
    ):
        if interval is not None:
            figures.append(f"{label} {difference(interval)}")
    if figures:
        lines.append(Content.styled(joined(figures), "$foreground-muted"))
    for statement in verdict.statements:
        lines.append(Content(clean(statement.pick(current_language()))))
    return lines


def shift_lines(card: ModelCard) -> list[Content]:
    """A warning where the test cutoffs are not like the training rows."""
    if card.shift is None or not card.shift.warns:
        return []
    words = clean(card.shift.words.pick(current_language()))
    return [Content.styled(words, "$text-warning")]


def difference(interval: Interval) -> str:
    """`-0.012 [-0.018, -0.006]`."""
    return f"{interval.estimate:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"

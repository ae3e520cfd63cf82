"""What watching the model in service found: the verdicts, and what they rest on."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.monitor.report import Estimate, MonitorReport
from retention_tui.i18n import N_, current_language, t
from retention_tui.i18n.formats import number
from retention_tui.modals.dialog import Dialog
from retention_tui.widgets.cells import clean, fit
from retention_tui.words import name

SHOWN_COLUMNS = 8
LABEL_CELLS = 34
DRIFTS = {
    "none": N_("drift: none"),
    "some": N_("drift: some"),
    "strong": N_("drift: strong"),
}


def watched_line(found: MonitorReport) -> str:
    """Drift, expected AUC and fairness in one line."""
    auc = found.estimate.of("roc_auc")
    parts = [t(DRIFTS[found.drift.verdict])]
    if auc is not None:
        parts.append(t("expected AUC {auc}", auc=number(auc.estimate, 3)))
    if found.fairness is not None:
        fair = found.fairness.within_limit
        parts.append(t("fairness: within limits") if fair else t("fairness: beyond the limit"))
    return "  ".join(parts)


class WatchedDialog(Dialog[None]):
    """The statements, the features that drifted most and the estimates with their checks."""

    def __init__(self, found: MonitorReport) -> None:
        super().__init__(watched_line(found))
        self._found = found

    def body(self) -> ComposeResult:
        found, language = self._found, current_language()
        yield Static(Content(found.drift.words.pick(language)), classes="line")
        if found.fairness is not None:
            yield Static(Content(clean(found.fairness.words.pick(language))), classes="line")
        with VerticalScroll():
            yield Static(Content(t("Features that drifted most")), classes="line muted")
            for one in found.drift.columns[:SHOWN_COLUMNS]:
                told = t("beyond the past") if one.shifted else t("as before")
                label = fit(clean(one.label.pick(language)), LABEL_CELLS)
                yield Static(Content(f"{label}  PSI {number(one.psi, 3)}  {told}"), classes="line")
            yield from _estimates(found.estimate)
            yield Static(Content(found.estimate.assumption.pick(language)), classes="line muted")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def labels(self) -> dict[str, str]:
        return {"yes": t("close"), "no": ""}


def _estimates(estimate: Estimate) -> ComposeResult:
    yield Static(Content(t("expected before labels")), classes="line muted")
    for one in estimate.figures:
        value = one.value
        figures = f"{number(value.estimate, 3)} [{number(value.low, 3)}, {number(value.high, 3)}]"
        yield Static(Content(f"{fit(name(one.metric), LABEL_CELLS)}  {figures}"), classes="line")

"""A model's test over time and its reliability as lines of text."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from engine.calibrated import CalibrationCheck
from engine.evaluation.reasons import HEADING, checks
from engine.faithfulness import Faithfulness
from engine.spread import spread
from engine.types import Metrics
from retention_tui.i18n import N_, current_language, t
from retention_tui.i18n.formats import number
from retention_tui.widgets.cells import fit
from retention_tui.widgets.charts import bar
from retention_tui.words import name

COLUMNS: tuple[tuple[str, str, int], ...] = (
    ("roc_auc", N_("AUC"), 3),
    ("average_precision", N_("PR-AUC"), 3),
    ("log_loss", N_("log loss"), 3),
    ("ece", N_("ECE"), 3),
    ("profit", N_("profit"), 2),
)
"""Attribute of `Metrics`, msgid of its column, decimals."""
LABEL_CELLS = 20
METRIC_CELLS = 9
BAR_CELLS = 18


def cutoff_lines(by_cutoff: Sequence[Metrics]) -> Content:
    """Every test cutoff, their mean and the worst of them; empty for a single cutoff."""
    if len(by_cutoff) < 2:
        return Content("")
    head = fit(t("By test cutoff"), LABEL_CELLS) + _cells([t(label) for _, label, _ in COLUMNS])
    rows = [
        (
            f"{one.cutoffs[0]:%Y-%m-%d}",
            [number(getattr(one, key), digits) for key, _, digits in COLUMNS],
        )
        for one in by_cutoff
    ]
    found = [(spread(by_cutoff, key), digits) for key, _, digits in COLUMNS]
    rows += [
        (t("mean"), [number(one.mean if one else None, digits) for one, digits in found]),
        (t("worst"), [number(one.worst if one else None, digits) for one, digits in found]),
    ]
    lines = [Content.styled(head, "$foreground-muted")]
    for label, values in rows:
        lines.append(Content(fit(label, LABEL_CELLS) + _cells(values)))
    return Content("\n").join(lines)


def reliability_lines(check: CalibrationCheck | None) -> Content:
    """Mean risk beside the churn rate of ten bins, as numbers and bars; empty when unmeasured."""
    if check is None:
        return Content("")
    title = t(
        "Reliability ({method}): error {before} before calibration, {after} after",
        method=name(check.method),
        before=number(check.before.error, 3),
        after=number(check.after.error, 3),
    )
    lines = [Content.styled(title, "bold")]
    after = check.after
    for risk, rate in zip(after.risk, after.rate, strict=True):
        lines.append(
            Content.from_markup(
                "[$foreground-muted]$risk_words[/] $risk [$text-accent]$risk_bar[/] "
                "[$foreground-muted]$rate_words[/] $rate [$text-warning]$rate_bar[/]",
                risk_words=t("risk"),
                risk=number(risk, 2),
                risk_bar=bar(risk, BAR_CELLS),
                rate_words=t("churn"),
                rate=number(rate, 2),
                rate_bar=bar(rate, BAR_CELLS),
            )
        )
    return Content("\n").join(lines)


def reason_lines(found: Faithfulness | None) -> Content:
    """What the checks of a model's reasons found, a line each."""
    language = current_language()
    lines = [Content.styled(HEADING.pick(language), "bold")]
    for check in checks(found):
        lines.append(
            Content.from_markup(
                "[$foreground-muted]$name[/] $found",
                name=check.name.pick(language),
                found=check.found.pick(language),
            )
        )
    return Content("\n").join(lines)


def _cells(values: Sequence[str]) -> str:
    return "".join(fit(value, METRIC_CELLS, "right") for value in values)

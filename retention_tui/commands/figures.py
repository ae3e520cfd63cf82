"""A model's figures as tables: its card, its metrics, each test cutoff, its calibration."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace

from engine.calibrated import CalibrationCheck
from engine.evaluation.reasons import HEADING, checks
from engine.horizons import IntervalCoverage, RiskByDay
from engine.spread import spread
from engine.types import Metrics, ModelCard
from retention_tui.commands.session import Session
from retention_tui.i18n import use_language
from retention_tui.widgets.charts import bar
from retention_tui.widgets.course import (
    CURVE_CELLS,
    asked_days,
    curve,
    interval_words,
    no_days,
    not_stored,
    title_of,
)

OVER_TIME = ("roc_auc", "average_precision", "log_loss", "ece", "profit")
"""Attributes of `Metrics` whose mean and worst over the test cutoffs are shown."""

BAR_CELLS = 20


def show_card(session: Session, card: ModelCard) -> None:
    """A challenger beside its peers, then the verdict and what honest labelling did."""
    session.say(
        "{model_id}: {rows} rows × {columns} features, {seconds:.0f} s",
        model_id=card.model_id,
        rows=card.rows,
        columns=card.columns,
        seconds=card.seconds,
    )
    show_metrics(session, [replace(card.test, model=f"{card.kind} *"), *card.peers])
    show_cutoffs(session, card.by_cutoff)
    say_assumption(session, card.test)
    say_coverage(session, card.coverage)
    labels = card.labels
    session.say(
        "Honest labels: {untreated} untreated, {holdout} held out, "
        "{inside} contacted inside the window ({dropped} dropped), {before} contacted before",
        untreated=labels.untreated,
        holdout=labels.holdout,
        inside=labels.treated_inside,
        dropped=labels.dropped,
        before=labels.treated_before,
    )
    if card.verdict is not None:
        for statement in card.verdict.statements:
            print(statement.pick(session.language), file=sys.stderr)
    show_checks(session, card)
    if card.shift is not None and card.shift.warns:
        print(card.shift.words.pick(session.language), file=sys.stderr)
    if card.state == "candidate":
        session.say("To put it into service: retention promote {model_id}", model_id=card.model_id)


def show_course(session: Session, told: RiskByDay | None) -> None:
    """How sure one user's risk is, and how it builds up or falls over the days."""
    use_language(session.language)
    if told is None:
        print(not_stored(), file=sys.stderr)
        return
    print(interval_words(told))
    if told.event is None:
        print(no_days(), file=sys.stderr)
        return
    session.table(
        ("day", title_of(told), "from", "to", curve(told)),
        (
            (
                point.day,
                f"{point.risk:.2f}",
                f"{point.low:.2f}",
                f"{point.high:.2f}",
                bar(point.risk, CURVE_CELLS),
            )
            for point in asked_days(told)
        ),
    )


def say_coverage(session: Session, coverage: IntervalCoverage | None) -> None:
    """How often the intervals of the risk held the churn rate of users of alike risk."""
    if coverage is None:
        return
    session.say(
        "Intervals at {level:.0%}: they held the churn rate in {inside:.0%} of {groups} groups of "
        "users of alike risk, {allowing:.0%} when the chance of so few users is allowed for; "
        "mean width {width:.3f}",
        level=coverage.level,
        inside=coverage.inside,
        groups=coverage.groups,
        allowing=coverage.allowing,
        width=coverage.width,
    )
    if coverage.days_inside is not None and coverage.days_allowing is not None:
        session.say(
            "By day: {inside:.0%} of {pairs} groups and days, {allowing:.0%} allowing for chance",
            inside=coverage.days_inside,
            pairs=coverage.days,
            allowing=coverage.days_allowing,
        )


def show_checks(session: Session, card: ModelCard) -> None:
    """What the checks of the model's reasons found, a line each."""
    print(HEADING.pick(session.language), file=sys.stderr)
    for check in checks(card.faithfulness):
        print(f"  {check.line.pick(session.language)}", file=sys.stderr)


def show_cutoffs(session: Session, by_cutoff: Sequence[Metrics]) -> None:
    """One line a test cutoff, then mean and worst over them; nothing for a single cutoff."""
    if len(by_cutoff) < 2:
        return
    over_time = [spread(by_cutoff, key) for key in OVER_TIME]
    session.table(
        ("test cutoff", "n", "churned", "ROC-AUC", "PR-AUC", "log loss", "ECE", "profit per user"),
        (
            *(
                (
                    f"{one.cutoffs[0]:%Y-%m-%d}",
                    one.n,
                    one.positives,
                    *(_figure(getattr(one, key)) for key in OVER_TIME),
                )
                for one in by_cutoff
            ),
            (session.t("mean"), "", "", *(_figure(one.mean if one else None) for one in over_time)),
            (
                session.t("worst"),
                "",
                "",
                *(_figure(one.worst if one else None) for one in over_time),
            ),
        ),
    )


def say_assumption(session: Session, measured: Metrics) -> None:
    """What the profit rests on, where there is one."""
    if measured.profit is None:
        return
    risk = session.workspace.settings.risk
    session.say(
        "Assumed for the profit: contact keeps {rate:.0%} of those who would leave; "
        "{capacity:.0%} of the users are contacted",
        rate=risk.save_rate,
        capacity=risk.capacity,
    )


def show_calibration(session: Session, check: CalibrationCheck | None) -> None:
    """Bins of the test rows: mean risk, churn rate and both as bars."""
    if check is None:
        return
    session.say(
        "Reliability on the test cutoffs, calibration {method}: error {before:.4f} before, "
        "{after:.4f} after",
        method=session.t(check.method),
        before=check.before.error,
        after=check.after.error,
    )
    after = check.after
    session.table(
        ("rows", "mean risk", "churn rate", "risk, then churn"),
        (
            (rows, f"{risk:.3f}", f"{rate:.3f}", f"{bar(risk, BAR_CELLS)}|{bar(rate, BAR_CELLS)}")
            for rows, risk, rate in zip(after.rows, after.risk, after.rate, strict=True)
        ),
    )


def _figure(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.4f}"


def show_metrics(session: Session, measured: list[Metrics]) -> None:
    """One line a model; the profit is that at capacity."""
    session.table(
        ("model", "n", "churned", "ROC-AUC", "PR-AUC", "log loss", "Brier", "ECE", "lift@10%",
         "C-index", "profit per user"),
        (
            (
                one.model,
                one.n,
                one.positives,
                f"{one.roc_auc:.4f}",
                f"{one.average_precision:.4f}",
                f"{one.log_loss:.4f}",
                f"{one.brier:.4f}",
                f"{one.ece:.4f}",
                f"{one.lift_at_10:.2f}",
                _figure(one.concordance),
                _figure(one.profit),
            )
            for one in measured
        ),
    )  # fmt: skip

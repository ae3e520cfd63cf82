"""`retention compare`: kinds of model side by side on this workspace's data."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from engine.types import Interval
from retention_tui.commands.models import AsOf
from retention_tui.commands.session import Session

if TYPE_CHECKING:
    from engine.compare import Comparison


def compare(
    context: typer.Context,
    names: Annotated[
        str | None,
        typer.Option(
            "--models",
            metavar="A,B,C",
            help="hist_gradient_boosting, logistic, random_forest, churn_net, mlp, gru, lstm, cnn, "
            "attention, tabm, hazard, blend, bg_nbd, pareto_nbd; without it all that "
            "the churn rule allows",
        ),
    ] = None,
    budget: Annotated[float | None, typer.Option(metavar="SECONDS", min=1)] = None,
    as_of: AsOf = None,
) -> None:
    """Fit several kinds of model on the same rows and measure them; nothing is registered."""
    session: Session = context.obj
    from engine.jobs.protocol import stage_words

    last = ""

    def narrate(stage: str, done: float, detail: Mapping[str, object]) -> None:
        nonlocal last
        if stage != last:
            last = stage
            print(f"{done:4.0%}  {stage_words(stage).pick(session.language)}", file=sys.stderr)

    chosen = None
    if names is not None:
        chosen = [one.strip() for one in names.split(",") if one.strip()]
    found = session.workspace.models.compare(
        names=chosen, budget_s=budget, as_of=as_of, progress=narrate
    )
    if session.as_json:
        session.emit(found)
    else:
        show_comparison(session, found)


def show_comparison(session: Session, found: Comparison) -> None:
    """One line a model; differences are minus the model that all are compared with."""
    session.table(
        (
            "model",
            "validation log loss",
            "validation ROC-AUC",
            "ROC-AUC",
            "PR-AUC",
            "log loss",
            "ECE",
            "log loss difference",
            "ROC-AUC difference",
            "epochs",
            "CPU s",
        ),
        (
            (
                one.name,
                f"{one.valid_log_loss:.4f}",
                f"{one.valid_roc_auc:.4f}",
                f"{one.test.roc_auc:.4f}",
                f"{one.test.average_precision:.4f}",
                f"{one.test.log_loss:.4f}",
                f"{one.test.ece:.4f}",
                _interval(one.log_loss_difference),
                _interval(one.roc_auc_difference),
                one.epochs or "",
                f"{one.cpu_s:.1f}",
            )
            for one in found.models
        ),
    )
    session.say(
        "{train} training rows, {test} test rows; differences are minus {against}, 95 % intervals "
        "by user; validation is by the first fit, before calibration",
        train=found.train_rows,
        test=found.test_rows,
        against=found.against,
    )
    for one in found.models:
        for horizon in one.horizons:
            session.say(
                "{model}, {days} days: mean risk {predicted:.3f}, churned {observed:.3f}",
                model=one.name,
                days=horizon.days,
                predicted=horizon.predicted,
                observed=horizon.observed,
            )


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"{interval.estimate:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"

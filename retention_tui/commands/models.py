"""Model commands: train, models, promote, rollback, evaluate."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.types import Metrics, ModelCard, RankQuery
from retention_tui.commands.session import Session, plain

SHOWN = 20
"""Users of the list that `train --score` prints."""

AsOf = Annotated[datetime | None, typer.Option(metavar="T", help="End of the data to use")]


def train(
    context: typer.Context,
    model: Annotated[
        str, typer.Option(help="auto, blend, churn_net, hist_gradient_boosting, logistic")
    ] = "auto",
    budget: Annotated[float | None, typer.Option(metavar="SECONDS", min=1)] = None,
    as_of: AsOf = None,
    score: Annotated[
        bool, typer.Option(help="Then score with the champion and print the list")
    ] = False,
) -> None:
    """Fit a challenger and compare it with the champion."""
    session: Session = context.obj
    card = train_challenger(session, model=model, budget_s=budget, as_of=as_of)
    if not session.as_json:
        show_card(session, card)
    if not score:
        if session.as_json:
            session.emit(card)
        return
    from retention_tui.commands.risk import score_champion, show_page

    run = score_champion(session, as_of)
    page = session.workspace.risk.page(RankQuery(), 0, SHOWN)
    if session.as_json:
        session.emit({"card": card, "score": run, "list": page})
    else:
        show_page(session, page)


def train_challenger(
    session: Session,
    *,
    model: str = "auto",
    budget_s: float | None = None,
    as_of: datetime | None = None,
) -> ModelCard:
    """Train with narration; the very first model that passes its gate goes into service."""
    from engine.jobs.protocol import stage_words

    workspace = session.workspace
    last = ""

    def narrate(stage: str, done: float, detail: Mapping[str, object]) -> None:
        nonlocal last
        if stage != last:
            last = stage
            print(f"{done:4.0%}  {stage_words(stage).pick(session.language)}", file=sys.stderr)

    first = workspace.models.champion() is None
    card = workspace.models.train(
        model=model, budget_s=budget_s, as_of=as_of, actor=workspace.operator, progress=narrate
    )
    if first and card.verdict is not None and card.verdict.wins:
        card = workspace.models.promote(card.model_id, workspace.operator)
        session.say(
            "First model of this workspace: {model_id} is now in service", model_id=card.model_id
        )
    return card


def models(context: typer.Context) -> None:
    """The registry: every model with its state and test metrics."""
    session: Session = context.obj
    cards = session.workspace.models.cards()
    if session.as_json:
        session.emit(cards)
        return
    session.table(
        ("model", "state", "made", "ROC-AUC", "PR-AUC", "log loss", "ECE"),
        (
            (
                card.model_id,
                session.t(card.state),
                card.created_at,
                card.test.roc_auc,
                card.test.average_precision,
                card.test.log_loss,
                card.test.ece,
            )
            for card in cards
        ),
    )


def promote(context: typer.Context, model_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Put a model into service."""
    session: Session = context.obj
    card = session.workspace.models.promote(model_id, session.workspace.operator)
    _said(session, "{model_id} is now in service", card)


def rollback(context: typer.Context) -> None:
    """Put the previous champion back into service."""
    session: Session = context.obj
    card = session.workspace.models.rollback(session.workspace.operator)
    _said(session, "{model_id} is back in service", card)


def evaluate(
    context: typer.Context,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html")] = None,
) -> None:
    """Metrics of the champion on its test cutoffs, from the data that are loaded now."""
    session: Session = context.obj
    measured = session.workspace.models.evaluate(report=report)
    if report is not None:
        session.say("Report written to {path}", path=report)
    if session.as_json:
        session.emit(measured)
    else:
        show_metrics(session, [measured])


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
    if card.shift is not None and card.shift.warns:
        print(card.shift.words.pick(session.language), file=sys.stderr)
    if card.state == "candidate":
        session.say("To put it into service: retention promote {model_id}", model_id=card.model_id)


def show_metrics(session: Session, measured: list[Metrics]) -> None:
    """One line a model."""
    session.table(
        ("model", "n", "churned", "ROC-AUC", "PR-AUC", "log loss", "Brier", "ECE", "lift@10%"),
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
            )
            for one in measured
        ),
    )


def _said(session: Session, message: str, card: ModelCard) -> None:
    session.say(message, model_id=card.model_id)
    if session.as_json:
        session.emit({"model_id": card.model_id, "state": card.state, "test": plain(card.test)})

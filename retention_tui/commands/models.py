"""Model commands: train, models, promote, rollback, evaluate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import StateError
from engine.spread import spread
from engine.types import ModelCard, RankQuery
from retention_tui.commands.figures import (
    OVER_TIME,
    say_assumption,
    show_calibration,
    show_card,
    show_cutoffs,
    show_metrics,
)
from retention_tui.commands.session import Session, plain

SHOWN = 20
"""Users of the list that `train --score` prints."""

AsOf = Annotated[datetime | None, typer.Option(metavar="T", help="End of the data to use")]
TensorBoard = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder for a TensorBoard log (an extra)")
]


def train(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Option(
            help="auto, blend, hist_gradient_boosting, logistic, random_forest, "
            "sequence_trees; nets: churn_net, mlp, gru, lstm, cnn, attention, tabm, "
            "hazard; where churn is no payment: bg_nbd, pareto_nbd"
        ),
    ] = "auto",
    budget: Annotated[float | None, typer.Option(metavar="SECONDS", min=1)] = None,
    pretraining: Annotated[
        bool | None,
        typer.Option(
            "--pretraining/--no-pretraining",
            help="Learn an encoder of event sequences first; else as the settings say",
        ),
    ] = None,
    search: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=1, help="First search for settings so long"),
    ] = None,
    as_of: AsOf = None,
    score: Annotated[
        bool, typer.Option(help="Then score with the champion and print the list")
    ] = False,
    tensorboard: TensorBoard = None,
) -> None:
    """Fit a challenger and compare it with the champion."""
    session: Session = context.obj
    folder = _where_installed(session, tensorboard)
    if folder is None:
        card = train_challenger(
            session,
            model=model,
            budget_s=budget,
            pretraining=pretraining,
            search_s=search,
            as_of=as_of,
        )
    else:
        from engine.evaluation.tensorboard import TensorBoardLog

        with TensorBoardLog(folder, f"train-{datetime.now(UTC):%Y%m%d-%H%M%S}") as log:
            card = train_challenger(
                session,
                model=model,
                budget_s=budget,
                pretraining=pretraining,
                search_s=search,
                as_of=as_of,
                heard=log.progress,
            )
            log.card(card)
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
    pretraining: bool | None = None,
    search_s: float | None = None,
    as_of: datetime | None = None,
    heard: Callable[[Mapping[str, object]], None] | None = None,
) -> ModelCard:
    """Train with narration; the very first model that passes its gate goes into service.

    `heard` gets the details of every step, such as the losses of an epoch.
    """
    from engine.jobs.protocol import stage_words

    workspace = session.workspace
    last = ""

    def narrate(stage: str, done: float, detail: Mapping[str, object]) -> None:
        nonlocal last
        if heard is not None:
            heard(detail)
        if stage != last:
            last = stage
            print(f"{done:4.0%}  {stage_words(stage).pick(session.language)}", file=sys.stderr)

    first = workspace.models.champion() is None
    card = workspace.models.train(
        model=model,
        budget_s=budget_s,
        pretraining=pretraining,
        search_s=search_s,
        as_of=as_of,
        actor=workspace.operator,
        progress=narrate,
    )
    if first and card.verdict is not None and card.verdict.wins:
        card = workspace.models.promote(card.model_id, workspace.operator)
        session.say(
            "First model of this workspace: {model_id} is now in service", model_id=card.model_id
        )
    return card


def _where_installed(session: Session, folder: Path | None) -> Path | None:
    """`folder` of the log, or None with a word where the extra is absent: the work goes on."""
    if folder is None:
        return None
    from engine.evaluation.tensorboard import available

    if available():
        return folder
    session.say(
        "No TensorBoard log is written: the extra is not installed "
        "(pip install 'retention-workbench[tensorboard]')"
    )
    return None


def models(
    context: typer.Context,
    model_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One model: its card")
    ] = None,
    trials: Annotated[
        bool, typer.Option("--trials", help="What its search tried (without ID: the champion's)")
    ] = False,
) -> None:
    """The registry: every model with its state and test metrics; or one of them."""
    session: Session = context.obj
    if trials:
        _show_trials(session, model_id)
        return
    if model_id is not None:
        card = session.workspace.models.card(model_id)
        if session.as_json:
            session.emit(card)
        else:
            show_card(session, card)
        return
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


def _show_trials(session: Session, model_id: str | None) -> None:
    """One line a trial, in the order in which they ran."""
    if model_id is None:
        champion = session.workspace.models.champion()
        if champion is None:
            raise StateError(
                "no_champion",
                "No model is in service in this workspace",
                next_step="Name one: `retention models` lists them",
            )
        model_id = champion.model_id
    trials = session.workspace.models.trials(model_id)
    if session.as_json:
        session.emit(trials)
        return
    if not trials:
        session.say("{model_id} was trained without a search", model_id=model_id)
        return
    session.table(
        ("model", "rounds", "validation log loss", "seconds", "went on", "parameters"),
        (
            (
                trial.kind,
                trial.rounds,
                trial.valid_log_loss,
                f"{trial.seconds:.1f}",
                session.t("no") if trial.pruned else session.t("yes"),
                ", ".join(f"{name} {value}" for name, value in trial.parameters.items()),
            )
            for trial in trials
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
    tensorboard: TensorBoard = None,
) -> None:
    """Metrics of the champion on its test cutoffs, from the data that are loaded now."""
    session: Session = context.obj
    measured = session.workspace.models.evaluate(
        report=report, tensorboard=_where_installed(session, tensorboard)
    )
    if report is not None:
        session.say("Report written to {path}", path=report)
    if session.as_json:
        over_time = {key: spread(measured.by_cutoff, key) for key in OVER_TIME}
        session.emit(
            {
                **plain(measured.metrics),
                "by_cutoff": measured.by_cutoff,
                "over_time": over_time,
                "calibration": measured.calibration,
            }
        )
        return
    show_metrics(session, [measured.metrics])
    show_cutoffs(session, measured.by_cutoff)
    say_assumption(session, measured.metrics)
    show_calibration(session, measured.calibration)


def _said(session: Session, message: str, card: ModelCard) -> None:
    session.say(message, model_id=card.model_id)
    if session.as_json:
        session.emit({"model_id": card.model_id, "state": card.state, "test": plain(card.test)})

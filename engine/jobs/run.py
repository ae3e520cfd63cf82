"""What each job does: the calls of the command line, with progress and a way to stop."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from engine.errors import Cancelled
from engine.jobs.protocol import Reporter
from engine.workspace import Workspace


def load(
    workspace: Workspace, options: argparse.Namespace, reporter: Reporter
) -> Mapping[str, object]:
    """Load behaviour data through the mapping."""
    report = workspace.data.load(
        options.mapping,
        data_dir=options.data_dir,
        progress=lambda stage, done: _step(reporter, "load", done),
    )
    return {
        "rows": {table.table: table.kept for table in report.tables},
        "quarantined": sum(sum(table.quarantined.values()) for table in report.tables),
    }


def train(
    workspace: Workspace, options: argparse.Namespace, reporter: Reporter
) -> Mapping[str, object]:
    """Fit a challenger; the very first model that passes its gate goes into service."""
    first = workspace.models.champion() is None
    card = workspace.models.train(
        model=options.model,
        budget_s=options.budget,
        as_of=options.as_of,
        actor=workspace.operator,
        progress=reporter.progress,
        should_stop=reporter.should_stop,
    )
    promoted = first and card.verdict is not None and card.verdict.wins
    if promoted:
        workspace.models.promote(card.model_id, workspace.operator)
    return {"model_id": card.model_id, "promoted": promoted}


def score(
    workspace: Workspace, options: argparse.Namespace, reporter: Reporter
) -> Mapping[str, object]:
    """Score the eligible users with the champion."""
    run = workspace.risk.score(
        options.as_of, progress=lambda stage, done: _step(reporter, stage, done)
    )
    return {"scoring_run_id": run.scoring_run_id, "users": run.users}


def refresh(
    workspace: Workspace, options: argparse.Namespace, reporter: Reporter
) -> Mapping[str, object]:
    """Load, retrain when asked, score, close outcome windows: what cron does each night."""
    detail = dict(load(workspace, options, reporter))
    if options.retrain:
        detail |= train(workspace, options, reporter)
    detail |= score(workspace, options, reporter)
    outcomes = workspace.interventions.close_outcomes()
    return {**detail, "outcomes_closed": outcomes.closed}


def _step(reporter: Reporter, stage: str, done: float) -> None:
    if reporter.should_stop():
        raise Cancelled("cancelled", "The job was stopped; nothing was half-written")
    reporter.progress(stage, done)

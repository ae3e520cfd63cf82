"""Label commands: labels, prove."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from engine.features.label_report.types import PHASE_WORDS
from retention_tui.commands.models import AsOf
from retention_tui.commands.session import Session

if TYPE_CHECKING:
    from engine.features.label_report.types import (
        CutoffLabels,
        LabelCount,
        LabelReport,
        LabelVariant,
    )
    from engine.features.proving import ProofLine

SHOWN_COLUMNS = 8

Days = Annotated[list[int] | None, typer.Option(min=0, max=3650, metavar="DAYS")]


def labels(
    context: typer.Context,
    horizon: Annotated[list[int] | None, typer.Option(min=1, max=730, metavar="DAYS")] = None,
    grace: Days = None,
    active_within: Annotated[
        list[int] | None, typer.Option(min=1, max=3650, metavar="DAYS")
    ] = None,
    lead: Days = None,
    as_of: AsOf = None,
) -> None:
    """Base rate at each cutoff, and how the churn rule's parameters would change it.

    --horizon, --grace, --active-within and --lead name the days to try; each may be given again.
    """
    session: Session = context.obj
    report = session.workspace.labels.report(
        horizon_days=tuple(horizon or ()),
        grace_days=tuple(grace or ()),
        active_within_days=tuple(active_within or ()),
        lead_days=tuple(lead or ()),
        as_of=as_of,
    )
    if session.as_json:
        session.emit(report)
    else:
        show_labels(session, report)


def prove(
    context: typer.Context,
    as_of: Annotated[
        datetime | None,
        typer.Option(metavar="T", help="The cutoff; default: the newest test cutoff"),
    ] = None,
    users: Annotated[int, typer.Option(min=1, help="Look at no more users than these")] = 5_000,
) -> None:
    """Try on your own data that no future reaches a feature; exit status 1 when one does."""
    session: Session = context.obj

    def narrate(name: str, done: float) -> None:
        print(f"{done:4.0%}  {name}", file=sys.stderr)

    report = session.workspace.labels.prove(as_of=as_of, users=users, progress=narrate)
    if session.as_json:
        session.emit(report)
    else:
        session.table(
            ("proof", "result", "meaning"),
            (
                (
                    one.name,
                    session.t("passed") if one.passed else session.t("failed"),
                    one.words.pick(session.language),
                )
                for one in report.proofs
            ),
        )
        for one in report.proofs:
            if not one.passed:
                session.say("{proof} moved: {columns}", proof=one.name, columns=moved(one))
        session.say(
            "At {cutoff:%Y-%m-%d}: {eligible} eligible users, among {drawn} of {loaded}",
            cutoff=report.cutoff,
            eligible=report.users,
            drawn=report.drawn,
            loaded=report.loaded,
        )
    if not report.passed:
        raise typer.Exit(1)


def moved(proof: ProofLine) -> str:
    """The first columns that moved, and how many more."""
    shown = ", ".join(proof.differences[:SHOWN_COLUMNS])
    more = len(proof.differences) - SHOWN_COLUMNS
    return f"{shown} +{more}" if more > 0 else shown


def show_labels(session: Session, report: LabelReport) -> None:
    """The rule in words, a line a cutoff, a line a variant, the verdict."""
    for words in report.words:
        print(words.pick(session.language), file=sys.stderr)
    session.table(
        ("cutoff", "phase", "eligible", "churned", "base rate", "returned", "came back"),
        [
            *(_cutoff(session, one) for one in report.cutoffs),
            (session.t("all"), "", *_cells(report.total)),
        ],
    )
    session.say(
        "returned: eligible users who had left once. came back: of those labelled churned, the "
        "share that is there again within one more horizon."
    )
    if report.variants:
        days = " ".join(f"{cutoff:%Y-%m-%d}" for cutoff in report.compared_at)
        session.say(
            "The rule set otherwise, at the cutoffs {days}; * is the rule as it is. cutoffs: how "
            "many the history leaves to train on.",
            days=days,
        )
        session.table(
            ("parameter", "days", "eligible", "churned", "base rate", "came back", "cutoffs"),
            (_variant(session, one) for one in report.variants),
        )
    for finding in report.findings:
        print(finding.words.pick(session.language), file=sys.stderr)
        print(f"  {finding.advice.pick(session.language)}", file=sys.stderr)


def _cutoff(session: Session, one: CutoffLabels) -> tuple[object, ...]:
    phase = PHASE_WORDS[one.phase].pick(session.language)
    return (f"{one.cutoff:%Y-%m-%d}", phase, *_cells(one.count))


def _variant(session: Session, one: LabelVariant) -> tuple[object, ...]:
    mark = " *" if one.present else ""
    if one.parameter == "usual":
        name, days = "horizon = active_within", one.rule.horizon_days
    else:
        name, days = one.parameter, int(getattr(one.rule, one.parameter))
    if one.count is None:
        return (name, f"{days}{mark}", session.t("not known yet"), "", "", "", one.training_cutoffs)
    eligible, churned, rate, _, came_back = _cells(one.count)
    return (name, f"{days}{mark}", eligible, churned, rate, came_back, one.training_cutoffs)


def _cells(count: LabelCount) -> tuple[str, str, str, str, str]:
    rate = f"{count.base_rate:.1%}" if count.eligible else ""
    returned = "" if count.returned is None else f"{count.returned}"
    share = "" if count.came_back_share is None else f"{count.came_back_share:.1%}"
    return f"{count.eligible}", f"{count.churned}", rate, returned, share

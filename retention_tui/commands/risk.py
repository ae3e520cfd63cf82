"""Risk commands: score, rank, why."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from engine.explain.principal import principal
from engine.types import Explanation, RankPage, RankQuery, ScoringRun
from retention_tui.commands.figures import show_course
from retention_tui.commands.models import AsOf
from retention_tui.commands.session import Session, printable
from retention_tui.words import plan_name

if TYPE_CHECKING:
    from engine.explain.moments import Moments


def score(context: typer.Context, as_of: AsOf = None) -> None:
    """Score the eligible users with the champion."""
    session: Session = context.obj
    run = score_champion(session, as_of)
    if session.as_json:
        session.emit(run)


def score_champion(session: Session, as_of: datetime | None = None) -> ScoringRun:
    """A new scoring run, with a word about it."""
    run = session.workspace.risk.score(as_of)
    session.say(
        "Scored {users} users at {cutoff:%Y-%m-%d}: {value:,.0f} {currency} at risk",
        users=run.users,
        cutoff=run.cutoff,
        value=run.value_at_risk,
        currency=run.currency,
    )
    if run.prior_shift is not None:
        moved = run.prior_shift
        session.say(
            "Base rate {newest:.1%} at {cutoff:%Y-%m-%d}, {calibrated:.1%} when calibrated: "
            "log-odds moved by {shift:+.2f}, the order of users stays",
            newest=moved.newest.rate,
            cutoff=moved.newest.cutoff,
            calibrated=moved.calibrated.rate,
            shift=moved.shift,
        )
    return run


def rank(
    context: typer.Context,
    top: Annotated[int, typer.Option(min=1)] = 20,
    filter_text: Annotated[
        str, typer.Option("--filter", metavar="EXPR", help="risk>0.8 band:high plan:… value>300")
    ] = "",
    sort: Annotated[
        str, typer.Option(metavar="KEY", help="rank, risk, value, name, segment, last_active")
    ] = "rank",
    ascending: Annotated[
        bool | None, typer.Option(help="Default: largest first, for rank and words smallest first")
    ] = None,
) -> None:
    """The at-risk list: by default ordered by value at risk (risk × expected margin)."""
    session: Session = context.obj
    rising = sort not in {"risk", "value", "last_active"} if ascending is None else ascending
    page = session.workspace.risk.page(RankQuery(filter_text, sort, not rising), 0, top)
    if session.as_json:
        session.emit(page)
    else:
        show_page(session, page)


def show_page(session: Session, page: RankPage) -> None:
    """The list with the first reason of each user."""
    session.table(
        ("rank", "user", "name", "risk", "band", "value at risk", "plan", "last active", "reason"),
        (
            (
                row.rank,
                row.user_id,
                row.name,
                f"{row.risk:.3f}",
                session.t(row.band),
                f"{row.value_at_risk:,.0f}",
                row.segment,
                f"{row.last_active_at:%Y-%m-%d}" if row.last_active_at else "",
                row.reason.pick(session.language),
            )
            for row in page.rows
        ),
    )
    session.say(
        "{shown} of {total} users, scored at {cutoff:%Y-%m-%d} by {model_id}",
        shown=len(page.rows),
        total=page.total,
        cutoff=page.cutoff,
        model_id=page.model_id,
    )


MOMENTS_TOLD = 8


def why(
    context: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER")],
    weeks: Annotated[
        bool, typer.Option("--weeks", help="Which events of which weeks the model minds")
    ] = False,
) -> None:
    """Why this user is flagged: reasons, their shares and comparisons."""
    session: Session = context.obj
    detail = session.workspace.users.detail(user)
    scored = detail.explanation is not None
    moments = session.workspace.event_shares.of(user) if weeks and scored else None
    if session.as_json:
        session.emit(
            {
                "user_id": detail.user_id,
                "row": detail.row,
                "explanation": detail.explanation,
                "principal": detail.explanation and principal(detail.explanation),
                "moments": moments,
                "by_day": detail.by_day,
                "unscored": detail.unscored,
                "contacts": detail.contacts,
            }
        )
        return
    if detail.explanation is None or detail.row is None:
        why_not = "" if detail.unscored is None else detail.unscored.pick(session.language)
        session.say("{user} has no risk: {why_not}", user=printable(user), why_not=why_not)
        return
    who = f"{detail.name} ({detail.user_id})" if detail.name else detail.user_id
    print(
        f"{printable(who)}  {session.t('risk')} {detail.row.risk:.3f} {session.t(detail.row.band)}"
    )
    show_course(session, detail.by_day)
    _show_reasons(session, detail.explanation)
    if moments is not None:
        _show_moments(session, moments)


def _show_reasons(session: Session, explanation: Explanation) -> None:
    """What raises the risk, what speaks for staying, and what is left: it adds up."""
    told = principal(explanation)
    print(
        session.t(
            "usual for {segment}: {usual}, this user: {risk}",
            segment=printable(plan_name(explanation.segment)) or session.t("everyone"),
            usual=f"{1 / (1 + math.exp(-explanation.baseline_log_odds)):.2f}",
            risk=f"{explanation.risk:.2f}",
        )
    )
    for title, reasons in (
        (session.t("Raises the risk"), told.raising),
        (session.t("Speaks for staying"), told.staying),
    ):
        if reasons:
            print(f"\n{title}")
        for reason in reasons:
            _line(reason.contribution, reason.share, reason.words.pick(session.language))
    if not told.raising:
        print(session.t("Nothing raises the risk above that of similar users who stayed."))
    count = told.further.count
    if count or told.remainder_shown:
        print()
    if count:
        words = session.tn("{n} further reason", "{n} further reasons, together", count)
        _line(told.further.contribution, told.further.share, words)
    if told.remainder_shown:
        words = session.t("not accounted for by any reason")
        _line(told.remainder, told.remainder_share, words)


def _show_moments(session: Session, moments: Moments) -> None:
    """The events that move the risk most, and the others together."""
    print(f"\n{session.t('Events, by kind and week, as the model reads them')}")
    for moment in moments.moments[:MOMENTS_TOLD]:
        words = printable(moment.words.pick(session.language))
        print(f"{moment.contribution:+6.2f}  {words}")
    others = moments.moments[MOMENTS_TOLD:]
    if others:
        words = session.tn("{n} further kind and week", "{n} further, together", len(others))
        print(f"{sum(one.contribution for one in others):+6.2f}  {words}")
    if not moments.moments:
        print(session.t("No events are known."))


def _line(contribution: float, share: float, words: str) -> None:
    print(f"{contribution:+6.2f} {abs(share):>5.0%}  {printable(words)}")

"""Outreach commands: templates, plan, approve, send, outcomes, effect, export, audit, erase."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import UsageError
from engine.types import Offer, PlanRequest, PlanSummary, RankQuery
from retention_tui.commands.session import Session, printable

templates = typer.Typer(help="The e-mail templates.", no_args_is_help=True)
audit = typer.Typer(help="The audit chain.", no_args_is_help=True)


class Channel(StrEnum):
    """Where a sent message goes."""

    OUTBOX = "outbox"
    SMTP = "smtp"


class Kind(StrEnum):
    """What can be exported."""

    RANKING = "ranking"
    INTERVENTIONS = "interventions"
    REASONS = "reasons"
    EFFECTS = "effects"
    AUDIT = "audit"


class Format(StrEnum):
    """File formats of an export."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"
    XLSX = "xlsx"


@templates.command("list")
def list_templates(context: typer.Context) -> None:
    """Every template with the reasons that it answers."""
    session: Session = context.obj
    found = session.workspace.interventions.templates()
    if session.as_json:
        session.emit(found)
        return
    session.table(
        ("template", "title", "class", "reasons", "languages"),
        (
            (
                one.template_id,
                one.title.pick(session.language),
                session.t(one.message_class),
                " ".join(one.reasons),
                " ".join(one.locales),
            )
            for one in found
        ),
    )


@templates.command("lint")
def lint_templates(context: typer.Context) -> None:
    """Check every template; exit 1 when something is wrong."""
    session: Session = context.obj
    problems = session.workspace.interventions.lint()
    if session.as_json:
        session.emit(problems)
    for problem in problems:
        session.say(
            "{template}/{locale} {part}: {words}",
            template=problem.template_id,
            locale=problem.locale,
            part=problem.part,
            words=problem.words.pick(session.language),
        )
    if problems:
        raise typer.Exit(1)
    session.say("All templates are in order")


@templates.command("preview")
def preview_template(
    context: typer.Context,
    template_id: Annotated[str, typer.Argument(metavar="ID")],
    user: Annotated[str, typer.Option()],
    locale: Annotated[str | None, typer.Option(help="zh or en; default: the user's")] = None,
    percent: Annotated[float, typer.Option(help="Discount, in per cent")] = 0.0,
) -> None:
    """Render a template for a real user; nothing is planned."""
    session: Session = context.obj
    message = session.workspace.interventions.preview(
        template_id, user, locale, Offer(percent=percent)
    )
    if session.as_json:
        session.emit(message)
        return
    print(printable(message.subject), printable(message.preheader), "", sep="\n")
    print("\n".join(printable(line) for line in message.text.splitlines()))


def plan(
    context: typer.Context,
    users: Annotated[str, typer.Option(metavar="ID,ID", help="Only these users")] = "",
    filter_text: Annotated[str, typer.Option("--filter", metavar="EXPR")] = "",
    template: Annotated[str, typer.Option(help="auto: matched to the first reason")] = "auto",
    percent: Annotated[float, typer.Option(help="Discount, in per cent")] = 0.0,
    budget: Annotated[float | None, typer.Option(help="Worst-case offer cost", min=0)] = None,
    holdout: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The first N of the list")] = None,
    campaign: Annotated[str, typer.Option(metavar="NAME")] = "",
    dry_run: Annotated[bool, typer.Option(help="Show the waterfall, write nothing")] = False,
) -> None:
    """Who gets what: draws the holdout, logs every probability, prints the waterfall."""
    session: Session = context.obj
    if not users and not filter_text and limit is None:
        raise UsageError(
            "plan_everyone",
            "This plan would take every scored user",
            next_step="Choose with --users, --filter or --limit",
        )
    request = PlanRequest(
        operator=session.workspace.operator,
        user_ids=tuple(part for part in users.split(",") if part),
        filter=filter_text,
        template_id=template,
        offer=Offer(percent=percent),
        holdout=holdout,
        budget=budget,
        limit=limit,
        campaign=campaign,
        dry_run=dry_run,
    )
    _show_plan(session, session.workspace.interventions.plan(request))


def approve(
    context: typer.Context, plan_id: Annotated[str, typer.Argument(metavar="PLAN")]
) -> None:
    """Approve what a plan will send, exactly as it was rendered."""
    session: Session = context.obj
    _show_plan(
        session, session.workspace.interventions.approve(plan_id, session.workspace.operator)
    )


def send(
    context: typer.Context,
    plan_id: Annotated[str, typer.Argument(metavar="PLAN")],
    to: Annotated[Channel, typer.Option()] = Channel.OUTBOX,
) -> None:
    """Deliver an approved plan; running it twice sends nothing twice."""
    session: Session = context.obj
    workspace = session.workspace
    report = workspace.interventions.send(plan_id, workspace.operator, by_smtp=to is Channel.SMTP)
    session.say(
        "{sent} sent to {outbox}; {already} were already sent, {suppressed} suppressed, "
        "{expired} expired, {unknown} unknown",
        sent=report.sent,
        outbox=report.outbox or session.t("the mail server"),
        already=report.already_sent,
        suppressed=report.suppressed,
        expired=report.expired,
        unknown=report.unknown,
    )
    if report.refused or report.deferred:
        session.say(
            "{refused} refused for good, {deferred} to be tried again by the same command",
            refused=report.refused,
            deferred=report.deferred,
        )
    if report.unknown:
        session.say("Unknown ones may have left: look at the server, then retention resolve ID")
    if session.as_json:
        session.emit(report)


def resolve(
    context: typer.Context,
    intervention_id: Annotated[str, typer.Argument(metavar="INTERVENTION")],
    sent: Annotated[bool, typer.Option("--sent/--not-sent", help="What the server's log says")],
) -> None:
    """Say what became of a message whose sending was cut off; --not-sent releases it again."""
    session: Session = context.obj
    workspace = session.workspace
    workspace.interventions.resolve(intervention_id, workspace.operator, was_sent=sent)
    if sent:
        session.say("{intervention} counts as sent", intervention=intervention_id)
    else:
        session.say("{intervention} goes out with the next send", intervention=intervention_id)


def outcomes(context: typer.Context) -> None:
    """Close the outcome windows that the data cover."""
    session: Session = context.obj
    report = session.workspace.interventions.close_outcomes()
    session.say(
        "{closed} windows closed: {retained} retained, {churned} churned, {censored} censored; "
        "{still_open} still open",
        closed=report.closed,
        retained=report.retained,
        churned=report.churned,
        censored=report.censored,
        still_open=report.still_open,
    )
    if report.words is not None:
        print(report.words.pick(session.language), file=sys.stderr)
    if session.as_json:
        session.emit(report)


def effect(
    context: typer.Context, campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN")]
) -> None:
    """The measured effect of a campaign: as assigned, with interval and verdict."""
    session: Session = context.obj
    found = session.workspace.interventions.effect(campaign)
    if session.as_json:
        session.emit(found)
    else:
        print(found.words.pick(session.language))


def export(
    context: typer.Context,
    kind: Annotated[Kind, typer.Argument()],
    file_format: Annotated[Format, typer.Option("--format")] = Format.CSV,
    out: Annotated[Path | None, typer.Option(metavar="FILE")] = None,
    filter_text: Annotated[str, typer.Option("--filter", metavar="EXPR")] = "",
) -> None:
    """Write a log or a list to a file."""
    session: Session = context.obj
    query = RankQuery(filter_text) if filter_text else None
    report = session.workspace.export(kind.value, file_format.value, out, query=query)
    session.say("{rows} rows written to {path}", rows=report.rows, path=report.path)
    if session.as_json:
        session.emit(report)


@audit.command("verify")
def verify(context: typer.Context) -> None:
    """Check the audit chain; exit 1 when a link is broken."""
    session: Session = context.obj
    problems = session.workspace.interventions.verify_audit()
    if session.as_json:
        session.emit(problems)
    for problem in problems:
        session.say("{problem}", problem=problem)
    if problems:
        raise typer.Exit(1)
    session.say("The audit chain is whole")


def _show_plan(session: Session, summary: PlanSummary) -> None:
    if session.as_json:
        session.emit(summary)
        return
    session.table(
        ("gate", "removed", "remaining"),
        (
            (gate.words.pick(session.language), gate.removed or "", gate.remaining)
            for gate in summary.gates
        ),
    )
    session.say(
        "Plan {plan_id}: {to_send} to send, {held_out} held out, at most {cost:,.2f} {currency}",
        plan_id=summary.plan_id or session.t("(dry run)"),
        to_send=summary.to_send,
        held_out=summary.held_out,
        cost=summary.worst_case_cost,
        currency=summary.currency,
    )
    if summary.status == "pending_approval" and summary.to_send:
        session.say("Next: retention approve {plan_id}", plan_id=summary.plan_id)
    elif summary.status == "approved":
        session.say("Next: retention send {plan_id}", plan_id=summary.plan_id)

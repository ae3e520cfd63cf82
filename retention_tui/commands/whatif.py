"""What would lower a user's risk, and who was similar: `retention whatif` and `similar`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from engine.similar.report import SimilarUser
from engine.whatif.report import Possibility, WhatIfReport
from retention_tui.commands.session import Session

User = Annotated[str, typer.Argument(metavar="USER")]


def whatif(context: typer.Context, user: User) -> None:
    """What would lower this user's risk: events that could be caused, scored by the model."""
    session: Session = context.obj
    report = session.workspace.whatif.of(user)
    if session.as_json:
        session.emit(report)
        return
    print(f"{report.name} ({report.user_id})  {session.t('risk now')} {report.risk:.3f}")
    session.table(
        ("risk", "change", "if this had happened", "measured by campaigns"),
        _possibilities(session, report),
    )
    session.say(report.caveat.pick(session.language))


def _possibilities(session: Session, report: WhatIfReport) -> Iterator[tuple[str, ...]]:
    for one in report.possibilities:
        yield _row(session, one)
    if report.pair is not None:
        yield _row(session, report.pair)


def _row(session: Session, one: Possibility) -> tuple[str, ...]:
    words = one.words.pick(session.language)
    if one.decided:
        words += f" ({session.t('by the churn rule the user would then have stayed')})"
    measured = one.measured.words.pick(session.language) if len(one.codes) == 1 else ""
    return f"{one.risk:.3f}", f"{one.change:+.3f}", words, measured


def similar(context: typer.Context, user: User) -> None:
    """The users of the past most like this one: who stayed, who left, and what was done."""
    session: Session = context.obj
    report = session.workspace.similar.to(user)
    if session.as_json:
        session.emit(report)
        return
    session.table(
        ("what followed", "user", "name", "as of", "likeness", "alike", "unlike", "What we wrote"),
        (_told(session, one) for one in (*report.left, *report.stayed)),
    )
    session.say(
        "Of the {nearest} most similar of {compared} past users, {left} left ({share})",
        nearest=report.nearest,
        compared=f"{report.compared:,}",
        left=report.nearest_left,
        share=f"{report.nearest_left / report.nearest:.0%}" if report.nearest else "-",
    )
    session.say(report.caveat.pick(session.language))


def _told(session: Session, one: SimilarUser) -> tuple[str, ...]:
    language = session.language
    return (
        session.t("churned") if one.left else session.t("retained"),
        one.user_id,
        one.name,
        f"{one.cutoff:%Y-%m-%d}",
        one.closeness.pick(language),
        "; ".join(words.pick(language) for words in one.alike),
        "" if one.unlike is None else one.unlike.pick(language),
        "; ".join(
            f"{contact.decided_at:%Y-%m-%d} {contact.template_id} {session.t(contact.status)}"
            for contact in one.contacts
        ),
    )

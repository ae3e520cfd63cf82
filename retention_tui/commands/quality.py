"""The data-quality command: check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.data.quality.report import QualityReport
from engine.types import Language
from retention_tui.commands.session import Session
from retention_tui.i18n import use_language
from retention_tui.i18n.formats import percent
from retention_tui.words import name


def check(
    context: typer.Context,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write the whole report as one page")
    ] = None,
    strict: Annotated[bool, typer.Option(help="Exit status 1 when the data are unfit")] = False,
) -> None:
    """The data-quality report: a verdict, and what to do about each failing check."""
    session: Session = context.obj
    found = session.workspace.data.check()
    if report is not None:
        chosen: Language = "zh" if session.language == "zh" else "en"
        session.workspace.data.write_report(found, chosen, report)
        session.say("Report written to {path}", path=report)
    if session.as_json:
        session.emit(found)
    else:
        show_quality(session, found)
    if strict and found.verdict == "unfit":
        raise typer.Exit(1)


def show_quality(session: Session, report: QualityReport) -> None:
    """Verdict, checks, tables, quarantine by reason, columns with gaps, groups of features."""
    language = session.language
    use_language(language)
    print(f"{report.words.pick(language)}\n")
    lines = []
    for item in report.worst_first:
        lines.append((name(item.state), item.words.pick(language)))
        if item.state != "fit":
            lines.append(("", f"-> {item.advice.pick(language)}"))
    session.table(("result", "check"), lines)
    print()
    session.table(
        ("table", "read", "rows now", "refused", "noted", "late", "longest gap", "silent at end"),
        (
            (
                table.table,
                *(f"{n:,}" for n in (table.read, table.rows, table.refused, table.noted)),
                *(
                    f"{n:,}" if table.daily else ""
                    for n in (table.late, table.longest_gap_days, table.silent_days)
                ),
            )
            for table in report.tables
        ),
    )
    if report.quarantine:
        print()
        session.table(
            ("table", "rows", "reason code", "meaning"),
            (
                (group.table, f"{group.count:,}", group.reason, group.words.pick(language))
                for group in report.quarantine
            ),
        )
    incomplete = [one for one in report.columns if one.missing or one.constant or one.outliers]
    if incomplete:
        print()
        session.table(
            ("column", "missing", "of all rows", "values", "outliers"),
            (
                (
                    f"{one.table}.{one.column}",
                    f"{one.missing:,}",
                    percent(one.missing_share, 1),
                    session.t("only one") if one.constant else "",
                    f"{one.outliers:,}" if one.outlier_limit is not None else "",
                )
                for one in incomplete
            ),
        )
    if report.features:
        print()
        session.table(
            ("features", "computed", "lacking"),
            (
                (one.words.pick(language), f"{one.computed}/{one.total}", " ".join(one.lacking))
                for one in report.features
            ),
        )

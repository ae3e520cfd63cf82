"""The command that looks at a whole model: insight."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.insight.report import Corner, Curve, Insight, Segment
from engine.types import Interval, Language
from retention_tui.commands.session import Session
from retention_tui.i18n import use_language
from retention_tui.i18n.formats import number, percent, signed
from retention_tui.widgets.cells import fit
from retention_tui.widgets.charts import bar

LABEL_CELLS = 24
SEGMENT_CELLS = 34
VALUE_CELLS = 16
BAR_CELLS = 10


def insight(
    context: typer.Context,
    model_id: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Without one: the model in service")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write everything as one page, drawn")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Measure anew instead of reading what is kept")
    ] = False,
) -> None:
    """What a whole model rests on: importance, curves, joint effects, weak segments."""
    session: Session = context.obj
    models = session.workspace.models
    found = models.insight(model_id, again=again)
    if report is not None:
        chosen: Language = "zh" if session.language == "zh" else "en"
        models.write_insight(found, chosen, report)
        session.say("Report written to {path}", path=report)
    if session.as_json:
        session.emit(found)
    else:
        show_insight(session, found)


def show_insight(session: Session, found: Insight) -> None:
    """The statements, then tables: groups, curves, pairs, segments."""
    use_language(session.language)
    language = session.language
    for words in found.statements:
        print(words.pick(language))
    print()
    session.table(
        ("group of features", "sets apart", "loss when dealt anew", "AUC lost"),
        (
            (
                fit(one.words.pick(language), LABEL_CELLS),
                f"{bar(one.share, BAR_CELLS)} {number(one.contribution, 3)} {percent(one.share)}",
                band(one.log_loss),
                number(one.roc_auc.estimate if one.roc_auc else None, 4),
            )
            for one in found.groups
        ),
    )
    for one in found.curves:
        _show_curve(session, one)
    if found.interactions:
        print()
        names = {one.group: one.words.pick(language) for one in found.groups}
        session.table(
            ("acting together", "H", "p", "both raise", "added up"),
            (
                (
                    f"{names[one.first]} × {names[one.second]}{' !' if one.told else ''}",
                    number(one.strength, 2),
                    number(one.p_value, 3),
                    *_both(one.corners[-1]),
                )
                for one in found.interactions
            ),
        )
    if found.segments:
        print()
        session.table(
            ("segment", "rows", "mean risk", "left", "AUC"),
            (_segment(session, one) for one in found.segments),
        )


def _show_curve(session: Session, one: Curve) -> None:
    print(f"\n{one.words.pick(session.language)}")
    points = (*one.points, *((one.missing,) if one.missing else ()))
    top = max(point.high for point in points) or 1.0
    session.table(
        ("value", "rows", "mean risk", "80% of users"),
        (
            (
                fit(point.words.pick(session.language), VALUE_CELLS),
                percent(point.share),
                f"{bar(point.risk / top, BAR_CELLS)} {percent(point.risk, 1)}",
                f"{percent(point.low, 1)} - {percent(point.high, 1)}",
            )
            for point in points
        ),
    )


def _both(corner: Corner) -> tuple[str, str]:
    return percent(corner.risk, 1), percent(corner.added_up, 1)


def _segment(session: Session, one: Segment) -> tuple[object, ...]:
    order = one.roc_auc
    interval = f" [{number(order.low, 2)}, {number(order.high, 2)}]" if order else ""
    return (
        ("! " if one.weak else "") + fit(one.words.pick(session.language), SEGMENT_CELLS),
        f"{one.rows:,}",
        percent(one.mean_risk, 1),
        percent(one.churn_rate, 1),
        number(order.estimate if order else None, 2) + interval,
    )


def band(value: Interval) -> str:
    """`+0.0036 [+0.0015, +0.0053]`."""
    return f"{signed(value.estimate, 4)} [{signed(value.low, 4)}, {signed(value.high, 4)}]"

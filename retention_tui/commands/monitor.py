"""The command that watches the model in service: monitor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine.monitor.report import Drift, Estimate, Fairness, Group, MonitorReport, Stress
from engine.types import Interval, Language
from retention_tui.commands.session import Session
from retention_tui.i18n import use_language
from retention_tui.i18n.formats import number, percent, signed
from retention_tui.widgets.cells import fit
from retention_tui.words import name, plan_name

SHOWN_COLUMNS = 10
"""Of the drift table; the page and the JSON have all."""
LABEL_CELLS = 36
DISTURBANCE_CELLS = 30
GROUP_CELLS = 20


def monitor(
    context: typer.Context,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write the whole report as one page")
    ] = None,
    fairness: Annotated[bool, typer.Option(help="Figures by group of users")] = False,
    stress: Annotated[bool, typer.Option(help="How far risks move when inputs do")] = False,
    strict: Annotated[
        bool, typer.Option(help="Exit status 1 on strong drift or a group beyond its limit")
    ] = False,
) -> None:
    """Watch the model in service: drift, and what it is worth before labels are known."""
    session: Session = context.obj
    watching = session.workspace.monitor
    found = watching.look(fairness=fairness, stress=stress)
    if report is not None:
        chosen: Language = "zh" if session.language == "zh" else "en"
        watching.write_report(found, chosen, report)
        session.say("Report written to {path}", path=report)
    if session.as_json:
        session.emit(found)
    else:
        show_monitor(session, found)
    if strict and found.alarming:
        raise typer.Exit(1)


def show_monitor(session: Session, found: MonitorReport) -> None:
    """Tables of at most 80 cells: drift, estimate, and what else was asked for."""
    use_language(session.language)
    _show_drift(session, found.drift)
    _show_estimate(session, found.estimate)
    if found.fairness is not None:
        _show_fairness(session, found.fairness)
    if found.stress is not None:
        _show_stress(session, found.stress)


def _show_drift(session: Session, drift: Drift) -> None:
    language = session.language
    print(f"{drift.words.pick(language)}\n")
    shown = drift.columns[:SHOWN_COLUMNS]
    session.table(
        ("feature", "PSI", "limit", "weight", "shifted"),
        (
            (
                fit(one.label.pick(language), LABEL_CELLS),
                number(one.psi, 3),
                number(one.psi_limit, 3),
                "" if one is drift.risk else percent(one.importance, 1),
                session.t("beyond the past") if one.shifted else "",
            )
            for one in (*((drift.risk,) if drift.risk else ()), *shown)
        ),
    )


def _show_estimate(session: Session, estimate: Estimate) -> None:
    print()
    session.table(
        ("expected before labels", "value", "interval of 95%"),
        (
            (name(one.metric), number(one.value.estimate, 3), _range(one.value))
            for one in estimate.figures
        ),
    )
    if estimate.checked:
        print()
        metrics = list(dict.fromkeys(one.metric for one in estimate.checked))
        cutoffs = list(dict.fromkeys(one.cutoff for one in estimate.checked))
        found = {(one.metric, one.cutoff): one for one in estimate.checked}
        session.table(
            ("cutoff", "figure", "expected", "came true"),
            (
                (
                    f"{cutoff:%Y-%m-%d}",
                    name(metric),
                    number(found[metric, cutoff].expected, 3),
                    number(found[metric, cutoff].came_true, 3),
                )
                for cutoff in cutoffs
                for metric in metrics
            ),
        )
    print(f"\n{estimate.assumption.pick(session.language)}")


def _show_fairness(session: Session, fairness: Fairness) -> None:
    print(f"\n{fairness.words.pick(session.language)}\n")
    session.table(
        ("group", "users", "contacted", "found", "against the rest", "risk - rate"),
        _group_rows(fairness.groups),
    )
    discounts = [
        (_group_name(group), number(one.group.estimate, 2), number(one.others, 2),
         f"{signed(one.difference.estimate)} [{signed(one.difference.low)}, "
         f"{signed(one.difference.high)}]")
        for group in fairness.groups
        for one in group.figures
        if one.figure == "discount_value"
    ]  # fmt: skip
    if discounts:
        print()
        session.table(("group", "discount a user", "others", "difference"), discounts)


def _group_rows(groups: Sequence[Group]) -> Iterator[Sequence[object]]:
    for group in groups:
        figures = {one.figure: one for one in group.figures}
        contact, found, gap = (
            figures.get(key) for key in ("contact_rate", "true_positive_rate", "calibration_gap")
        )
        yield (
            _group_name(group),
            f"{group.users:,}",
            percent(contact.group.estimate, 1) if contact else "",
            percent(found.group.estimate, 1) if found else "",
            _points(found.difference) + ("" if group.within_limit else " !") if found else "",
            signed(gap.group.estimate, 3) if gap else "",
        )


def _group_name(group: Group) -> str:
    value = plan_name(group.value) if group.attribute == "plan" else group.value
    return fit(f"{name(group.attribute)} {value}", GROUP_CELLS)


def _show_stress(session: Session, stress: Stress) -> None:
    language = session.language
    print()
    session.table(
        ("disturbance", "model", "tau", "top kept", "change"),
        (
            (
                fit(one.words.pick(language), DISTURBANCE_CELLS),
                name(one.model),
                number(one.kendall_tau, 3),
                percent(one.top_decile_kept),
                number(one.mean_change, 3),
            )
            for one in stress.disturbances
        ),
    )
    if stress.gamed is not None:
        gamed = stress.gamed
        print(f"\n{gamed.words.pick(language)}")
        session.table(
            ("users", "risk before", "risk after", "left the list"),
            [(gamed.users, number(gamed.risk_before, 3), number(gamed.risk_after, 3),
              percent(gamed.left_the_list))],
        )  # fmt: skip
    if stress.tenures:
        print()
        session.table(
            ("tenure", "rows", "churned", "ROC-AUC", "ECE"),
            (
                (name(one.tenure), f"{one.users:,}", f"{one.churned:,}", number(one.roc_auc, 3),
                 number(one.ece, 3))
                for one in stress.tenures
            ),
        )  # fmt: skip
    if stress.base_rates:
        print()
        session.table(
            ("churn rate", "mean risk", "ECE", "ECE once moved"),
            (
                (percent(one.churn_rate, 1), percent(one.mean_risk, 1), number(one.ece, 3),
                 number(one.ece_moved, 3))
                for one in stress.base_rates
            ),
        )  # fmt: skip


def _range(interval: Interval) -> str:
    return f"{number(interval.low, 3)} - {number(interval.high, 3)}"


def _points(interval: Interval) -> str:
    """A difference of shares in percentage points: `+1.1 [-4.1, +6.2]`."""
    estimate, low, high = (
        signed(100 * value, 1) for value in (interval.estimate, interval.low, interval.high)
    )
    return f"{estimate} [{low}, {high}]"

"""Close outcome windows from behaviour data: retained or churned, for every arm alike.

An outcome is set once, when the data reach past the end of its window and of the grace that the
churn rule gives. Opened and clicked are no outcomes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from importlib import resources
from pathlib import Path

from engine.data.summary import churn_rule
from engine.features.labels import given_cutoffs, stayed
from engine.outreach import audit
from engine.outreach.context import business
from engine.outreach.rows import insert_rows
from engine.store.lease import lease
from engine.timeline import ChurnRule
from engine.types import OutcomeReport, Words


def close_outcomes(
    ledger: Path, behaviour: Path, *, operator: str, now: datetime, as_of: datetime | None = None
) -> OutcomeReport:
    """Set the outcome of every intervention whose window the data cover.

    `as_of` (default: the end of the data) bounds what may be looked at. A user who is no longer
    in the data is `censored`. A given label closes the windows that its date covers; labels without
    a date close none, and the report says so.
    """
    with lease(behaviour) as connection:
        where, rule = business(connection), churn_rule(connection)
    reach = min(as_of or where.as_of, where.as_of)
    with lease(ledger) as connection:
        pending = connection.execute(
            "SELECT i.intervention_id, i.user_id, i.window_start, i.window_end "
            "FROM intervention AS i LEFT JOIN outcome AS o USING (intervention_id) "
            "WHERE o.intervention_id IS NULL ORDER BY i.intervention_id"
        ).fetchall()
    due = [row for row in pending if row[3] + rule.grace <= reach]
    given = rule.kind == "label"
    found = _given(behaviour, due, reach) if given else _read(behaviour, rule, due, reach)
    outcomes = [
        {
            "intervention_id": intervention_id,
            "outcome": outcome,
            "decided_by": rule.kind,
            "closed_at": now,
            "as_of": reach,
        }
        for intervention_id, outcome in found
    ]
    counts = Counter(str(row["outcome"]) for row in outcomes)
    if outcomes:
        with lease(ledger, write=True) as connection:
            insert_rows(connection, "outcome", outcomes)
            audit.append(
                connection,
                operator=operator,
                action="outcomes",
                subject=rule.kind,
                detail={"as_of": reach, **counts},
                now=now,
            )
    return OutcomeReport(
        closed=len(outcomes),
        retained=counts["retained"],
        churned=counts["churned"],
        censored=counts["censored"],
        still_open=len(pending) - len(outcomes),
        as_of=reach,
        words=_UNDATED if given and pending and not _dated(behaviour) else None,
    )


_UNDATED = Words(
    "标签没有日期，无法判断触达之后的去留，观察窗口保持未结算；请在映射中给出 outcomes.as_of。",
    "The labels carry no date, so they cannot say who stayed after a contact: the windows stay "
    "open. Map outcomes.as_of.",
)


def _dated(behaviour: Path) -> bool:
    with lease(behaviour) as connection:
        return bool(given_cutoffs(connection))


def _given(behaviour: Path, due: Due, reach: datetime) -> list[tuple[str, str]]:
    """Intervention and outcome by the labels of the first date that covers the window."""
    sql = (resources.files("engine.outreach") / "sql" / "given_labels.sql").read_text("utf-8")
    with lease(behaviour) as connection:
        rows = connection.execute(
            sql,
            {
                "ids": [row[0] for row in due],
                "user_ids": [row[1] for row in due],
                "ends": [row[3] for row in due],
                "as_of": reach,
            },
        ).fetchall()
    meaning = {0: "retained", 1: "churned", None: "censored"}
    return [(intervention_id, meaning[label]) for intervention_id, label in rows]


Due = Sequence[tuple[str, str, datetime, datetime]]
"""Intervention, user, start and end of the window."""


def _read(behaviour: Path, rule: ChurnRule, due: Due, reach: datetime) -> list[tuple[str, str]]:
    """Intervention and outcome, by the same statement that labels rows for training."""
    if not due:
        return []
    windows: dict[tuple[datetime, datetime], list[tuple[str, str]]] = {}
    for intervention_id, user_id, start, end in due:
        windows.setdefault((start, end), []).append((intervention_id, user_id))
    outcomes = []
    with lease(behaviour) as connection:
        known = {row[0] for row in connection.execute("SELECT user_id FROM users").fetchall()}
        for (start, end), rows in windows.items():
            asked = replace(rule, horizon_days=(end - start).days)
            user_ids = [user_id for _, user_id in rows]
            staying = stayed(connection, asked, start - rule.lead, user_ids, told_before=reach)
            for intervention_id, user_id in rows:
                outcome = "retained" if user_id in staying else "churned"
                outcomes.append((intervention_id, outcome if user_id in known else "censored"))
    return sorted(outcomes)

"""Close outcome windows from behaviour data: retained or churned, for every arm alike.

An outcome is set once, when the data reach past the end of its window (late rows are given the
days of grace that the churn rule names). Opened and clicked are no outcomes.
"""

from __future__ import annotations

import functools
from collections import Counter
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

from engine.data.summary import churn_rule
from engine.outreach import audit
from engine.outreach.context import business
from engine.outreach.rows import insert_rows
from engine.store.lease import lease
from engine.types import OutcomeReport


def close_outcomes(
    ledger: Path, behaviour: Path, *, operator: str, now: datetime, as_of: datetime | None = None
) -> OutcomeReport:
    """Set the outcome of every intervention whose window the data cover.

    `as_of` (default: the end of the data) bounds what may be looked at. A user who is no longer
    in the data is `censored`. A given label has no activity to look for: its rows stay open until
    the label table speaks of a later time.
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
    grace = timedelta(days=rule.grace_days)
    due = [row for row in pending if row[3] + grace <= reach and rule.kind != "label"]
    found: list[tuple[str, bool, bool]] = []
    if due:
        with lease(behaviour) as connection:
            found = connection.execute(
                _sql(),
                {
                    "ids": [row[0] for row in due],
                    "user_ids": [row[1] for row in due],
                    "starts": [row[2] for row in due],
                    "ends": [row[3] for row in due],
                    "kind": rule.kind,
                    "as_of": reach,
                },
            ).fetchall()
    outcomes = [
        {
            "intervention_id": intervention_id,
            "outcome": "censored" if not known else "retained" if active else "churned",
            "decided_by": rule.kind,
            "closed_at": now,
            "as_of": reach,
        }
        for intervention_id, known, active in found
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
    )


@functools.cache
def _sql() -> str:
    return (resources.files("engine.outreach") / "sql" / "activity.sql").read_text("utf-8")

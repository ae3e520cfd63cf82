"""Plans as they stand: read, approve, cancel. An approval is bound to the rendered texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import StateError, UsageError
from engine.outreach import audit
from engine.outreach.interventions import Step, record
from engine.outreach.rows import insert_rows
from engine.store.lease import lease
from engine.types import GateCount, PlanSummary, Words

if TYPE_CHECKING:
    import duckdb

_SELECT = """
    SELECT p.plan_id, p.campaign_id, c.name, p.created_at, p.operator, s.status, p.gates,
           p.to_send, p.held_out, p.worst_case_cost, p.currency
    FROM plan AS p
    JOIN campaign AS c USING (campaign_id)
    JOIN plan_status AS s USING (plan_id)
"""


def plans(ledger: Path) -> tuple[PlanSummary, ...]:
    """All plans, newest first."""
    with lease(ledger) as connection:
        rows = connection.execute(
            _SELECT + " ORDER BY p.created_at DESC, p.plan_id DESC"
        ).fetchall()
    return tuple(_summary(row) for row in rows)


def plan_of(connection: duckdb.DuckDBPyConnection, plan_id: str) -> PlanSummary:
    """One plan; raises `UsageError` when there is none of that id."""
    row = connection.execute(_SELECT + " WHERE p.plan_id = ?", [plan_id]).fetchone()
    if row is None:
        raise UsageError(
            "unknown_plan",
            f"There is no plan {plan_id!r}",
            next_step="`retention plan` makes one and prints its id",
        )
    return _summary(row)


def approve(ledger: Path, plan_id: str, *, operator: str, now: datetime) -> PlanSummary:
    """Release the messages of a plan, exactly as they were rendered for it."""
    with lease(ledger, write=True) as connection:
        present = plan_of(connection, plan_id)
        _expect(present, ("pending_approval",), "approved")
        pending = _rows_in(connection, plan_id, ("pending_approval",))
        steps = [Step(intervention_id, "approved") for intervention_id in pending]
        record(connection, steps, operator=operator, now=now)
        plan_event(connection, plan_id, "approved", operator=operator, now=now)
        audit.append(
            connection,
            operator=operator,
            action="approve",
            subject=plan_id,
            detail={"messages": len(steps)},
            now=now,
        )
        return plan_of(connection, plan_id)


def cancel(ledger: Path, plan_id: str, *, operator: str, now: datetime) -> PlanSummary:
    """Take back what has not been sent."""
    with lease(ledger, write=True) as connection:
        present = plan_of(connection, plan_id)
        _expect(present, ("pending_approval", "approved"), "cancelled")
        open_rows = _rows_in(connection, plan_id, ("pending_approval", "approved"))
        steps = [Step(intervention_id, "cancelled") for intervention_id in open_rows]
        record(connection, steps, operator=operator, now=now)
        plan_event(connection, plan_id, "cancelled", operator=operator, now=now)
        audit.append(
            connection,
            operator=operator,
            action="cancel",
            subject=plan_id,
            detail={"messages": len(steps)},
            now=now,
        )
        return plan_of(connection, plan_id)


def resolve(
    ledger: Path, intervention_id: str, *, was_sent: bool, operator: str, now: datetime
) -> None:
    """Say what became of a message whose sending was cut off: only a person can know.

    `was_sent` False releases it again for the next `send`.
    """
    with lease(ledger, write=True) as connection:
        row = connection.execute(
            "SELECT status FROM intervention_status WHERE intervention_id = ?",
            [intervention_id],
        ).fetchone()
        if row is None or row[0] != "unknown":
            raise StateError(
                "not_unknown",
                f"Intervention {intervention_id} is {row[0] if row else 'not in the ledger'}",
                why="Only one that is unknown can be resolved",
                next_step="Look at it with `retention export interventions`",
            )
        status = "sent" if was_sent else "approved"
        step = Step(intervention_id, status, f"resolved by {operator}")
        record(connection, [step], operator=operator, now=now)
        if not was_sent:
            plan_id = str(
                connection.execute(
                    "SELECT plan_id FROM intervention WHERE intervention_id = ?", [intervention_id]
                ).fetchall()[0][0]
            )
            if plan_of(connection, plan_id).status == "sent":
                plan_event(connection, plan_id, "approved", operator=operator, now=now)
        audit.append(
            connection,
            operator=operator,
            action="resolve",
            subject=intervention_id,
            detail={"was_sent": was_sent},
            now=now,
        )


def plan_event(
    connection: duckdb.DuckDBPyConnection,
    plan_id: str,
    status: str,
    *,
    operator: str,
    now: datetime,
    reason: str = "",
) -> None:
    """Append the plan's next status inside the caller's write lease."""
    row = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM plan_event WHERE plan_id = ?", [plan_id]
    ).fetchone()
    insert_rows(
        connection,
        "plan_event",
        [
            {
                "plan_id": plan_id,
                "seq": int(row[0] if row else 0) + 1,
                "status": status,
                "reason": reason,
                "operator": operator,
                "happened_at": now,
            }
        ],
    )


def _rows_in(
    connection: duckdb.DuckDBPyConnection, plan_id: str, statuses: Sequence[str]
) -> list[str]:
    rows = connection.execute(
        "SELECT i.intervention_id FROM intervention AS i "
        "JOIN intervention_status AS s USING (intervention_id) "
        "WHERE i.plan_id = ? AND s.status IN (SELECT unnest(?::VARCHAR[])) ORDER BY i.position",
        [plan_id, list(statuses)],
    ).fetchall()
    return [str(row[0]) for row in rows]


def _expect(present: PlanSummary, allowed: Sequence[str], wanted: str) -> None:
    if present.status not in allowed:
        raise StateError(
            "plan_state",
            f"Plan {present.plan_id} is {present.status} and cannot be {wanted}",
            why=f"It would have to be {' or '.join(allowed)}",
            next_step="Make a new plan",
        )


def _summary(row: tuple[Any, ...]) -> PlanSummary:
    gates = tuple(
        GateCount(gate["gate"], Words(**gate["words"]), gate["removed"], gate["remaining"])
        for gate in json.loads(str(row[6]))
    )
    return PlanSummary(
        plan_id=str(row[0]),
        campaign_id=str(row[1]),
        campaign=str(row[2]),
        created_at=row[3],
        operator=str(row[4]),
        status=row[5],
        gates=gates,
        to_send=row[7],
        held_out=row[8],
        worst_case_cost=row[9],
        currency=str(row[10]),
    )

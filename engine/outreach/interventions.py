"""The life of an intervention: which delivery status may follow which, in one table.

Status is the delivery axis only. What the user does afterwards (outcome) is a fact of its own and
never replaces it. A row is never updated: each step appends a `delivery_event`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from engine.errors import StateError
from engine.outreach.rows import insert_rows

if TYPE_CHECKING:
    import duckdb

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "": frozenset({"pending_approval", "held_out", "suppressed", "capped"}),
    "pending_approval": frozenset({"approved", "cancelled", "expired"}),
    "approved": frozenset(
        {"sending", "suppressed", "capped", "expired", "cancelled", "pending_approval"}
    ),
    "sending": frozenset({"sent", "approved", "failed_permanent", "unknown"}),
    "unknown": frozenset({"sent", "approved", "cancelled"}),
    "sent": frozenset(),
    "held_out": frozenset(),
    "suppressed": frozenset(),
    "capped": frozenset(),
    "expired": frozenset(),
    "cancelled": frozenset(),
    "failed_permanent": frozenset(),
}
"""From ("" = not there yet) -> allowed next.

`sending -> approved`: it certainly did not leave. `approved -> pending_approval`: the text changed
after approval. `unknown` is left only by the word of an operator.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One move of one intervention."""

    intervention_id: str
    status: str
    reason: str = ""
    rendered_sha256: str | None = None  # None: as the step before
    message_id: str | None = None


Standing = dict[str, tuple[int, str, str | None]]
"""Intervention id -> newest seq, status and sha256 of the text; absent: not there yet."""


def standing_of(connection: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> Standing:
    """Where the interventions `ids` stand."""
    # Not through the view: a semi join does not sink below its window, which ranks every event.
    events = connection.execute(
        "SELECT intervention_id, seq, status, rendered_sha256 FROM delivery_event "
        "WHERE intervention_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY seq",
        [list(ids)],
    ).fetchall()
    return {str(event[0]): (int(event[1]), str(event[2]), event[3]) for event in events}


def advance(standing: Standing, step: Step, *, operator: str, now: datetime) -> dict[str, object]:
    """The `delivery_event` row of `step`; `standing` moves on with it.

    Raises `StateError` when the step is not allowed from where its intervention stands.
    """
    seq, status, sha256 = standing.get(step.intervention_id, (0, "", None))
    if step.status not in TRANSITIONS[status]:
        raise StateError(
            "transition",
            f"Intervention {step.intervention_id} is {status or 'new'}, not {step.status}",
            why=f"From there it may become {_listed(TRANSITIONS[status])}",
            next_step="Look at it with `retention export interventions`",
        )
    sha256 = step.rendered_sha256 or sha256
    standing[step.intervention_id] = (seq + 1, step.status, sha256)
    return {
        "intervention_id": step.intervention_id,
        "seq": seq + 1,
        "status": step.status,
        "reason": step.reason,
        "happened_at": now,
        "operator": operator,
        "rendered_sha256": sha256,
        "message_id": step.message_id,
    }


def record(
    connection: duckdb.DuckDBPyConnection,
    steps: Sequence[Step],
    *,
    operator: str,
    now: datetime,
) -> None:
    """Append `steps` inside the caller's write lease.

    Raises `StateError` when one of them is not allowed from where its intervention stands; then
    nothing is written.
    """
    standing = standing_of(connection, [step.intervention_id for step in steps])
    rows = [advance(standing, step, operator=operator, now=now) for step in steps]
    insert_rows(connection, "delivery_event", rows)


def _listed(statuses: frozenset[str]) -> str:
    return ", ".join(sorted(statuses)) if statuses else "nothing else"

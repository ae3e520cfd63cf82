"""Send an approved plan, so that a crash at any moment neither doubles nor loses a message.

For each message: the ledger says `sending` (committed), the message is produced, the ledger says
`sent`. After a crash a row stands in `sending`: when the outbox holds its file it was sent, else it
becomes `unknown` and a person decides. Nothing is ever sent again by itself. A mail server may take
seconds for a message: the ledger is free meanwhile.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.errors import RetentionError, StateError, StorageError, UsageError
from engine.outreach import audit
from engine.outreach.context import Facts, facts, restored
from engine.outreach.delivery.faults import Deferred, Refused, Uncertain, Unreachable
from engine.outreach.guardrails import AT_SENDING, Case, History, first_stop, histories
from engine.outreach.interventions import Step, advance, record, standing_of
from engine.outreach.message import Envelope, build, message_id
from engine.outreach.plans import plan_event, plan_of
from engine.outreach.rows import insert_rows
from engine.outreach.templates import TemplateLibrary
from engine.settings import Settings
from engine.store.lease import lease
from engine.types import RenderedMessage, SendReport

if TYPE_CHECKING:
    import duckdb

BATCH = 50
"""Messages per lease: under a second, so that others get their turn at the ledger."""

CHANGED = "text changed after approval"


LEAST_JUDGED = 20
"""Messages of a call before its share of refused ones says anything."""

MOST_UNCERTAIN = 3
"""In a row: a server that never answers to the end of a message is not asked again."""


class Delivery(Protocol):
    """Where messages go; see `Outbox` and `Relay`."""

    @property
    def slow(self) -> bool:
        """Whether one message may take longer than others may wait for the ledger."""

    def produced(self, intervention_id: str) -> bool:
        """Whether the message is known to have left."""

    def deliver(self, intervention_id: str, raw: bytes) -> None:
        """Let it leave, once."""


@dataclass(frozen=True, slots=True)
class _Row:
    """An approved intervention."""

    intervention_id: str
    user_id: str
    template_id: str
    locale: str
    marketing: bool
    offer: bool
    variables: str
    approved_sha256: str


@dataclass(frozen=True, slots=True)
class _Run:
    """What is the same for every message of one call."""

    library: TemplateLibrary
    settings: Settings
    delivery: Delivery
    operator: str
    now: datetime
    not_after: datetime
    clock: Callable[[], datetime] | None


def send(
    ledger: Path,
    behaviour: Path,
    plan_id: str,
    settings: Settings,
    delivery: Delivery,
    *,
    operator: str,
    now: datetime,
    outbox: Path | None = None,
    library: TemplateLibrary | None = None,
    clock: Callable[[], datetime] | None = None,
) -> SendReport:
    """Deliver what is approved and not yet sent; calling it again sends only what is missing.

    Suppressions, consent, cool-downs and the plan's last day are looked at again. A slow delivery
    may take hours: `clock` then says when each message left, and `now` when the call began. Raises
    `StateError` when the plan is not approved.
    """
    library = library or TemplateLibrary()
    counts: Counter[str] = Counter()
    with lease(ledger, write=True) as connection:
        not_after, already = _begin(connection, plan_id, delivery, counts, operator, now)
        rows = _approved(connection, plan_id)
    run = _Run(library, settings, delivery, operator, now, not_after, clock)
    _, people = facts(behaviour, [row.user_id for row in rows]) if rows else (None, {})
    deliver = _one_by_one if delivery.slow else _in_batches
    deliver(ledger, rows, people, run, counts)
    with lease(ledger, write=True) as connection:
        unknown = _finish(connection, plan_id, counts, operator, now)
    return SendReport(
        plan_id=plan_id,
        sent=counts["sent"],
        already_sent=already,
        suppressed=counts["suppressed"] + counts["capped"],
        expired=counts["expired"],
        unknown=unknown,
        outbox=outbox,
        changed=counts["pending_approval"],
        refused=counts["failed_permanent"],
        deferred=counts["approved"],
    )


def _in_batches(
    ledger: Path,
    rows: Sequence[_Row],
    people: Mapping[str, Facts],
    run: _Run,
    counts: Counter[str],
) -> None:
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        with lease(ledger, write=True) as connection:
            past = histories(connection, [row.user_id for row in batch])
            desk = _Desk(connection, [row.intervention_id for row in batch], run)
            try:
                for row in batch:
                    person, history = people.get(row.user_id), past.get(row.user_id, History())
                    ready = _prepared(desk, row, person, history, run)
                    if isinstance(ready, str):
                        counts[ready] += 1
                        continue
                    step, fault = _delivered(ready, run)
                    counts[desk.say(step)] += 1
                    if fault is not None:
                        raise fault
            finally:
                # A lease rolls back when it is left by an error: what happened must stay said.
                desk.commit()


def _one_by_one(
    ledger: Path,
    rows: Sequence[_Row],
    people: Mapping[str, Facts],
    run: _Run,
    counts: Counter[str],
) -> None:
    """Between two leases one message is handed over; what became of it is said in the second."""
    uncertain = 0
    for row in rows:
        run = run if run.clock is None else replace(run, now=run.clock())
        with lease(ledger, write=True) as connection:
            history = histories(connection, [row.user_id]).get(row.user_id, History())
            desk = _Desk(connection, [row.intervention_id], run)
            ready = _prepared(desk, row, people.get(row.user_id), history, run)
            desk.commit()
        if isinstance(ready, str):
            counts[ready] += 1
            continue
        step, fault = _delivered(ready, run)
        with lease(ledger, write=True) as connection:
            record(connection, [step], operator=run.operator, now=run.now)
        counts[step.status] += 1
        uncertain = uncertain + 1 if step.status == "unknown" else 0
        if fault is not None:
            raise fault
        _stop_when_bad(counts, uncertain, run)


def _stop_when_bad(counts: Counter[str], uncertain: int, run: _Run) -> None:
    """Raise `StateError` when going on would harm the sender's name or the log."""
    tried = counts["sent"] + counts["failed_permanent"]
    share = counts["failed_permanent"] / max(1, tried)
    limit = run.settings.smtp.most_rejected_share
    if tried >= LEAST_JUDGED and share > limit:
        raise StateError(
            "refusals",
            f"The mail server refused {counts['failed_permanent']} of {tried} messages",
            why=f"More than {limit:.0%} (smtp.most_rejected_share) harm the sender's reputation",
            next_step="Look at the addresses in the log; the rest of the plan waits",
        )
    if uncertain >= MOST_UNCERTAIN:
        raise StateError(
            "uncertain",
            f"The mail server gave no answer to the last {uncertain} messages",
            why="Each of them may have left; more would only add to them",
            next_step="Look into the server's log, say which were sent, then send the plan again",
        )


def _begin(
    connection: duckdb.DuckDBPyConnection,
    plan_id: str,
    delivery: Delivery,
    counts: Counter[str],
    operator: str,
    now: datetime,
) -> tuple[datetime, int]:
    """Check the plan and settle what an earlier, cut-off call left in `sending`."""
    present = plan_of(connection, plan_id)
    if present.status not in ("approved", "sent"):
        raise StateError(
            "plan_state",
            f"Plan {plan_id} is {present.status} and cannot be sent",
            why="Only an approved plan is sent",
            next_step=f"Look at it, then run `retention approve {plan_id}`",
        )
    not_after, already = connection.execute(
        "SELECT p.not_after, (SELECT count(*) FROM intervention AS i "
        "  JOIN intervention_status AS s USING (intervention_id) "
        "  WHERE i.plan_id = p.plan_id AND s.status = 'sent') "
        "FROM plan AS p WHERE p.plan_id = ?",
        [plan_id],
    ).fetchall()[0]
    cut_off = connection.execute(
        "SELECT i.intervention_id FROM intervention AS i "
        "JOIN intervention_status AS s USING (intervention_id) "
        "WHERE i.plan_id = ? AND s.status = 'sending' ORDER BY i.position",
        [plan_id],
    ).fetchall()
    steps = []
    for (intervention_id,) in cut_off:
        if delivery.produced(intervention_id):
            steps.append(Step(intervention_id, "sent", "found in the outbox after an interruption"))
        else:
            steps.append(Step(intervention_id, "unknown", "interrupted while sending"))
        counts[steps[-1].status] += 1
    record(connection, steps, operator=operator, now=now)
    return not_after, int(already)


class _Desk:
    """The steps of one batch, on their way to the ledger."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, ids: Sequence[str], run: _Run
    ) -> None:
        self._connection = connection
        self._standing = standing_of(connection, ids)
        self._run = run
        self._rows: list[dict[str, object]] = []

    def say(self, step: Step) -> str:
        """Note a step; returns its status."""
        run = self._run
        self._rows.append(advance(self._standing, step, operator=run.operator, now=run.now))
        return step.status

    def commit(self) -> None:
        """Make all that was said so far durable."""
        insert_rows(self._connection, "delivery_event", self._rows)
        self._rows.clear()
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN")


@dataclass(frozen=True, slots=True)
class _Ready:
    """A message that the ledger calls `sending`."""

    row: _Row
    raw: bytes
    message_id: str


def _prepared(
    desk: _Desk, row: _Row, person: Facts | None, history: History, run: _Run
) -> _Ready | str:
    """Make one message ready, or stop it; returns the status that it reached then."""

    def step(status: str, reason: str = "", sha256: str | None = None, mail: str = "") -> str:
        return desk.say(Step(row.intervention_id, status, reason, sha256, mail or None))

    if run.now > run.not_after:
        return step("expired", f"after {run.not_after:%Y-%m-%d %H:%M} UTC")
    case = Case(person, history, row.marketing, row.offer, True, run.settings.outreach, run.now)
    gate = first_stop(AT_SENDING, case)
    if gate is not None or person is None:
        code = gate.code if gate else "unknown_user"
        return step(gate.status if gate else "suppressed", code)
    rendered = _render(row, person, run)
    if rendered.sha256 != row.approved_sha256:
        return step("pending_approval", CHANGED, rendered.sha256)
    envelope = Envelope(row.intervention_id, person.name, person.email or "", row.marketing)
    raw = build(rendered, envelope, run.settings, now=run.now)
    mail = message_id(row.intervention_id, run.settings)
    step("sending", mail=mail)
    # Said before it is done: after a crash in between, this row cannot be taken for unsent.
    desk.commit()
    return _Ready(row, raw, mail)


def _delivered(ready: _Ready, run: _Run) -> tuple[Step, RetentionError | None]:
    """Let one message leave; what became of it, and the fault that ends the call."""
    name, mail = ready.row.intervention_id, ready.message_id
    try:
        run.delivery.deliver(name, ready.raw)
    except Refused as error:
        return Step(name, "failed_permanent", error.what, message_id=mail), None
    except Deferred as error:
        return Step(name, "approved", error.what), None
    except Uncertain as error:
        return Step(name, "unknown", error.what, message_id=mail), None
    except (StorageError, Unreachable, UsageError) as error:
        if run.delivery.produced(name):
            return Step(name, "sent", message_id=mail), error
        # It certainly did not leave, so the next call may try it again.
        return Step(name, "approved", error.what), error
    return Step(name, "sent", message_id=mail), None


def _render(row: _Row, person: Facts, run: _Run) -> RenderedMessage:
    values = restored(json.loads(row.variables), person.name)
    return run.library.render(row.template_id, row.locale, values)


def _approved(connection: duckdb.DuckDBPyConnection, plan_id: str) -> Sequence[_Row]:
    rows = connection.execute(
        "SELECT i.intervention_id, i.user_id, i.template_id, i.locale, "
        "       i.message_class = 'marketing', i.offer_percent > 0, i.variables, s.rendered_sha256 "
        "FROM intervention AS i JOIN intervention_status AS s USING (intervention_id) "
        "WHERE i.plan_id = ? AND s.status = 'approved' ORDER BY i.position",
        [plan_id],
    ).fetchall()
    return [_Row(*row) for row in rows]


def _finish(
    connection: duckdb.DuckDBPyConnection,
    plan_id: str,
    counts: Counter[str],
    operator: str,
    now: datetime,
) -> int:
    """Close the call; returns how many messages of the plan wait for a person's word."""
    present = plan_of(connection, plan_id)
    if counts["pending_approval"]:
        plan_event(
            connection, plan_id, "pending_approval", operator=operator, now=now, reason=CHANGED
        )
    elif present.status != "sent":
        plan_event(connection, plan_id, "sent", operator=operator, now=now)
    if counts or present.status != "sent":
        audit.append(
            connection,
            operator=operator,
            action="send",
            subject=plan_id,
            detail=dict(sorted(counts.items())),
            now=now,
        )
    row = connection.execute(
        "SELECT count(*) FROM intervention AS i JOIN intervention_status AS s "
        "USING (intervention_id) WHERE i.plan_id = ? AND s.status = 'unknown'",
        [plan_id],
    ).fetchone()
    return int(row[0]) if row else 0

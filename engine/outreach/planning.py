"""From a ranked list to a plan: who gets what, who is left alone and why, before anything is sent.

Every candidate becomes one row: treated, held out, or stopped by a gate, each with the probability
of its arm and with the facts of the decision. Without those who were not written to, no effect
could be measured and no model retrained honestly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.data.summary import churn_rule
from engine.errors import UsageError
from engine.outreach import audit
from engine.outreach.context import facts, presentable
from engine.outreach.decision import Candidate, Decision, decide
from engine.outreach.guardrails import histories
from engine.outreach.interventions import Step, record
from engine.outreach.match import read_table
from engine.outreach.preflight import Waterfall, after_draw, draw, eligible
from engine.outreach.rows import insert_rows, new_id
from engine.outreach.templates import TemplateLibrary
from engine.settings import Settings
from engine.store.lease import lease
from engine.timeline import ChurnRule
from engine.types import PlanRequest, PlanSummary

if TYPE_CHECKING:
    import duckdb

__all__ = ["Candidate", "outcome_window", "plan"]


def plan(
    ledger: Path,
    behaviour: Path,
    request: PlanRequest,
    candidates: Sequence[Candidate],
    settings: Settings,
    *,
    now: datetime,
    rng: np.random.Generator,
    library: TemplateLibrary | None = None,
) -> PlanSummary:
    """Decide for every candidate and keep the decisions, ready for approval.

    With `request.dry_run` the same is computed and nothing is kept. Raises `UsageError` for a
    request that cannot be met (an offer above the limit, a discount without an offer).
    """
    library = library or TemplateLibrary()
    _check(request, settings, library)
    chosen = _distinct(candidates)[: request.limit]
    user_ids = [candidate.user_id for candidate in chosen]
    where, people = facts(behaviour, user_ids)
    with lease(behaviour) as connection:
        rule = churn_rule(connection)
    with lease(ledger) as connection:
        past = histories(connection, user_ids)
        campaign_id, name, members = _campaign(connection, request, now, rng)
    waterfall = Waterfall(len(chosen))
    fresh = [candidate for candidate in chosen if candidate.user_id not in members]
    waterfall.removed("already_in_campaign", len(chosen) - len(fresh))
    table = read_table(library)
    decisions = [
        decide(
            position,
            candidate,
            people.get(candidate.user_id),
            where,
            request,
            settings,
            library,
            table,
            now=now,
            rng=rng,
        )
        for position, candidate in enumerate(fresh, start=1)
    ]
    standing = eligible(decisions, past, settings, now, waterfall)
    treated = draw(standing, campaign_id, request, settings, waterfall)
    after_draw(treated, past, settings, request.budget, now, waterfall)
    sending = [decision for decision in treated if not decision.reason]
    for decision in sending:
        decision.rendered = library.render(decision.template_id, decision.locale, decision.values)
    summary = PlanSummary(
        plan_id=new_id(now, rng),
        campaign_id=campaign_id,
        campaign=name,
        created_at=now,
        operator=request.operator,
        status="dry_run" if request.dry_run else "pending_approval",
        gates=waterfall.finish(len(sending)),
        to_send=len(sending),
        held_out=sum(decision.status == "held_out" for decision in decisions),
        worst_case_cost=round(sum(decision.cost for decision in sending), 2),
        currency=where.currency,
    )
    if not request.dry_run:
        context = _Context(request, settings, rule, library, len(standing), now)
        with lease(ledger, write=True) as connection:
            _keep(connection, summary, decisions, context)
    return summary


def outcome_window(
    rule: ChurnRule, settings: Settings, decided_at: datetime
) -> tuple[datetime, datetime]:
    """When the outcome of a decision is read: the label window of the churn rule from then on.

    Both arms start at the decision, not at the sending. A given label has no window of its own:
    `outreach.outcome_days` is taken.
    """
    if rule.kind == "label":
        return decided_at, decided_at + timedelta(days=settings.outreach.outcome_days)
    return rule.window(decided_at)


def _check(request: PlanRequest, settings: Settings, library: TemplateLibrary) -> None:
    limit = settings.outreach.max_percent
    if not 0 <= request.offer.percent <= limit:
        raise UsageError(
            "offer_limit",
            f"An offer of {request.offer.percent:g} % is outside 0 to {limit:g} %",
            why="The limit is outreach.max_percent in retention.toml",
            next_step="Give a smaller offer, or raise the limit",
        )
    if request.holdout is not None and not 0 <= request.holdout < 1:
        raise UsageError(
            "holdout_share",
            f"A holdout of {request.holdout:g} is no share",
            why="It lies between 0 and 1, for instance 0.1",
            next_step="Give another share",
        )
    if request.template_id != "auto":
        meta = library.get(request.template_id).meta
        if meta.offer and not request.offer.given:
            raise UsageError(
                "offer_missing",
                f"The template {meta.id!r} promises a discount and no offer was given",
                next_step="Give a percentage, for instance --offer 15",
            )
    if not (settings.outreach.unsubscribe_url or settings.outreach.unsubscribe_mailto):
        raise UsageError(
            "unsubscribe",
            "Marketing mail needs a way to unsubscribe",
            next_step="Set outreach.unsubscribe_url or outreach.unsubscribe_mailto",
        )


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    return list({candidate.user_id: candidate for candidate in reversed(candidates)}.values())[::-1]


def _campaign(
    connection: duckdb.DuckDBPyConnection,
    request: PlanRequest,
    now: datetime,
    rng: np.random.Generator,
) -> tuple[str, str, frozenset[str]]:
    """Id, name and present members: a named campaign goes on, an unnamed one is new."""
    if request.campaign:
        row = connection.execute(
            "SELECT campaign_id FROM campaign WHERE name = ?", [request.campaign]
        ).fetchone()
        if row is not None:
            members = connection.execute(
                "SELECT user_id FROM intervention WHERE campaign_id = ?", [row[0]]
            ).fetchall()
            return str(row[0]), request.campaign, frozenset(str(member[0]) for member in members)
        return new_id(now, rng), request.campaign, frozenset()
    base = f"{now:%Y-%m-%d} {request.template_id}"
    taken = {
        str(row[0])
        for row in connection.execute(
            "SELECT name FROM campaign WHERE starts_with(name, ?)", [base]
        ).fetchall()
    }
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base} ({number})"
    return new_id(now, rng), name, frozenset()


@dataclass(frozen=True, slots=True)
class _Context:
    """What is the same for every row of a plan."""

    request: PlanRequest
    settings: Settings
    rule: ChurnRule
    library: TemplateLibrary
    eligible: int
    now: datetime


def _keep(
    connection: duckdb.DuckDBPyConnection,
    summary: PlanSummary,
    decisions: Sequence[Decision],
    context: _Context,
) -> None:
    request, now = context.request, context.now
    insert_rows(connection, "campaign", [
        {"campaign_id": summary.campaign_id, "name": summary.campaign, "created_at": now,
         "operator": request.operator, "source": "plan"}
    ])  # fmt: skip
    asked = {key: value for key, value in asdict(request).items() if key != "user_ids"}
    asked["selected"] = summary.gates[0].remaining
    insert_rows(connection, "plan", [
        {"plan_id": summary.plan_id, "campaign_id": summary.campaign_id, "created_at": now,
         "operator": request.operator,
         "not_after": now + timedelta(days=context.settings.outreach.not_after_days),
         "request": json.dumps(asked, ensure_ascii=False),
         "gates": json.dumps([asdict(gate) for gate in summary.gates], ensure_ascii=False),
         "to_send": summary.to_send, "held_out": summary.held_out,
         "worst_case_cost": summary.worst_case_cost, "currency": summary.currency}
    ])  # fmt: skip
    insert_rows(connection, "plan_event", [
        {"plan_id": summary.plan_id, "seq": 1, "status": "pending_approval", "reason": "",
         "operator": request.operator, "happened_at": now}
    ])  # fmt: skip
    insert_rows(
        connection, "intervention", [_row(summary, decision, context) for decision in decisions]
    )
    steps = [
        Step(
            decision.intervention_id,
            decision.status,
            decision.reason,
            decision.rendered.sha256 if decision.rendered else None,
        )
        for decision in decisions
    ]
    record(connection, steps, operator=request.operator, now=now)
    audit.append(
        connection,
        operator=request.operator,
        action="plan",
        subject=summary.plan_id,
        detail={"campaign": summary.campaign, "to_send": summary.to_send,
                "held_out": summary.held_out, "worst_case_cost": summary.worst_case_cost,
                "holdout": request.holdout, "salt": context.settings.outreach.salt},
        now=now,
    )  # fmt: skip


def _row(summary: PlanSummary, decision: Decision, context: _Context) -> dict[str, object]:
    candidate, offer = decision.candidate, decision.offer
    start, end = outcome_window(context.rule, context.settings, context.now)
    rendered = decision.rendered
    return {
        "intervention_id": decision.intervention_id,
        "campaign_id": summary.campaign_id,
        "plan_id": summary.plan_id,
        "user_id": candidate.user_id,
        "step_no": 1,
        "decided_at": context.now,
        "operator": context.request.operator,
        "arm": decision.assignment.arm,
        "propensity": decision.assignment.propensity,
        "p_by_arm": json.dumps(dict(decision.assignment.p_by_arm)),
        "draw": decision.assignment.layer,
        "salt_epoch": context.settings.outreach.salt,
        "position": decision.position,
        "eligible_set_size": context.eligible,
        "action_set": json.dumps(decision.action_set),
        "model_id": candidate.model_id,
        "scoring_run_id": candidate.scoring_run_id,
        "cutoff": candidate.cutoff,
        "risk": candidate.risk,
        "value": candidate.value,
        "reasons": candidate.reasons,
        "reason_groups": json.dumps(candidate.reason_groups),
        "features_sha256": candidate.features_sha256,
        "template_id": decision.template_id,
        "template_version": context.library.get(decision.template_id).version,
        "message_class": "marketing" if decision.marketing else "transactional",
        "locale": decision.locale,
        "channel": "email",
        "variables": json.dumps(presentable(decision.values), ensure_ascii=False),
        "subject_sha256": _sha256(rendered.subject) if rendered else None,
        "rendered_sha256": rendered.sha256 if rendered else None,
        "offer_percent": float(offer.percent),
        "offer_valid_until": decision.values.get("offer_until") if offer.given else None,
        "expected_cost": float(decision.cost),
        "currency": summary.currency,
        "window_start": start,
        "window_end": end,
        "imported_sent_at": None,
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

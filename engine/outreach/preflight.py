"""The way from the selected to those who get a message: gates, draw, cool-downs, budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from engine.effects.assignment import HOLDOUT, Assignment, assign, campaign_layer, holdout_layer
from engine.outreach.decision import Decision
from engine.outreach.guardrails import AFTER_DRAW, ELIGIBILITY, Case, Gate, History, first_stop
from engine.settings import Settings
from engine.types import GateCount, PlanRequest, Words

TREAT = "treat"

FIXED_WORDS: Mapping[str, Words] = {
    "selected": Words("选中", "Selected"),
    "already_in_campaign": Words("已在此活动中", "Already in this campaign"),
    "duplicate_address": Words("邮箱重复", "Duplicate address"),
    "holdout": Words("留作对照", "Held out"),
    "budget": Words("超出预算", "Over budget"),
    "to_send": Words("将发送", "To send"),
}


class Waterfall:
    """The pre-flight count: how many each gate took away, how many are left."""

    def __init__(self, selected: int) -> None:
        self._left = selected
        self._steps = [GateCount("selected", FIXED_WORDS["selected"], 0, selected)]

    def removed(self, code: str, count: int, *, always: bool = False) -> None:
        self._step(code, FIXED_WORDS[code], count, always)

    def stopped(self, gate: Gate, count: int) -> None:
        self._step(gate.code, gate.words, count, False)

    def finish(self, to_send: int) -> tuple[GateCount, ...]:
        return (*self._steps, GateCount("to_send", FIXED_WORDS["to_send"], 0, to_send))

    def _step(self, code: str, words: Words, count: int, always: bool) -> None:
        self._left -= count
        if count or always:
            self._steps.append(GateCount(code, words, count, self._left))


def _case(
    decision: Decision,
    past: Mapping[str, History],
    settings: Settings,
    now: datetime,
) -> Case:
    return Case(
        person=decision.person,
        history=past.get(decision.candidate.user_id, History()),
        marketing=decision.marketing,
        offer=decision.offer.given,
        applicable=decision.applicable,
        settings=settings.outreach,
        now=now,
    )


def eligible(
    decisions: Sequence[Decision],
    past: Mapping[str, History],
    settings: Settings,
    now: datetime,
    waterfall: Waterfall,
) -> list[Decision]:
    """Those who stand before the draw; one per address, the first of the list."""
    passed: list[Decision] = []
    units: set[str] = set()
    stopped: Counter[str] = Counter()
    for decision in decisions:
        gate = first_stop(ELIGIBILITY, _case(decision, past, settings, now))
        if gate is not None:
            decision.status, decision.reason = gate.status, gate.code
            stopped[gate.code] += 1
        elif decision.person is not None and decision.person.unit_id in units:
            decision.status, decision.reason = "suppressed", "duplicate_address"
        else:
            passed.append(decision)
            if decision.person is not None:
                units.add(decision.person.unit_id)
    for gate in ELIGIBILITY:
        waterfall.stopped(gate, stopped[gate.code])
    waterfall.removed("duplicate_address", len(decisions) - stopped.total() - len(passed))
    return passed


def draw(
    standing: Sequence[Decision],
    campaign_id: str,
    request: PlanRequest,
    settings: Settings,
    waterfall: Waterfall,
) -> list[Decision]:
    """Draw the arms: the global holdout first, then what the request asks for beyond it."""
    epoch, base = settings.outreach.salt, settings.outreach.holdout
    share = base if request.holdout is None else request.holdout
    extra = max(0.0, (share - base) / (1 - base)) if base < 1 else 0.0
    treated = []
    for decision in standing:
        if not decision.marketing:
            # A notice about the account goes to everyone whom it concerns.
            decision.assignment = Assignment(TREAT, 1.0, {TREAT: 1.0}, "")
            treated.append(decision)
            continue
        assert decision.person is not None  # the gate unknown_user stands before the draw
        assignment = assign(
            decision.person.unit_id,
            epoch=epoch,
            holdout_share=min(share, base),
            campaign_id=campaign_id,
            arms={TREAT: 1 - extra, HOLDOUT: extra},
        )
        layer = campaign_layer(campaign_id) if extra else holdout_layer(epoch)
        decision.assignment = replace(assignment, layer=layer)
        if assignment.arm == HOLDOUT:
            decision.status, decision.reason = "held_out", "holdout"
        else:
            treated.append(decision)
    waterfall.removed("holdout", len(standing) - len(treated), always=True)
    return treated


def after_draw(
    treated: Sequence[Decision],
    past: Mapping[str, History],
    settings: Settings,
    budget: float | None,
    now: datetime,
    waterfall: Waterfall,
) -> None:
    """Cool-downs, then the budget, best candidates first; a dearer one leaves room for the next."""
    stopped: Counter[str] = Counter()
    spent = 0.0
    for decision in treated:
        gate = first_stop(AFTER_DRAW, _case(decision, past, settings, now))
        if gate is not None:
            decision.status, decision.reason = gate.status, gate.code
        elif budget is not None and spent + decision.cost > budget:
            decision.status, decision.reason = "capped", "budget"
        else:
            spent += decision.cost
        stopped[decision.reason] += 1
    for gate in AFTER_DRAW:
        waterfall.stopped(gate, stopped[gate.code])
    waterfall.removed("budget", stopped["budget"])

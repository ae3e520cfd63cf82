"""What is planned, sent and learnt: templates, plans, the log, outcomes, effects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from engine.types.intervals import Interval
from engine.types.words import Words


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    template_id: str
    version: str  # sha256 of all its files, first 12 hex digits
    locales: tuple[str, ...]
    message_class: Literal["marketing", "transactional"]
    reasons: tuple[str, ...]  # reason groups that this template answers
    title: Words
    offer: bool  # carries a discount


@dataclass(frozen=True, slots=True)
class LintProblem:
    template_id: str
    locale: str
    part: str
    words: Words


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    template_id: str
    version: str
    locale: str
    subject: str
    preheader: str
    text: str
    html: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What an intervention gives: here a percentage off one renewal."""

    percent: float = 0.0
    valid_days: int = 14

    @property
    def given(self) -> bool:
        return self.percent > 0


@dataclass(frozen=True, slots=True)
class PlanRequest:
    operator: str
    user_ids: tuple[str, ...] = ()  # empty: everyone that `filter` selects
    filter: str = ""
    template_id: str = "auto"  # "auto": matched to each user's first reason
    offer: Offer = Offer()
    holdout: float | None = None  # None: the settings' share
    budget: float | None = None  # worst-case offer cost, in currency
    limit: int | None = None
    campaign: str = ""  # name; empty: one is made from the date
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class GateCount:
    """One step of the pre-flight waterfall."""

    gate: str  # selected, erased, no_address, no_consent, holdout, cooldown, budget … to_send
    words: Words
    removed: int
    remaining: int


@dataclass(frozen=True, slots=True)
class PlanSummary:
    plan_id: str
    campaign_id: str
    campaign: str
    created_at: datetime
    operator: str
    status: Literal["dry_run", "pending_approval", "approved", "sent", "cancelled"]
    gates: tuple[GateCount, ...]
    to_send: int
    held_out: int
    worst_case_cost: float
    currency: str


@dataclass(frozen=True, slots=True)
class SendReport:
    plan_id: str
    sent: int
    already_sent: int
    suppressed: int
    expired: int
    unknown: int
    outbox: Path | None
    changed: int = 0  # the text is no longer the approved one: back to approval, not sent
    refused: int = 0  # for good, by the mail server
    deferred: int = 0  # did not leave: the next call tries them again


@dataclass(frozen=True, slots=True)
class InterventionRow:
    """One planned action for one user, held-out and suppressed ones included."""

    intervention_id: str
    plan_id: str
    campaign: str
    user_id: str
    name: str
    template_id: str
    locale: str
    channel: str
    arm: str
    propensity: float
    status: str
    status_reason: str
    decided_at: datetime
    sent_at: datetime | None
    operator: str
    risk: float | None
    reason_groups: tuple[str, ...]
    offer_percent: float
    outcome: str  # "" while the window is open
    told: Words | None = None  # the first reason that raised the risk, as the operator saw it


@dataclass(frozen=True, slots=True)
class LogPage:
    rows: tuple[InterventionRow, ...]
    start: int
    total: int


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    closed: int
    retained: int
    churned: int
    censored: int
    still_open: int
    as_of: datetime
    words: Words | None = None  # why none of the open windows can be closed


@dataclass(frozen=True, slots=True)
class Effect:
    """Intention-to-treat read-out of a campaign: everyone as assigned."""

    campaign_id: str
    campaign: str
    treated: int
    held_out: int
    treated_retained: int
    held_out_retained: int
    lift: Interval | None  # difference in retention, Newcombe hybrid score interval, 95 %
    sample_ratio_p: float | None
    detectable: float | None  # smallest effect seen with 80 % power at these sizes
    verdict: Literal["works", "hurts", "cannot_tell"]
    words: Words

"""One user as the screen shows him."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.horizons import RiskByDay
from engine.types.outreach import InterventionRow
from engine.types.risk import Explanation, RiskRow
from engine.types.words import Words


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    occurred_at: datetime
    kind: str  # event kind, payment:failed, message:ticket, subscription:started, contact:sent …
    title: str
    amount: float | None = None


@dataclass(frozen=True, slots=True)
class UserDetail:
    user_id: str
    name: str
    email: str
    channel: str
    city: str
    locale: str
    signed_up_at: datetime | None
    marketing_consent: bool | None
    plan: str
    plan_ends_at: datetime | None
    auto_renew: bool | None
    row: RiskRow | None
    explanation: Explanation | None
    timeline: tuple[TimelineEntry, ...]
    contacts: tuple[InterventionRow, ...]
    by_day: RiskByDay | None = None  # None: no risk, or its model was saved without it
    attributes: tuple[tuple[Words, Words], ...] = ()  # what a table without a time axis says
    unscored: Words | None = None  # why there is no risk; None: there is one

"""Who is at risk and why: scoring runs, their list, the reasons of one user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.calibrated import PriorShift
from engine.types.words import Words


class Band(StrEnum):
    """A named range of risk; the thresholds are in the settings."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Reason:
    """A named group of features with its share of the risk.

    `contribution` is on the log-odds scale, against retained users of the same segment: positive
    raises the risk. `share` is contribution / sum of absolute contributions (remainder included).
    """

    group: str
    feature: str
    contribution: float
    share: float
    value: float | None
    comparison: float | None  # median of the retained users of the same segment
    words: Words
    earlier: float | None = None  # the same feature four weeks before; None: none is known
    above_usual: float | None = None
    """How many standard deviations the contribution lies above that of all users; None: unknown."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a user is flagged: the contributions and the remainder add up to log-odds - baseline."""

    user_id: str
    risk: float
    log_odds: float
    baseline_log_odds: float
    reasons: tuple[Reason, ...]  # by absolute contribution, largest first
    remainder: float
    segment: str
    model_id: str
    cutoff: datetime


@dataclass(frozen=True, slots=True)
class ScoringRun:
    scoring_run_id: str
    model_id: str
    cutoff: datetime
    created_at: datetime
    users: int
    by_band: Mapping[str, int]
    value_at_risk: float
    currency: str
    prior_shift: PriorShift | None = None  # None: nothing newer than calibration was known


@dataclass(frozen=True, slots=True)
class RiskRow:
    rank: int  # 1 = highest value at risk order of the run's default sort
    user_id: str
    name: str
    risk: float
    band: Band
    value_at_risk: float
    segment: str
    last_active_at: datetime | None
    reason_group: str
    reason: Words
    last_contact_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RankQuery:
    """A view of the scoring run: filter text (see `engine.ranking.filters`), sort key, order."""

    filter: str = ""
    sort: str = "rank"  # rank, risk, value, name, segment, last_active, reason
    descending: bool = False


@dataclass(frozen=True, slots=True)
class RankPage:
    rows: tuple[RiskRow, ...]
    start: int
    total: int
    scoring_run_id: str
    cutoff: datetime
    model_id: str

"""Facts that cross from the engine to the screens: frozen dataclasses, standard library only.

Every datetime is a naive UTC instant; the terminal shows it in the workspace's time zone. Money is
a float in the workspace's currency. Probabilities are in [0, 1]. Words come in both languages,
so that switching the language needs no second look into the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from engine.calibrated import CalibrationCheck, PriorShift

Language = Literal["zh", "en"]
ExportFormat = Literal["csv", "parquet", "jsonl", "xlsx"]
ExportKind = Literal["ranking", "interventions", "reasons", "effects", "audit"]


@dataclass(frozen=True, slots=True)
class Words:
    """One statement in both languages."""

    zh: str
    en: str

    def pick(self, language: str) -> str:
        """The text in `language` ("zh" or "en")."""
        return self.zh if language == "zh" else self.en


class Band(StrEnum):
    """A named range of risk; the thresholds are in the settings."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


# --- data -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TableLoad:
    """What loading did with one table of the contract.

    Every row is accounted for: read = added + updated + already_there + refused.
    """

    table: str
    read: int  # rows in the source
    kept: int  # rows now in the contract table
    quarantined: Mapping[str, int] = field(default_factory=dict)  # reason code -> rows
    added: int = 0
    updated: int = 0  # a row with the same key was there, with other content
    already_there: int = 0  # with the same key and content
    refused: int = 0  # in quarantine; a row that is kept may be noted there too


@dataclass(frozen=True, slots=True)
class LoadReport:
    tables: tuple[TableLoad, ...]
    as_of: datetime  # first midnight (UTC) after the last known fact
    mapping: str
    seconds: float
    load_id: int = 1  # counts the loads of a workspace
    changed: bool = True  # is anything that features read other than before?


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What is loaded now."""

    users: int
    rows: Mapping[str, int]  # table -> rows
    first_at: datetime
    as_of: datetime
    loaded_at: datetime
    currency: str
    timezone: str
    quarantined: int


# --- models ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts at the capacity cut: the share of users that operations can contact is 'positive'."""

    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one model on one set of (user, cutoff) rows."""

    model: str
    n: int
    positives: int
    roc_auc: float
    average_precision: float
    log_loss: float
    brier: float
    ece: float  # expected calibration error, ten equal-mass bins
    accuracy: float  # this and the next four: at the capacity cut
    precision: float
    recall: float
    f1: float
    confusion: Confusion
    lift_at_10: float  # churn rate among the 10 % with the highest risk, over the base rate
    cutoffs: tuple[datetime, ...]
    profit: float | None = None  # at capacity, per eligible user; None: nobody's value is known


@dataclass(frozen=True, slots=True)
class Interval:
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """May the challenger take over? `wins` is a recommendation: promotion is a second step."""

    wins: bool
    log_loss_difference: Interval | None  # challenger - champion; paired, clustered on users
    roc_auc_difference: Interval | None
    statements: tuple[Words, ...]
    profit_difference: Interval | None = None  # at capacity, per eligible user
    baseline_wins: bool = False  # the plain baseline is provably better: ship that


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How many (user, cutoff) rows each rule of honest labelling touched."""

    untreated: int = 0
    holdout: int = 0
    treated_inside: int = 0  # contacted inside [cutoff, cutoff + lead + horizon)
    treated_before: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class CutoffShift:
    """How far the test cutoffs' rows differ from the training rows (adversarial validation)."""

    auc: float  # of a small model that tells them apart; 0.5: it cannot
    among_training: float | None  # the same between the oldest and the newest training cutoffs
    columns: Mapping[str, float]  # the columns that tell -> their share in telling
    warns: bool
    words: Words


@dataclass(frozen=True, slots=True)
class ModelCard:
    model_id: str
    kind: str  # blend, churn_net, hist_gradient_boosting, logistic
    state: Literal["candidate", "champion", "retired"]
    created_at: datetime
    trained_until: datetime
    rows: int
    columns: int
    test: Metrics
    peers: tuple[Metrics, ...]  # the single models and the baseline on the same rows
    verdict: GateVerdict | None
    labels: LabelCounts
    seconds: float
    seed: int
    learning: tuple[Mapping[str, float], ...] = ()  # epoch -> train_loss, valid_loss
    shift: CutoffShift | None = None  # None: not measured
    by_cutoff: tuple[Metrics, ...] = ()  # the test, one cutoff each, ascending
    calibration: CalibrationCheck | None = None  # None: not measured


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model measured anew on its test cutoffs."""

    metrics: Metrics
    by_cutoff: tuple[Metrics, ...]
    calibration: CalibrationCheck | None


# --- risk and reasons -----------------------------------------------------------------------


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
    attributes: tuple[tuple[Words, Words], ...] = ()  # what a table without a time axis says


# --- interventions --------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class ExportReport:
    kind: str
    format: str
    rows: int
    path: Path


# --- jobs -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One JSON line of a child process: see `engine.jobs.protocol`."""

    kind: Literal["started", "progress", "note", "result", "failed", "cancelled"]
    stage: str = ""
    done: float | None = None  # 0 … 1 of the whole job
    words: Words | None = None
    detail: Mapping[str, object] = field(default_factory=dict)

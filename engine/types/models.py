"""What is known of a model: its metrics, its verdict, its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from engine.calibrated import CalibrationCheck
from engine.faithfulness import Faithfulness
from engine.horizons import IntervalCoverage
from engine.types.intervals import Interval
from engine.types.words import Words


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
    concordance: float | None = None  # C-index; None: the churn rule has no day


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
    coverage: IntervalCoverage | None = None  # None: not measured
    faithfulness: Faithfulness | None = None  # of the reasons; None: not measured


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model measured anew on its test cutoffs."""

    metrics: Metrics
    by_cutoff: tuple[Metrics, ...]
    calibration: CalibrationCheck | None

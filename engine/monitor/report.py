"""What monitoring found, as facts that cross to the terminal; shares and risks lie in 0 … 1."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from engine.types import Interval, Words

DriftVerdict = Literal["none", "some", "strong"]


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column (or the risk) now against past cutoffs; limits are what past cutoffs did."""

    column: str
    label: Words
    psi: float
    psi_limit: float
    js: float  # Jensen-Shannon divergence in bits: 0 … 1
    js_limit: float
    importance: float  # share of the model's movement that is due to this column
    shifted: bool  # both divergences lie beyond their limits
    words: Words


@dataclass(frozen=True, slots=True)
class Drift:
    """All columns of the model, the largest importance-weighted drift first."""

    verdict: DriftVerdict
    weighted_psi: float  # sum of importance × PSI over the columns
    weighted_limit: float
    risk: ColumnDrift | None  # None: not asked, or fewer than three cutoffs to compare with
    columns: tuple[ColumnDrift, ...]
    past_cutoffs: tuple[datetime, ...]
    words: Words


@dataclass(frozen=True, slots=True)
class Expected:
    """One figure expected from calibrated risks alone."""

    metric: str  # roc_auc, average_precision, precision, churn_rate, ece
    value: Interval


@dataclass(frozen=True, slots=True)
class Checked:
    """What would have been expected at a past cutoff, and what came true."""

    cutoff: datetime
    users: int
    metric: str
    expected: float
    came_true: float

    @property
    def error(self) -> float:
        return self.expected - self.came_true


@dataclass(frozen=True, slots=True)
class Estimate:
    """Figures of the present run before its labels are known."""

    figures: tuple[Expected, ...]
    checked: tuple[Checked, ...]
    assumption: Words

    def of(self, metric: str) -> Interval | None:
        """The interval of `metric`; None when it cannot be said."""
        return next((one.value for one in self.figures if one.metric == metric), None)


@dataclass(frozen=True, slots=True)
class GroupFigure:
    """One figure of one group, and how it stands to everyone else; 95 % bands over users."""

    figure: str  # contact_rate, discount_value, true_positive_rate, calibration_gap
    group: Interval
    others: float
    difference: Interval
    ratio: Interval | None  # None: the others have nothing to divide by


@dataclass(frozen=True, slots=True)
class Group:
    """Users with one value of one attribute."""

    attribute: str  # gender, age_band, channel, city, plan
    value: str
    users: int
    sensitive: bool
    figures: tuple[GroupFigure, ...]
    within_limit: bool


@dataclass(frozen=True, slots=True)
class Fairness:
    """All groups of at least `smallest_group` users."""

    within_limit: bool
    limit: float  # of the difference in true positive rates, for sensitive groups
    smallest_group: int
    groups: tuple[Group, ...]
    words: Words


@dataclass(frozen=True, slots=True)
class Stressed:
    """What one disturbance does to the risks of one model."""

    disturbance: str
    model: str  # kind of the whole model or of one component
    users: int
    kendall_tau: float  # of the order before and after; NaN: one user
    top_decile_kept: float
    mean_change: float  # mean |change of risk|
    words: Words


@dataclass(frozen=True, slots=True)
class BaseRateShift:
    """Users drawn anew so that another share leaves: how wrong the risks become."""

    churn_rate: float
    mean_risk: float
    ece: float
    ece_moved: float  # after the risks were moved to that base rate


@dataclass(frozen=True, slots=True)
class Tenure:
    """The model's figures for users by the time since they signed up."""

    tenure: str  # cold_start, settled
    users: int  # rows at past cutoffs
    churned: int
    roc_auc: float  # NaN: too few of one class
    ece: float


@dataclass(frozen=True, slots=True)
class Gamed:
    """Users at the top of the list who pretend to be active, once a day for a minute."""

    users: int
    risk_before: float
    risk_after: float
    left_the_list: float  # share that drops out of the contact capacity
    words: Words


@dataclass(frozen=True, slots=True)
class Stress:
    """How far risks and their order move when the inputs do."""

    disturbances: tuple[Stressed, ...]
    gamed: Gamed | None  # None: the data have no events
    tenures: tuple[Tenure, ...]
    base_rates: tuple[BaseRateShift, ...]


@dataclass(frozen=True, slots=True)
class MonitorReport:
    """One look at the model in service and its newest scoring run."""

    model_id: str
    scoring_run_id: str
    cutoff: datetime
    drift: Drift
    estimate: Estimate
    fairness: Fairness | None  # None: not asked for
    stress: Stress | None
    seconds: float

    @property
    def alarming(self) -> bool:
        """Whether somebody should look: strong drift, or a group beyond its limit."""
        unfair = self.fairness is not None and not self.fairness.within_limit
        return self.drift.verdict == "strong" or unfair

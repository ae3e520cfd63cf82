"""What is known of a whole model; standard library only, so that it can cross to the screens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from engine.types import Interval, Words

Weakness = Literal["order", "calibration", "loss"]
"""order: users are told apart less well; calibration: risks are too high or too low; loss: the
risks say less than the segment's churn rate would."""

MATTERS_RISK = 0.01
"""A joint effect that moves no corner's risk so far is not told."""


@dataclass(frozen=True, slots=True)
class GroupImportance:
    """What one group of features is worth, by two measures that need not agree.

    `contribution` is what it moves the risks of users, whether rightly or not. The other two are
    what is lost when its values are dealt to other users, all its columns together.
    """

    group: str
    words: Words
    columns: int  # 0: it is read from events or messages
    contribution: float  # mean |contribution| in log-odds, against retained users
    share: float  # of the sum over groups
    log_loss: Interval  # rise
    roc_auc: Interval | None  # fall; None: one class only


@dataclass(frozen=True, slots=True)
class Point:
    """The mean risk had every user this value; of single users 80 % lie in [low, high]."""

    value: float | None  # None: missing
    words: Words
    share: float  # of the rows: those that lie nearest to this value
    risk: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Partial dependence of the risk on one column."""

    column: str
    label: Words
    group: str
    discrete: bool  # few values: bars, not a line
    points: tuple[Point, ...]  # ascending; at quantiles of the rows
    missing: Point | None  # None: (next to) nobody
    deciles: tuple[float, ...]  # nine of them
    sensitivity: float  # highest minus lowest risk from the first to the last decile
    words: Words


@dataclass(frozen=True, slots=True)
class Corner:
    """Users of whom two groups each do, or do not, raise the risk."""

    rows: int
    risk: float  # NaN without rows
    added_up: float  # the same, were the two effects to add up


@dataclass(frozen=True, slots=True)
class Interaction:
    """Two groups whose joint effect is not the sum of their effects.

    `strength` is Friedman's H of the log-odds, 0 (the effects add up) to 1 (nothing but a joint
    effect); `p_value` the chance that the joint term agrees as well with the labels when it is
    dealt to other users, Holm's correction for all pairs made.
    """

    first: str
    second: str
    strength: float
    size: float  # root mean square of the joint term, log-odds
    log_loss: Interval  # rise without the joint term
    p_value: float
    above_noise: bool
    corners: tuple[Corner, ...]  # neither raises the risk, only the second, only the first, both
    words: Words

    @property
    def told(self) -> bool:
        """Beyond noise, and large enough for somebody to care."""
        return self.above_noise and any(
            corner.rows and abs(corner.risk - corner.added_up) >= MATTERS_RISK
            for corner in self.corners
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """The model on a part of the test rows."""

    attribute: str  # plan, channel, tenure, events, band, or a column
    value: str
    words: Words
    rows: int
    churned: int
    mean_risk: float
    gap: Interval  # mean risk minus churn rate
    log_loss: float
    roc_auc: Interval | None  # None: too few of a class, or rows chosen by what orders them
    expected_auc: float | None  # what the risks promise, were they right
    others_auc: float | None  # of all other rows
    weak: tuple[Weakness, ...]
    statements: tuple[Words, ...]  # one for each weakness

    @property
    def churn_rate(self) -> float:
        """Mean risk less the gap: rows may have weights."""
        return self.mean_risk - self.gap.estimate


@dataclass(frozen=True, slots=True)
class Insight:
    model_id: str
    made_at: datetime
    cutoffs: tuple[datetime, ...]
    rows: int  # judged, for the segments
    sampled: int  # of them, for all else
    churn_rate: float
    groups: tuple[GroupImportance, ...]  # by contribution, largest first
    curves: tuple[Curve, ...]  # by sensitivity, largest first
    interactions: tuple[Interaction, ...]  # of the leading groups, by size, largest first
    segments: tuple[Segment, ...]
    statements: tuple[Words, ...]  # what is worth knowing, in sentences

    @property
    def weak(self) -> tuple[Segment, ...]:
        """The segments with a weakness."""
        return tuple(segment for segment in self.segments if segment.weak)

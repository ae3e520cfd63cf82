"""Facts about risk by day that cross to the screens: standard library only, as `engine.types`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HORIZONS = "horizons"
"""Key of a model's metadata."""

STANDARD_DAYS = (7, 14, 30, 60, 90)
"""Days from the cutoff that operators ask for; those inside the rule's window are told."""

Event = Literal["leave", "return"]


@dataclass(frozen=True, slots=True)
class RiskOnDay:
    """The share of users of this score of whom the churn rule would say "left" on one day.

    By the rule `lapsed` they have left by then, so it rises from day to day; by a rule that waits
    for a sign of staying they have not been seen yet, so it falls.
    """

    day: int  # counted from the cutoff
    risk: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RiskByDay:
    """One user's risk with an interval, and how it builds up, or falls, until the rule decides.

    The intervals are about the churn rate among users of this score, not about this one person.
    """

    level: float  # of all intervals: how often they are meant to hold the rate
    low: float  # of the risk at the end of the rule's window
    high: float
    event: Event | None  # None: the labels tell no day, and there are no `days`
    lead_days: int  # from the cutoff to the start of the rule's window
    days: tuple[RiskOnDay, ...]  # ascending; the last one is the risk itself


@dataclass(frozen=True, slots=True)
class IntervalCoverage:
    """How often intervals held the churn rate of users of alike score, on later rows.

    A group is a tenth of the users of one test cutoff by risk. Its rate moves by chance, too, so
    an interval as wide as it should be holds it less often than `level` says; `allowing` counts
    the groups that it holds when that chance is added to its width.
    """

    level: float
    groups: int
    inside: float  # share of the groups
    allowing: float  # share of the groups, the chance of so few users added
    width: float  # mean of high - low
    days: int = 0  # pairs of a group and a day before the last; 0: no days
    days_inside: float | None = None
    days_allowing: float | None = None

"""Intervals of the risk, and its course over the days of the rule's window, from log-odds alone.

Two things make the churn rate among users of one score differ from that score: the calibration
rows of alike score are few, and the world moves between calibration and service. Their variances,
on the scale of log-odds, add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.horizons import Event, RiskByDay, RiskOnDay
from engine.models.calibration import sigmoid

Floats = NDArray[np.float64]

LEVEL = 0.9
"""Of all intervals."""

LEVEL_DEVIATIONS = 1.6449
"""Standard deviations to either side that hold `LEVEL` of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Course:
    """How the days of the rule's window decide: B bins of log-odds, T days.

    Of those whom the event has come to by the end of the window, the share by each day.
    """

    event: Event
    lead_days: int
    days: tuple[int, ...]  # (T,) of the window, ascending; the last is its horizon
    share: tuple[tuple[float, ...], ...]  # (B, T), rising to 1
    rows: tuple[float, ...]  # (B,) effective number of users behind a share


@dataclass(frozen=True, slots=True)
class RiskIntervals:
    """What training measured once, kept as JSON; every array is over B bins of log-odds."""

    centre: tuple[float, ...]  # (B,) mean calibrated log-odds of a bin, ascending
    error: tuple[float, ...]  # (B,) standard error of the log-odds of a bin's churn rate
    middle: float  # the log-odds at which a drift of the scale does nothing
    drift_shift: float  # standard deviation of the shift until service
    drift_scale: float  # standard deviation of the change of scale until service
    course: Course | None  # None: the labels tell no day

    def deviation(self, log_odds: NDArray[Any]) -> Floats:
        """The standard deviation (N,) of the true log-odds of the rate around these (N,)."""
        sampling = np.interp(log_odds, self.centre, self.error)
        scale = self.drift_scale * (np.asarray(log_odds, np.float64) - self.middle)
        return np.asarray(np.sqrt(sampling**2 + self.drift_shift**2 + scale**2))

    def interval(self, log_odds: NDArray[Any]) -> tuple[Floats, Floats]:
        """The limits (N,) of the churn rate among users of these log-odds (N,)."""
        reach = LEVEL_DEVIATIONS * self.deviation(log_odds)
        return sigmoid(log_odds - reach), sigmoid(log_odds + reach)

    def by_day(self, log_odds: NDArray[Any]) -> tuple[Floats, Floats, Floats]:
        """Risk and its limits (N, T) on each day of the course; the last is the risk itself.

        Falling over the days where the event is a return, rising where it is leaving, limits too.
        Raises `ValueError` without a course.
        """
        if self.course is None:
            raise ValueError("the labels of this model tell no day")
        risk, (low, high) = sigmoid(log_odds), self.interval(log_odds)
        share, error = self._share(log_odds, self.course)
        if self.course.event == "leave":
            return _of_those(share, error, risk, low, high)
        stays, least, most = _of_those(share, error, 1 - risk, 1 - high, 1 - low)
        return 1 - stays, 1 - most, 1 - least

    def of(self, log_odds: float) -> RiskByDay:
        """All of one user."""
        asked = np.array([log_odds])
        (low,), (high,) = self.interval(asked)
        course = self.course
        days: tuple[RiskOnDay, ...] = ()
        if course is not None:
            points = zip(course.days, *(part[0].tolist() for part in self.by_day(asked)),
                         strict=True)  # fmt: skip
            days = tuple(RiskOnDay(course.lead_days + day, *point) for day, *point in points)
        return RiskByDay(
            level=LEVEL,
            low=float(low),
            high=float(high),
            event=None if course is None else course.event,
            lead_days=0 if course is None else course.lead_days,
            days=days,
        )

    def _share(self, log_odds: NDArray[Any], course: Course) -> tuple[Floats, Floats]:
        """Of those whom the event comes to, the share by each day and its error: (N, T) each."""
        share = np.column_stack(
            [np.interp(log_odds, self.centre, part) for part in zip(*course.share, strict=True)]
        )
        rows = np.interp(log_odds, self.centre, course.rows)[:, None]
        return share, np.sqrt(share * (1 - share) / rows)


def _of_those(
    share: Floats, error: Floats, whole: Floats, low: Floats, high: Floats
) -> tuple[Floats, Floats, Floats]:
    """share · whole (N, T), and its limits when both factors err independently; all rise."""
    product = share * whole[:, None]
    chance = whole[:, None] * LEVEL_DEVIATIONS * error
    below = np.hypot(share * (whole - low)[:, None], chance)
    above = np.hypot(share * (high - whole)[:, None], chance)
    least = np.minimum.accumulate(np.maximum(product - below, 0.0)[:, ::-1], axis=1)[:, ::-1]
    most = np.maximum.accumulate(product + above, axis=1)
    return product, least, np.minimum(most, high[:, None])

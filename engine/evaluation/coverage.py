"""Do intervals of the risk hold what they say: the churn rate of users of alike score, later."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.metrics import BINS, equal_mass_bins
from engine.features.frame import LabelledFrame
from engine.horizons import IntervalCoverage
from engine.models.calibration import sigmoid
from engine.models.intervals import LEVEL, LEVEL_DEVIATIONS, RiskIntervals

Floats = NDArray[np.float64]


def interval_coverage(
    intervals: RiskIntervals, log_odds: NDArray[Any], rows: LabelledFrame
) -> IntervalCoverage:
    """The coverage on `rows`, to which a model gave these log-odds (N,) as served.

    A group is a tenth of the rows of one cutoff, by risk; its interval is the mean of its users'.
    """
    log_odds = np.asarray(log_odds, np.float64)
    low, high = intervals.interval(log_odds)
    groups = score_groups(log_odds, rows.frame.cutoffs)
    weight = rows.weight.astype(np.float64)
    inside, allowing = held(groups, weight, rows.label, sigmoid(log_odds), low, high)
    days: list[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = []
    course, times = intervals.course, rows.times
    if course is not None and times is not None:
        for place, (day, risk, least, most) in enumerate(
            zip(course.days, *(part.T for part in intervals.by_day(log_odds)), strict=True)
        ):
            if place < len(course.days) - 1:
                seen = times.day <= day
                left = ~seen if course.event == "return" else seen & (rows.label > 0.5)
                days.append(held(groups, weight, left, risk, least, most))
    return IntervalCoverage(
        level=LEVEL,
        groups=len(inside),
        inside=float(inside.mean()),
        allowing=float(allowing.mean()),
        width=float(np.average(high - low, weights=weight)),
        days=sum(len(one) for one, _ in days),
        days_inside=float(np.concatenate([one for one, _ in days]).mean()) if days else None,
        days_allowing=float(np.concatenate([one for _, one in days]).mean()) if days else None,
    )


def score_groups(log_odds: Floats, cutoffs: NDArray[Any]) -> NDArray[np.int64]:
    """(N,) the group of each row: a tenth of its cutoff's rows, numbered over all cutoffs."""
    groups = np.zeros(len(log_odds), np.int64)
    for number, cutoff in enumerate(np.unique(cutoffs)):
        own = np.flatnonzero(cutoffs == cutoff)
        groups[own] = BINS * number + equal_mass_bins(log_odds[own])
    return groups


def held(
    groups: NDArray[np.int64],
    weight: Floats,
    label: NDArray[Any],
    risk: Floats,
    low: Floats,
    high: Floats,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each group's mean interval holds its rate; and with the rate's own chance added.

    All of N rows; the results are over the G groups that have any weight.
    """
    mass = np.bincount(groups, weights=weight)
    full = mass > 0

    def mean(values: NDArray[Any]) -> Floats:
        return np.asarray(np.bincount(groups, weights=weight * values)[full] / mass[full])

    rate, expected, least, most = mean(label), mean(risk), mean(low), mean(high)
    effective = (mass**2 / np.maximum(np.bincount(groups, weights=weight**2), 1e-12))[full]
    chance = LEVEL_DEVIATIONS * np.sqrt(expected * (1 - expected) / effective)
    below, above = np.hypot(expected - least, chance), np.hypot(most - expected, chance)
    return (
        (rate >= least) & (rate <= most),
        (rate >= expected - below) & (rate <= expected + above),
    )

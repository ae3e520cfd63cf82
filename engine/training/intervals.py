"""What intervals of the risk need, measured at training: sampling error, drift, course by day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import EventTimes, LabelledFrame
from engine.horizons import STANDARD_DAYS
from engine.models.calibration import sigmoid
from engine.models.intervals import Course, RiskIntervals
from engine.models.logistic import LogisticModel
from engine.training.calibrate import fit_calibration

Floats = NDArray[np.float64]

MOST_BINS = 20
ROWS_OF_A_CLASS = 50
"""Of the rarer class per bin, on average: fewer bins where there are not so many."""

STEPS = 12
"""Days of the course besides the standard ones, equally far apart."""
COURSE_PRIOR_ROWS = 20.0
"""A bin's course is pulled to that of all bins by so many users."""

REHEARSAL_ROWS = 2_000
"""Rows of one cutoff that a rehearsal reads: their error is far below a drift that matters."""
REHEARSAL_STRENGTH = 0.01
FEWEST_OF_A_CLASS = 25
PRIOR_DRIFT = (0.1, 0.1)
"""Standard deviation of shift and scale where no cutoffs could be rehearsed."""
PRIOR_CUTOFFS = 2.0
"""Cutoffs that this prior weighs."""


def fit_intervals(
    log_odds: NDArray[Any],
    rows: LabelledFrame,
    *,
    lead_days: int,
    drift: tuple[float, float],
) -> RiskIntervals:
    """The intervals of a model that gives `rows` these calibrated log-odds (N,).

    `rows` are those it was calibrated on. `drift` is the standard deviation of the shift and of
    the scale until service (`rehearsed_drift`).
    """
    log_odds = np.asarray(log_odds, np.float64)
    label = rows.label.astype(np.float64)
    weight = rows.weight.astype(np.float64)
    bins = _bins(log_odds, label)
    count = int(bins.max()) + 1
    mass = np.bincount(bins, weights=weight, minlength=count)
    effective = mass**2 / np.bincount(bins, weights=weight**2, minlength=count)
    centre = np.bincount(bins, weights=weight * log_odds, minlength=count) / mass
    # One more row with the model's own risk: a bin in which nobody left has an error, too.
    expected = sigmoid(centre)
    rate = np.bincount(bins, weights=weight * label, minlength=count) / mass
    rate = (effective * rate + expected) / (effective + 1)
    course = None
    if rows.times is not None:
        course = _course(rows.times, label, weight, bins, lead_days)
    return RiskIntervals(
        centre=tuple(centre.tolist()),
        error=tuple((1 / np.sqrt(effective * rate * (1 - rate))).tolist()),
        middle=float(np.average(log_odds, weights=weight)),
        drift_shift=drift[0],
        drift_scale=drift[1],
        course=course,
    )


def _bins(log_odds: Floats, label: Floats) -> NDArray[np.int64]:
    """(N,) the bin of each row: equal mass, equal scores together, numbered without a gap."""
    rarer = min(label.sum(), len(label) - label.sum())
    count = int(np.clip(rarer // ROWS_OF_A_CLASS, 1, MOST_BINS))
    edges = np.quantile(log_odds, np.linspace(0, 1, count + 1)[1:-1])
    _, bins = np.unique(np.searchsorted(edges, log_odds, side="right"), return_inverse=True)
    return np.asarray(bins, np.int64)


def _course(
    times: EventTimes, label: Floats, weight: Floats, bins: NDArray[np.int64], lead_days: int
) -> Course:
    """Of those whom the event came to (who left, or who stayed), the share by each day."""
    came = (label > 0.5) == (times.event == "leave")
    days = course_days(lead_days, times.horizon_days)
    by = (times.day[:, None] <= np.array(days)).astype(np.float64)
    # What comes in the grace after the window is decided by its end.
    by[:, -1] = 1.0
    mass = np.where(came, weight, 0.0)
    count = int(bins.max()) + 1
    total = np.bincount(bins, weights=mass, minlength=count)
    summed = np.array([np.bincount(bins, weights=mass * day, minlength=count) for day in by.T]).T
    everyone = summed.sum(axis=0) / max(total.sum(), 1e-9)
    everyone[-1] = 1.0
    share = (summed + COURSE_PRIOR_ROWS * everyone) / (total + COURSE_PRIOR_ROWS)[:, None]
    share[:, -1] = 1.0
    return Course(
        event=times.event,
        lead_days=lead_days,
        days=days,
        share=tuple(tuple(part) for part in share.tolist()),
        rows=tuple((total + COURSE_PRIOR_ROWS).tolist()),
    )


def course_days(lead_days: int, horizon_days: int) -> tuple[int, ...]:
    """Days of the window, ascending: the standard days inside it, equal steps, and its last."""
    standard = {day - lead_days for day in STANDARD_DAYS}
    steps = {round(horizon_days * step / STEPS) for step in range(1, STEPS + 1)}
    return tuple(sorted(day for day in standard | steps if 0 < day <= horizon_days))


def rehearsed_drift(
    rows: LabelledFrame, closes: Callable[[datetime], datetime], *, seed: int
) -> tuple[float, float]:
    """How far calibration drifts until service: standard deviations of shift and of scale.

    The past is played through: at each cutoff of `rows`, what one could have known there (labels
    that `closes` says are closed) teaches a logistic regression on one half of the users; it is
    calibrated on the other half at the newest closed cutoff, and compared with what came. `rows`
    (N,) may be of any cutoffs before a test. Squares are averaged less the variance that chance
    explains, with `PRIOR_DRIFT` as `PRIOR_CUTOFFS` more.
    """
    moments = np.unique(rows.frame.cutoffs)
    first_half = half_of_users(rows.frame.user_ids, seed)
    drifts = []
    for moment in moments:
        closed = [
            earlier
            for earlier in moments
            if closes(earlier.astype("datetime64[us]").item())
            <= moment.astype("datetime64[us]").item()
        ]
        if not closed:
            continue
        known = np.isin(rows.frame.cutoffs, closed)
        newest = rows.frame.cutoffs == closed[-1]
        parts = [
            _sample(rows, chosen, moments, seed)
            for chosen in (known & first_half, newest & ~first_half, rows.frame.cutoffs == moment)
        ]
        if all(_has_both(part) for part in parts):
            drifts.append(_drift(*parts))
    prior = PRIOR_CUTOFFS * np.square(PRIOR_DRIFT)
    # Less than none cannot be: a few cutoffs that agree by luck must not take the prior away.
    beyond_chance = np.maximum(np.sum(drifts, axis=0), 0.0) if drifts else np.zeros(2)
    variance = (prior + beyond_chance) / (PRIOR_CUTOFFS + len(drifts))
    shift, scale = np.sqrt(variance).tolist()
    return shift, scale


def _drift(learn: LabelledFrame, calibrate: LabelledFrame, later: LabelledFrame) -> Floats:
    """(2,) squared drift of shift and scale, less the variance of their estimates."""
    model = LogisticModel.fit(learn, strength=REHEARSAL_STRENGTH)
    before, after = model.log_odds(calibrate.frame), model.log_odds(later.frame)
    served = fit_calibration(before, calibrate.label, calibrate.weight)
    middle = float(served.apply(before).mean())
    found, variance = np.zeros(2), np.zeros(2)
    for raw, rows, sign in ((before, calibrate, 0.0), (after, later, 1.0)):
        score = served.apply(raw) - middle
        again = fit_calibration(score, rows.label, rows.weight)
        variance += _variance(score, again.apply(score), rows.weight)
        found += sign * np.array([again.shift - middle, again.scale - 1.0])
    return np.asarray(found**2 - variance)


def _variance(score: Floats, log_odds: Floats, weight: NDArray[Any]) -> Floats:
    """(2,) of the estimated shift and scale, by the Fisher information."""
    risk = sigmoid(log_odds)
    own = weight * risk * (1 - risk)
    design = np.column_stack([np.ones(len(score)), score])
    information = (design * own[:, None]).T @ design
    return np.asarray(np.diag(np.linalg.inv(information + 1e-9 * np.eye(2))))


def _sample(
    rows: LabelledFrame, chosen: NDArray[np.bool_], moments: NDArray[Any], seed: int
) -> LabelledFrame:
    """At most `REHEARSAL_ROWS` a cutoff of the rows chosen, without what no regression reads."""
    generator = np.random.default_rng(seed)
    kept = []
    for moment in moments:
        own = np.flatnonzero(chosen & (rows.frame.cutoffs == moment))
        kept.append(
            generator.choice(own, REHEARSAL_ROWS, replace=False)
            if len(own) > REHEARSAL_ROWS
            else own
        )
    return rows.take(np.sort(np.concatenate(kept)))


def half_of_users(user_ids: NDArray[np.object_], seed: int) -> NDArray[np.bool_]:
    """(N,) the same half of the users wherever they occur."""
    _, person = np.unique(user_ids.astype(str), return_inverse=True)
    return np.asarray(np.random.default_rng(seed).random(int(person.max()) + 1)[person] < 0.5)


def _has_both(rows: LabelledFrame) -> bool:
    left = int((rows.label > 0.5).sum())
    return min(left, len(rows) - left) >= FEWEST_OF_A_CLASS

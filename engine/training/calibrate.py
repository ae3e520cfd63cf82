"""Calibration on mature rows: scale and shift, or an isotonic line where that wins held out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from engine.errors import DataError
from engine.models.calibration import SMALLEST_SLOPE, Calibration, log_loss, sigmoid

FEWEST_OF_A_CLASS = 25
"""With fewer rows of either class only the shift is fitted."""

SCALE_BOUNDS = (SMALLEST_SLOPE, 10.0)
"""Positive, so that calibration never turns the order of users round."""

SHIFT_BOUND = 30.0

ISOTONIC_POSITIVES = 2_000
"""An isotonic line has as many parameters as blocks: with fewer who left it is not tried."""

HELD_OUT_FOLDS = 5

PRIOR_STRENGTH = 1.0
"""Weight, in rows, of the pull towards (1, 0): keeps the fit finite when one class is absent."""


def fit_calibration(
    log_odds: NDArray[Any], label: NDArray[Any], weight: NDArray[Any] | None = None
) -> Calibration:
    """Scale and shift of the lowest weighted log loss (Platt scaling with two parameters).

    Raises `DataError` without a row of positive weight, or with log-odds that are not finite.
    """
    log_odds = np.asarray(log_odds, np.float64)
    label = np.asarray(label, np.float64)
    weight = np.ones(len(label)) if weight is None else np.asarray(weight, np.float64)
    if not len(label) or not weight.sum() > 0:
        raise DataError(
            "no_calibration_rows",
            "No row is left to calibrate on",
            why="The newest mature cutoff has no eligible user with a weight above 0",
            next_step="Load a longer history, or lower `training.cutoff_every_days`",
        )
    if not np.isfinite(log_odds).all():
        raise DataError(
            "scores_not_finite",
            f"{int((~np.isfinite(log_odds)).sum())} scores are not finite numbers",
            next_step="Train again; if it happens again, train `--model logistic`",
        )
    positives = int(((label > 0.5) & (weight > 0)).sum())
    negatives = int(((label <= 0.5) & (weight > 0)).sum())
    scale_fixed = min(positives, negatives) < FEWEST_OF_A_CLASS

    def objective(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scale, shift = parameters
        score = scale * log_odds + shift
        error = weight * (sigmoid(score) - label)
        value = float(weight @ log_loss(score, label))
        value += 0.5 * PRIOR_STRENGTH * ((scale - 1) ** 2 + shift**2)
        gradient = np.array(
            [
                error @ log_odds + PRIOR_STRENGTH * (scale - 1),
                error.sum() + PRIOR_STRENGTH * shift,
            ]
        )
        total = weight.sum()
        return value / total, gradient / total

    found = minimize(
        objective,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1.0, 1.0) if scale_fixed else SCALE_BOUNDS, (-SHIFT_BOUND, SHIFT_BOUND)],
    )
    return Calibration(float(found.x[0]), float(found.x[1]))


def choose_calibration(
    log_odds: NDArray[Any],
    label: NDArray[Any],
    users: NDArray[Any],
    weight: NDArray[Any] | None = None,
    *,
    seed: int = 0,
) -> Calibration:
    """Scale and shift, or an isotonic line where that is clearly better on held-out users.

    Isotonic is tried above `ISOTONIC_POSITIVES` rows of churn. Users (N,) are dealt into folds;
    it is taken when its held-out log loss is lower by more than one standard error of the paired
    difference. Raises as `fit_calibration`.
    """
    line = fit_calibration(log_odds, label, weight)
    label = np.asarray(label, np.float64)
    weight = np.ones(len(label)) if weight is None else np.asarray(weight, np.float64)
    if int(((label > 0.5) & (weight > 0)).sum()) <= ISOTONIC_POSITIVES:
        return line
    _, person = np.unique(np.asarray(users).astype(str), return_inverse=True)
    fold = np.random.default_rng(seed).integers(0, HELD_OUT_FOLDS, int(person.max()) + 1)[person]
    gain = np.zeros(len(label))
    for number in range(HELD_OUT_FOLDS):
        learn, judge = fold != number, fold == number
        fits = [
            fit(log_odds[learn], label[learn], weight[learn])
            for fit in (fit_calibration, fit_isotonic)
        ]
        straight, stepped = (log_loss(found.apply(log_odds[judge]), label[judge]) for found in fits)
        gain[judge] = straight - stepped
    mean = float(np.average(gain, weights=weight))
    error = np.sqrt(np.average((gain - mean) ** 2, weights=weight) / len(gain))
    return fit_isotonic(log_odds, label, weight) if mean > error else line


def fit_isotonic(
    log_odds: NDArray[Any], label: NDArray[Any], weight: NDArray[Any] | None = None
) -> Calibration:
    """A rising line through the centres of the blocks of isotonic regression.

    Straight between the centres and nowhere flatter than `SMALLEST_SLOPE`, so that the order of
    users stays (centred isotonic regression, Oron & Flournoy 2017). A block's rate is pulled to
    the base rate by one row, which keeps its log-odds finite.
    """
    from sklearn.isotonic import isotonic_regression

    weight = np.ones(len(label)) if weight is None else np.asarray(weight, np.float64)
    kept = weight > 0
    raw, place = np.unique(np.asarray(log_odds, np.float64)[kept], return_inverse=True)
    mass = np.bincount(place, weights=weight[kept])
    churned = np.bincount(place, weights=weight[kept] * np.asarray(label, np.float64)[kept])
    _, block = np.unique(isotonic_regression(churned / mass, sample_weight=mass),
                         return_inverse=True)  # fmt: skip
    total = np.bincount(block, weights=mass)
    centre = np.bincount(block, weights=mass * raw) / total
    base = float(np.clip(churned.sum() / mass.sum(), 1e-6, 1 - 1e-6))
    rate = (np.bincount(block, weights=churned) + PRIOR_STRENGTH * base) / (total + PRIOR_STRENGTH)
    level = np.log(rate / (1 - rate))
    # What rises less than the least slope is lifted onto it, from the left.
    floor = SMALLEST_SLOPE * centre
    level = np.maximum.accumulate(level - floor) + floor
    return Calibration(knots=tuple(centre.tolist()), levels=tuple(level.tolist()))

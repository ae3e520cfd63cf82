"""Calibration: fit scale and shift on mature rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from engine.errors import DataError
from engine.models.calibration import Calibration, log_loss, sigmoid

FEWEST_OF_A_CLASS = 25
"""With fewer rows of either class only the shift is fitted."""

SCALE_BOUNDS = (0.05, 10.0)
"""Positive, so that calibration never turns the order of users round."""

SHIFT_BOUND = 30.0

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

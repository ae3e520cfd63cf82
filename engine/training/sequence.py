"""Whether the vector of a pretrained encoder helps: asked on rows that taught neither model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import LabelledFrame
from engine.models.calibration import log_loss
from engine.training.calibrate import fit_calibration

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VectorTrial:
    """Calibrated log loss of the trees with and without the vector, and of the difference."""

    loss: float
    with_vector: float
    standard_error: float  # of the paired difference

    @property
    def wins(self) -> bool:
        """By more than one standard error."""
        return self.loss - self.with_vector > self.standard_error


def vector_trial(parts: Sequence[tuple[LabelledFrame, Floats, Floats]]) -> VectorTrial:
    """Each part: its rows (N,), the log-odds without the vector and those with it.

    A part is calibrated by itself: only the order of users within it and their spread count.
    """
    without, together, weight = (
        np.concatenate(values)
        for values in zip(
            *((_losses(rows, a), _losses(rows, b), rows.weight) for rows, a, b in parts),
            strict=True,
        )
    )
    difference = without - together
    mean = float(np.average(difference, weights=weight))
    spread = float(np.sqrt(np.average((difference - mean) ** 2, weights=weight)))
    return VectorTrial(
        float(np.average(without, weights=weight)),
        float(np.average(together, weights=weight)),
        spread / max(1, len(difference)) ** 0.5,
    )


def _losses(rows: LabelledFrame, log_odds: Floats) -> Floats:
    calibration = fit_calibration(log_odds, rows.label, rows.weight)
    return log_loss(calibration.apply(log_odds), rows.label)

"""From raw log-odds to risk: one scale and one shift, so the order of users never changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibrated log-odds = scale · raw + shift; scale > 0."""

    scale: float = 1.0
    shift: float = 0.0

    def apply(self, log_odds: NDArray[Any]) -> NDArray[np.float64]:
        """Calibrated log-odds of raw ones."""
        return np.asarray(self.scale * log_odds.astype(np.float64) + self.shift)


def sigmoid(log_odds: NDArray[Any]) -> NDArray[np.float64]:
    """Probability of log-odds, without overflow at either end."""
    half = 0.5 * np.asarray(log_odds, np.float64)
    return np.asarray(0.5 * (1.0 + np.tanh(half)))


def log_loss(log_odds: NDArray[Any], label: NDArray[Any]) -> NDArray[np.float64]:
    """−log of the probability given to what happened, per row."""
    sign = 1.0 - 2.0 * np.asarray(label, np.float64)
    return np.logaddexp(0.0, sign * np.asarray(log_odds, np.float64))

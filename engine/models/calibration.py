"""From raw log-odds to risk: strictly rising, so the order of users never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST_SLOPE = 0.05
"""Of any piece of a calibration: users of different raw log-odds keep different risks."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibrated log-odds = line(raw) + shift; the line is scale · raw, or goes through knots.

    `knots` (K,) are raw log-odds, ascending; `levels` (K,) what they become before the shift. The
    line is straight between them and has the slope `SMALLEST_SLOPE` beyond the ends.
    """

    scale: float = 1.0
    shift: float = 0.0
    knots: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()

    def apply(self, log_odds: NDArray[Any]) -> NDArray[np.float64]:
        """Calibrated log-odds of raw ones."""
        raw = log_odds.astype(np.float64)
        if not self.knots:
            return np.asarray(self.scale * raw + self.shift)
        inside = np.interp(raw, self.knots, self.levels)
        beyond = raw - np.clip(raw, self.knots[0], self.knots[-1])
        return np.asarray(inside + SMALLEST_SLOPE * beyond + self.shift)

    def slope(self, start: NDArray[Any], stop: NDArray[Any]) -> NDArray[np.float64]:
        """Rise of the calibrated log-odds from `start` to `stop` over that of the raw ones."""
        if not self.knots:
            return np.full(np.broadcast_shapes(start.shape, stop.shape), self.scale)
        run = np.asarray(stop - start, np.float64)
        rise = self.apply(stop) - self.apply(start)
        slope = np.full(run.shape, self.scale)
        np.divide(rise, run, out=slope, where=np.abs(run) > 1e-9)
        return slope

    def moved(self, shift: float) -> Calibration:
        """The same calibration with `shift` added to every log-odds."""
        return replace(self, shift=self.shift + shift)


def calibration_from(config: Mapping[str, Any]) -> Calibration:
    """The calibration that was kept as JSON; one without knots is a straight line."""
    knots, levels = (tuple(config.get(name, ())) for name in ("knots", "levels"))
    return Calibration(config["scale"], config["shift"], knots, levels)


def sigmoid(log_odds: NDArray[Any]) -> NDArray[np.float64]:
    """Probability of log-odds, without overflow at either end."""
    half = 0.5 * np.asarray(log_odds, np.float64)
    return np.asarray(0.5 * (1.0 + np.tanh(half)))


def log_loss(log_odds: NDArray[Any], label: NDArray[Any]) -> NDArray[np.float64]:
    """−log of the probability given to what happened, per row."""
    sign = 1.0 - 2.0 * np.asarray(label, np.float64)
    return np.logaddexp(0.0, sign * np.asarray(log_odds, np.float64))

"""Looking many times: p-values made honest for the number of looks."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEVEL = 0.05
"""The chance of one false alarm among all looks of a kind."""


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction, in the order given: reject those below `LEVEL`. Source: Holm 1979."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - rank)))
        corrected[place] = highest
    return corrected


def beyond(deviations: float) -> float:
    """The chance that a standard normal number is greater."""
    return 0.5 * math.erfc(deviations / math.sqrt(2))

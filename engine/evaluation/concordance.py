"""The C-index: does the order of the risks agree with the order of the days that decided?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import EventTimes

BLOCK_ROWS = 256
"""Up to so many rows are compared pair by pair; more are halved first."""


def concordance(
    risk: NDArray[Any], times: EventTimes | None, weight: NDArray[Any] | None = None
) -> float | None:
    """Harrell's C of `risk` (N,): the share of comparable pairs that stand in the right order.

    A pair is comparable where it is known whose day came first: one day was seen, the other came
    later or within the window not at all. Whoever leaves earlier should have the higher risk;
    under a rule that sees users return, whoever returns earlier the lower one. Equal risks count
    one half, and a pair weighs as the product of its weights. None where the rule has no day, NaN
    without a comparable pair. O(N log² N). Source: Harrell et al. (1982), JAMA 247.
    """
    if times is None:
        return None
    seen = times.day <= times.observed_days
    # What was not seen came after the days that were observed of it.
    after = np.nextafter(times.observed_days.astype(np.float64), np.inf)
    day = np.where(seen, times.day.astype(np.float64), after)
    score = np.asarray(risk, np.float64) * (1.0 if times.event == "leave" else -1.0)
    mass = np.ones(len(score)) if weight is None else np.asarray(weight, np.float64)
    order = np.argsort(day, kind="stable")
    right, pairs = _count(day[order], seen[order], score[order], mass[order])
    return right / pairs if pairs else float("nan")


def _count(
    day: NDArray[np.float64],
    seen: NDArray[np.bool_],
    score: NDArray[np.float64],
    mass: NDArray[np.float64],
) -> tuple[float, float]:
    """Weight of concordant and of comparable pairs among rows in ascending order of `day`."""
    right = pairs = 0.0
    open_parts = [(0, len(day))]
    while open_parts:
        start, stop = open_parts.pop()
        if day[start:stop].size < 2 or day[start] == day[stop - 1]:
            continue
        if stop - start <= BLOCK_ROWS:
            part = slice(start, stop)
            weighs = np.outer(mass[part] * seen[part], mass[part])
            weighs *= day[part, None] < day[None, part]
            higher = np.sign(score[part, None] - score[None, part])
            right += float((weighs * (higher + 1) / 2).sum())
            pairs += float(weighs.sum())
            continue
        # The halves part between two days, so that every pair across them is ordered.
        middle = int(np.searchsorted(day, day[(start + stop) // 2], side="left"))
        if middle <= start:
            middle = int(np.searchsorted(day, day[start], side="right"))
        early = np.flatnonzero(seen[start:middle]) + start
        later = np.argsort(score[middle:stop], kind="stable") + middle
        below = np.concatenate(([0.0], np.cumsum(mass[later])))
        left = np.searchsorted(score[later], score[early], side="left")
        equal = np.searchsorted(score[later], score[early], side="right")
        right += float((mass[early] * (below[left] + below[equal]) / 2).sum())
        pairs += float(mass[early].sum() * below[-1])
        open_parts += [(start, middle), (middle, stop)]
    return right, pairs

"""The space in which users are near: the model's columns by rank, weighed by what moves the model.

A value stands by its rank among the users of the past, so that days and money have one scale and
no outlier is far from everybody. A missing value is like another missing one and unlike any other.
The distance of two users is the sum of the columns' differences, each from 0 to 1, by weights of
sum 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MOST_COLUMNS = 64
"""With the largest weights: beyond them a column hardly moves any distance."""


@dataclass(frozen=True)
class Space:
    """N users of the past by K columns."""

    columns: NDArray[np.int64]  # (K,) places among the model's columns, largest weight first
    weight: Floats  # (K,) sum 1
    steps: tuple[Floats, ...]  # K arrays of the past's values, ascending
    ranks: Floats  # (N, K) in [0, 1]; NaN: missing

    def placed(self, values: NDArray[np.float32]) -> Floats:
        """(K,) the ranks of one row of all the model's columns (D,)."""
        return np.array(
            [
                _rank(steps, values[[column]])[0]
                for steps, column in zip(self.steps, self.columns, strict=True)
            ],
            np.float32,
        )

    def differences(self, ranks: Floats, rows: NDArray[np.int64]) -> Floats:
        """(n, K) how far each of `rows` is from `ranks` (K,) in each column, weighed."""
        apart = np.abs(self.ranks[rows] - ranks)
        missing, own = np.isnan(self.ranks[rows]), np.isnan(ranks)
        apart = np.where(missing | own, (missing != own).astype(np.float32), apart)
        return np.asarray(apart * self.weight, np.float32)


def space(values: NDArray[np.float32], importance: NDArray[np.float64]) -> Space:
    """The space of the rows `values` (N, D), weighed by `importance` (D,)."""
    order = np.argsort(-importance, kind="stable")[:MOST_COLUMNS]
    columns = order[importance[order] > 0]
    weight = importance[columns] / importance[columns].sum() if len(columns) else importance[:0]
    steps = []
    for column in columns:
        known = values[:, column]
        steps.append(np.sort(known[~np.isnan(known)]))
    ranks = np.empty((len(values), len(columns)), np.float32)
    for place, column in enumerate(columns):
        ranks[:, place] = _rank(steps[place], values[:, column])
    return Space(columns.astype(np.int64), weight.astype(np.float32), tuple(steps), ranks)


def _rank(steps: Floats, values: Floats) -> Floats:
    """The share of `steps` below each value, ties counted half."""
    below = np.searchsorted(steps, values, "left")
    above = np.searchsorted(steps, values, "right")
    ranks = (below + above) / (2 * max(1, len(steps)))
    return np.where(np.isnan(values), np.nan, ranks).astype(np.float32)

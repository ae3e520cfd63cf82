"""Figures of rows with standard errors that count users, not rows: one user has several rows.

Every estimate comes with its influence: how far each row pulls it. Summed within a user and
squared they are its variance, and differences of figures on other rows are differences of
influences. Source for the AUC: DeLong et al. 1988; for clusters, Obuchowski 1997 (Biometrics 53).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.types import Interval

NORMAL_95 = 1.96
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimated:
    """A figure of N rows; rows outside its own part have no influence."""

    value: float
    influence: Floats  # (N,)
    users: NDArray[np.int64]  # (N,) 0 … U - 1

    @property
    def error(self) -> float:
        """The standard error, by users."""
        by_user = np.bincount(self.users, weights=self.influence)
        return math.sqrt(float(by_user @ by_user))

    def minus(self, other: Estimated) -> Estimated:
        """The difference from another figure of the same N rows."""
        return Estimated(self.value - other.value, self.influence - other.influence, self.users)

    def interval(self, low: float = -math.inf, high: float = math.inf) -> Interval:
        """95 %, kept within what the figure can be."""
        half = NORMAL_95 * self.error
        return Interval(self.value, max(low, self.value - half), min(high, self.value + half))


def mean(
    values: Floats, weight: Floats, part: NDArray[np.bool_], users: NDArray[np.int64]
) -> Estimated:
    """The weighted mean of `values` (N,) over the rows `part` (N,)."""
    mass = weight * part
    total = float(mass.sum())
    value = float(values @ mass) / total
    return Estimated(value, mass * (values - value) / total, users)


def auc(
    label: Floats,
    risk: Floats,
    weight: Floats,
    part: NDArray[np.bool_],
    users: NDArray[np.int64],
) -> Estimated:
    """The ROC-AUC over the rows `part` (N,), in which both classes must occur."""
    own = np.flatnonzero(part)
    _, place = np.unique(risk[own], return_inverse=True)
    left, stayed = weight[own] * label[own], weight[own] * (1 - label[own])
    leavers, stayers = np.bincount(place, weights=left), np.bincount(place, weights=stayed)
    below = np.cumsum(stayers) - stayers / 2
    above = leavers.sum() - np.cumsum(leavers) + leavers / 2
    # (n,) for a leaver the share of stayers with a lower risk, for a stayer that of leavers above
    beaten = np.where(label[own] == 1, below[place] / stayers.sum(), above[place] / leavers.sum())
    value = float(left @ beaten / left.sum())
    influence = np.zeros(len(label))
    influence[own] = (left / left.sum() + stayed / stayed.sum()) * (beaten - value)
    return Estimated(value, influence, users)

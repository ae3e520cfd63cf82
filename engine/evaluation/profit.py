"""Profit at capacity: what contacting the users with the highest value at risk would bring.

Contact is assumed to keep `save_rate` of those who would leave, whoever they are; a user who is
kept is worth his margin over the value horizon. The assumption scales every model's profit alike
(apart from the cost of contact), so it hardly changes which of two models brings more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.metrics import checked, top
from engine.evaluation.paired import mean_interval
from engine.types import Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Economics:
    """Of N rows, and of contacting one user; money in the currency of the mapping."""

    value: Floats  # (N,) expected margin over the value horizon
    cutoffs: NDArray[np.datetime64]  # (N,) each cutoff has a contact list of its own
    capacity: float  # share of the users of a cutoff who can be contacted
    save_rate: float  # of those who would leave, who stays when contacted: assumed
    contact_cost: float

    @property
    def known(self) -> bool:
        """Whether anybody is worth anything: without revenue there is no profit to compare."""
        return bool((self.value > 0).any())

    def take(self, rows: NDArray[np.intp]) -> Economics:
        """The same for some of the rows."""
        return replace(self, value=self.value[rows], cutoffs=self.cutoffs[rows])


def gain(label: NDArray[Any], risk: NDArray[Any], economics: Economics) -> Floats:
    """(N,) what each row brings under the contact list by `risk`; 0 for who is left alone."""
    label, risk, _ = checked(label, risk)
    contacted = np.zeros(len(label), dtype=np.bool_)
    for cutoff in np.unique(economics.cutoffs):
        rows = np.flatnonzero(economics.cutoffs == cutoff)
        chosen = top(risk[rows] * economics.value[rows], economics.capacity)
        contacted[rows[chosen]] = True
    kept = economics.save_rate * label * economics.value
    return np.where(contacted, kept - economics.contact_cost, 0.0)


def profit(
    label: NDArray[Any],
    risk: NDArray[Any],
    economics: Economics,
    weight: NDArray[Any] | None = None,
) -> float | None:
    """Mean gain of an eligible user at one cutoff; None where nobody's value is known."""
    if not economics.known:
        return None
    return float(np.average(gain(label, risk, economics), weights=weight))


def profit_difference(
    label: NDArray[Any],
    risk_a: NDArray[Any],
    risk_b: NDArray[Any],
    users: NDArray[Any],
    economics: Economics,
    *,
    seed: int,
    rounds: int = 400,
    weight: NDArray[Any] | None = None,
) -> Interval:
    """Profit by `risk_a` minus that by `risk_b`, with a 95 % interval clustered on `users` (N,).

    Both contact lists are those of all rows; the draws weigh what they brought.
    """
    difference = gain(label, risk_a, economics) - gain(label, risk_b, economics)
    return mean_interval(difference, users, seed=seed, rounds=rounds, weight=weight)

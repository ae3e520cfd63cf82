"""Pareto/NBD, the elder of the two models of buying until leaving; from its closed form.

A customer buys at rate lambda ~ Gamma(r, rate alpha) until leaving at rate mu ~ Gamma(s, rate
beta). Times are counted from the first purchase: x repeat purchases, the last of them at t_x, in
an observation of length T.

Source: Schmittlein, Morrison & Colombo (1987), Counting Your Customers, Management Science 33(1);
the two integrals below are over the moment of leaving and over that of the next purchase.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp

from engine.models.btyd import PurchaseHistory

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
"""Enough for twelve digits where a customer has a few hundred purchases."""


@dataclass(frozen=True, slots=True)
class ParetoNbd:
    """The four parameters; times in the unit of the history that they were fitted on."""

    r: float
    alpha: float
    s: float
    beta: float

    def log_likelihood(self, history: PurchaseHistory) -> Floats:
        """(N,) the log of P(x, t_x, T)."""
        alive, gone = self._silent(history)
        return self._rate(history) + np.logaddexp(alive, gone)

    def probability_any(self, history: PurchaseHistory, t: float) -> Floats:
        """P(at least one purchase in (T, T + t] | x, t_x, T), (N,).

        Exact: the next purchase of whoever is alive at T comes at T + u, before leaving, with the
        density that the integral over u in (0, t] sums up.
        """
        alive, gone = self._silent(history)
        shape = self.r + history.repeats
        length = history.length
        bought = np.log(shape) + self._integral(length, length + t, shape + 1, self.s)
        return np.asarray(np.exp(bought - np.logaddexp(alive, gone)))

    def _rate(self, history: PurchaseHistory) -> Floats:
        x = history.repeats
        told = gammaln(self.r + x) - gammaln(self.r) + self.r * np.log(self.alpha)
        return np.asarray(told + self.s * np.log(self.beta))

    def _silent(self, history: PurchaseHistory) -> tuple[Floats, Floats]:
        """Logs (N,) of the two ways to be silent since t_x: alive at T, or gone before."""
        shape, length = self.r + history.repeats, history.length
        alive = -shape * np.log(self.alpha + length) - self.s * np.log(self.beta + length)
        gone = np.log(self.s) + self._integral(history.last, length, shape, self.s + 1)
        return alive, gone

    def _integral(self, start: Floats, stop: Floats, shape: Floats, other: float) -> Floats:
        """Log (N,) of the integral of (alpha + y)^-shape (beta + y)^-other over y.

        By v = log(alpha + y), in which the first power falls evenly.
        """
        low, high = np.log(self.alpha + start), np.log(self.alpha + stop)
        half = (high - low) / 2
        v = (high + low)[:, None] / 2 + half[:, None] * _NODES
        inside = (1 - shape)[:, None] * v - other * np.log(self.beta - self.alpha + np.exp(v))
        with np.errstate(divide="ignore"):  # who bought on the last day has had no time to leave
            return np.asarray(np.log(half) + logsumexp(inside, axis=1, b=_WEIGHTS))


def fit_pareto_nbd(history: PurchaseHistory) -> ParetoNbd:
    """Maximum-likelihood parameters."""
    rows = np.column_stack([history.repeats, history.last, history.length])
    # Days make many customers equal.
    unique, counts = np.unique(rows, axis=0, return_counts=True)
    scale = float(unique[:, 2].max())
    compact = PurchaseHistory(unique[:, 0], unique[:, 1] / scale, unique[:, 2] / scale)

    def loss(logs: Floats) -> float:
        values = ParetoNbd(*(float(value) for value in np.exp(logs))).log_likelihood(compact)
        return -float(counts @ values) / float(counts.sum())

    start = np.log([0.5, 0.2, 0.5, 0.2])
    found = minimize(loss, start, bounds=[(-12.0, 12.0)] * 4, method="L-BFGS-B")
    r, alpha, s, beta = (float(value) for value in np.exp(found.x))
    return ParetoNbd(r, alpha * scale, s, beta * scale)

"""Pareto/NBD: who still buys, where a customer may leave at any moment, not only after a purchase.

A customer buys at rate lambda ~ Gamma(r, rate alpha) and leaves for good at rate
mu ~ Gamma(s, rate beta). The history is that of `engine.models.btyd`: x repeat purchases, the last
of them at t_x, in an observation of length T.

Source: Schmittlein, Morrison & Colombo (1987), Counting Your Customers: Who Are They and What Will
They Do Next?, Management Science 33(1), 1-24; the likelihood in the form of Fader & Hardie (2005),
"A Note on Deriving the Pareto/NBD Model and Related Expressions".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, gammaln, hyp2f1

from engine.errors import DataError
from engine.models.btyd import Floats, PurchaseHistory, distinct_histories

_FRACTION_TERMS = 200

_NEAR = 5.0

LARGEST_LOG_PARAMETER = 6.0
"""In units of the longest history. Where everybody leaves at one rate s and beta grow without end;
beyond this bound the likelihood is flat and its series slow."""


@dataclass(frozen=True, slots=True)
class ParetoNbd:
    """The four parameters of Pareto/NBD, and what they say of a customer."""

    r: float
    alpha: float
    s: float
    beta: float

    def log_likelihood(self, history: PurchaseHistory) -> Floats:
        """log P(x, t_x, T), (N,)."""
        x, length = history.repeats, history.length
        shape = self.r + x
        told = gammaln(shape) - gammaln(self.r) + self.r * np.log(self.alpha)
        told += self.s * np.log(self.beta)
        alive = -shape * np.log(self.alpha + length) - self.s * np.log(self.beta + length)
        return np.asarray(told + np.logaddexp(alive, self._gone(history)))

    def probability_alive(self, history: PurchaseHistory) -> Floats:
        """P(alive at T | x, t_x, T), (N,)."""
        x, length = history.repeats, history.length
        alive = -(self.r + x) * np.log(self.alpha + length) - self.s * np.log(self.beta + length)
        return np.asarray(expit(alive - self._gone(history)))

    def probability_any(self, history: PurchaseHistory, t: float) -> Floats:
        """P(at least one purchase in (T, T + t] | x, t_x, T), (N,).

        Exact: silence until T + t is the same history, observed for longer, so its probability is
        the ratio of the two likelihoods.
        """
        longer = replace(history, length=history.length + t)
        ratio = self.log_likelihood(longer) - self.log_likelihood(history)
        return np.abs(np.expm1(np.minimum(ratio, 0.0)))

    def _gone(self, history: PurchaseHistory) -> Floats:
        """Log (N,) of the part of the likelihood in which the customer left in (t_x, T].

        With the larger of alpha and beta in front the series of Gauss has its argument in [0, 1);
        by Euler's transformation its terms are at most 1, so that a thousand purchases are no
        trouble.
        """
        x = history.repeats
        front, back = max(self.alpha, self.beta), min(self.alpha, self.beta)
        second = self.s + 1 if self.alpha >= self.beta else self.r + x
        total = self.r + self.s + x

        def tail(since: Floats) -> Floats:
            z = (front - back) / (front + since)
            series = np.log(_gauss(total + 1 - second, total + 1, z))
            near = (1 - second) * (np.log(back + since) - np.log(front + since))
            return np.asarray(near + series - total * np.log(front + since))

        until_last, until_end = tail(history.last), tail(history.length)
        with np.errstate(divide="ignore"):  # who bought on the last day had no time to leave
            inside = np.log(-np.expm1(np.minimum(until_end - until_last, 0.0)))
        return np.asarray(np.log(self.s / total) + until_last + inside)


def _gauss(b: Floats, c: Floats, z: Floats) -> Floats:
    """2F1(1, b; c; z) for 0 < b < c and 0 <= z < 1, (N,).

    Far from c = b the continued fraction of Gauss converges fast, and SciPy's series is slow or,
    near z = 1, without an answer: an optimiser passes by there.
    """
    b, c, z = np.broadcast_arrays(b, c, z)
    result = np.full(z.shape, np.nan)
    near = c - b < _NEAR
    result[near] = hyp2f1(1, b[near], c[near], z[near])
    rest = np.isnan(result)
    if rest.any():
        b, c, z = b[rest], c[rest], z[rest]
        tail = np.zeros(len(z))
        for k in range(_FRACTION_TERMS, 0, -1):
            odd = (b + k) * (c + k - 1) / ((c + 2 * k - 1) * (c + 2 * k)) * z
            even = k * (c - b + k - 1) / ((c + 2 * k - 2) * (c + 2 * k - 1)) * z
            tail = even / (1 - odd / (1 - tail))
        result[rest] = 1 / (1 - b / c * z / (1 - tail))
    return result


def fit_pareto_nbd(history: PurchaseHistory) -> ParetoNbd:
    """Maximum-likelihood parameters of Pareto/NBD.

    Raises `DataError` where there is nobody or nobody who ever came back: the rate of buying is
    then not identified.
    """
    if not np.any(history.repeats > 0):
        raise DataError(
            "no_repeat_purchase",
            f"{len(history)} customers, none with a repeat purchase",
            why="Pareto/NBD learns how often people buy from those who came back at least once",
            next_step="Take a longer observation",
        )
    compact, counts, scale = distinct_histories(history)

    def loss(log_parameters: Floats) -> float:
        model = ParetoNbd(*(float(value) for value in np.exp(log_parameters)))
        return -float(counts @ model.log_likelihood(compact)) / float(counts.sum())

    found = minimize(
        loss,
        x0=np.log([0.5, 0.2, 0.5, 0.3]),
        bounds=[(-LARGEST_LOG_PARAMETER, LARGEST_LOG_PARAMETER)] * 4,
        method="L-BFGS-B",
        options={"maxiter": 300, "ftol": 1e-11, "gtol": 1e-7},
    )
    r, alpha, s, beta = (float(value) for value in np.exp(found.x))
    return ParetoNbd(r, alpha * scale, s, beta * scale)

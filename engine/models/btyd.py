"""BG/NBD: who still buys, from the dates of past purchases alone.

A customer buys at rate lambda ~ Gamma(r, rate alpha) while alive, and after every repeat purchase
leaves for good with probability p ~ Beta(a, b). Three numbers tell all that the model needs:
x repeat purchases, the last of them at t_x, in an observation of length T; both times are counted
from the first purchase.

Source: Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the
Pareto/NBD Model, Marketing Science 24(2), 275-284; equation numbers below are that paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, digamma, gammaln, hyp2f1

from engine.errors import DataError

Floats = NDArray[np.float64]

LOG_PARAMETER_LIMIT = 12.0
"""|log parameter| beyond this is a flat direction of the likelihood, not an estimate."""


@dataclass(frozen=True, slots=True)
class PurchaseHistory:
    """N customers; times in one unit of the caller's choice, counted from the first purchase."""

    repeats: Floats  # (N,) x: purchases after the first
    last: Floats  # (N,) t_x: time of the last repeat purchase; 0 where there is none
    length: Floats  # (N,) T: time from the first purchase to the end of the observation

    def __post_init__(self) -> None:
        x, t_x, length = self.repeats, self.last, self.length
        if not (x.shape == t_x.shape == length.shape and x.ndim == 1):
            raise DataError(
                "bad_history",
                f"shapes {x.shape}, {t_x.shape}, {length.shape}",
                why="a purchase history is three vectors of one length",
            )
        # Comparisons are written so that a NaN fails them.
        good = (x >= 0) & (t_x >= 0) & (t_x <= length) & ((x > 0) == (t_x > 0))
        if not good.all():
            row = int(np.argmin(good))
            raise DataError(
                "bad_history",
                f"customer {row}: {x[row]:g} repeats, last at {t_x[row]:g}, length {length[row]:g}",
                why="expected 0 <= last <= length, and last > 0 exactly where there are repeats",
                next_step="Merge the purchases of a customer on one day, and leave out later ones",
            )

    def __len__(self) -> int:
        return len(self.repeats)


def purchase_history(
    customers: NDArray[Any], days: NDArray[np.int64], end_day: int, *, days_per_unit: float = 7.0
) -> tuple[NDArray[Any], PurchaseHistory]:
    """Customers in sorted order and their histories, from one row per purchase.

    `days` are whole days on any common scale; purchases after `end_day` are left out, and several
    on one day are one purchase. Customers without a purchase until `end_day` do not appear.
    """
    kept = days <= end_day
    who, day = customers[kept], days[kept]
    order = np.lexsort((day, who))
    who, day = who[order], day[order]
    new = np.ones(len(who), dtype=bool)
    new[1:] = (who[1:] != who[:-1]) | (day[1:] != day[:-1])
    who, day = who[new], day[new]
    names, start = np.unique(who, return_index=True)
    stop = np.append(start[1:], len(who))
    first, last = day[start], day[stop - 1]
    history = PurchaseHistory(
        (stop - start - 1).astype(np.float64),
        (last - first) / days_per_unit,
        (end_day - first) / days_per_unit,
    )
    return names, history


def distinct_histories(
    history: PurchaseHistory,
) -> tuple[PurchaseHistory, NDArray[np.int64], float]:
    """The different histories, how many customers have each, and the unit: the longest is 1.

    Days make many customers equal: the likelihood of 23,570 needs only a few thousand rows.
    """
    rows = np.column_stack([history.repeats, history.last, history.length])
    unique, counts = np.unique(rows, axis=0, return_counts=True)
    scale = float(unique[:, 2].max())
    return PurchaseHistory(unique[:, 0], unique[:, 1] / scale, unique[:, 2] / scale), counts, scale


@dataclass(frozen=True, slots=True)
class BetaGeometric:
    """The four parameters of BG/NBD, and what they say of a customer."""

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, history: PurchaseHistory) -> float:
        """Sum over customers of the log of eq. 6."""
        value, _ = _log_likelihood(np.array([self.r, self.alpha, self.a, self.b]), history)
        return float(value.sum())

    def probability_alive(self, history: PurchaseHistory) -> Floats:
        """P(alive at T | x, t_x, T), (N,).

        A trap as a churn score: customers without a repeat purchase have had no occasion to leave
        in this model, so they all get 1. Use `probability_any`.
        """
        x, t_x, length = history.repeats, history.last, history.length
        log_odds_left = (
            np.log(self.a)
            - np.log(self.b + np.maximum(x, 1) - 1)
            + (self.r + x) * (np.log(self.alpha + length) - np.log(self.alpha + t_x))
        )
        alive = 1.0 / (1.0 + np.exp(log_odds_left))
        return np.where(x > 0, alive, 1.0)

    def probability_any(self, history: PurchaseHistory, t: float) -> Floats:
        """P(at least one purchase in (T, T + t] | x, t_x, T), (N,).

        Exact: a customer leaves only right after a purchase, so whoever is alive at T and then
        stays silent is silent by the purchase rate alone, whose posterior is
        Gamma(r + x, alpha + T):  P(alive) (1 - ((alpha + T) / (alpha + T + t))^(r + x)).
        """
        exponent = (self.r + history.repeats) * np.log1p(t / (self.alpha + history.length))
        return self.probability_alive(history) * -np.expm1(-exponent)

    def expected_purchases(self, history: PurchaseHistory, t: float) -> Floats:
        """E(number of purchases in (T, T + t] | x, t_x, T), (N,): eq. 10."""
        x, length = history.repeats, history.length
        # At a = 1 eq. 10 is 0 / 0; the limit is smooth, so a step aside costs no accuracy.
        a = self.a if abs(self.a - 1) > 1e-6 else 1 + 1e-6
        z = t / (self.alpha + length + t)
        shrink = np.exp(-(self.r + x) * np.log1p(t / (self.alpha + length)))
        series = hyp2f1(self.r + x, self.b + x, a + self.b + x - 1, z)
        if_alive = (a + self.b + x - 1) / (a - 1) * (1 - shrink * series)
        return np.asarray(if_alive * self.probability_alive(history), dtype=np.float64)


def fit_bg_nbd(history: PurchaseHistory) -> BetaGeometric:
    """Maximum-likelihood parameters of BG/NBD.

    Raises `DataError` where there is nobody or nobody who ever came back: the dropout parameters
    are then not identified.
    """
    if not np.any(history.repeats > 0):
        raise DataError(
            "no_repeat_purchase",
            f"{len(history)} customers, none with a repeat purchase",
            why="BG/NBD learns who leaves from those who came back at least once",
            next_step="Take a longer observation",
        )
    compact, counts, scale = distinct_histories(history)

    def loss(log_parameters: Floats) -> tuple[float, Floats]:
        parameters = np.exp(log_parameters)
        value, gradient = _log_likelihood(parameters, compact)
        total = counts.sum()
        return -float(counts @ value) / total, -(counts @ gradient) * parameters / total

    bounds = [(-LOG_PARAMETER_LIMIT, LOG_PARAMETER_LIMIT)] * 4
    found = minimize(
        loss,
        x0=np.log([0.5, 0.1, 1.0, 2.0]),
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"maxiter": 1000, "ftol": 1e-14, "gtol": 1e-9},
    )
    r, alpha, a, b = np.exp(found.x)
    return BetaGeometric(float(r), float(alpha * scale), float(a), float(b))


def _log_likelihood(parameters: Floats, history: PurchaseHistory) -> tuple[Floats, Floats]:
    """Eq. 6 in logs: value (N,) and gradient (N, 4) by r, alpha, a, b."""
    r, alpha, a, b = (float(p) for p in parameters)
    x, t_x, length = history.repeats, history.last, history.length
    repeated = x > 0
    log_rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    log_stay = betaln(a, b + x) - betaln(a, b)
    # Two ways to be silent since t_x: alive, or gone right after t_x (only after a repeat).
    alive = -(r + x) * np.log(alpha + length)
    gone = np.where(
        repeated,
        np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x),
        -np.inf,
    )
    silent = np.logaddexp(alive, gone)
    p_gone = np.exp(gone - silent)
    p_alive = 1 - p_gone

    d_r = digamma(r + x) - digamma(r) + np.log(alpha)
    d_r -= p_alive * np.log(alpha + length) + p_gone * np.log(alpha + t_x)
    d_alpha = r / alpha - (r + x) * (p_alive / (alpha + length) + p_gone / (alpha + t_x))
    d_a = digamma(a + b) - digamma(a + b + x) + p_gone / a
    # log_stay is B(a, b + x) / B(a, b): it has b + x and a + b, and a itself cancels out.
    d_b = digamma(b + x) - digamma(b) + digamma(a + b) - digamma(a + b + x)
    d_b -= np.where(repeated, p_gone / (b + np.maximum(x, 1) - 1), 0.0)
    return log_rate + log_stay + silent, np.column_stack([d_r, d_alpha, d_a, d_b])

"""Bootstrap intervals that resample users, not rows: a user appears at many cutoffs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.evaluation.metrics import checked
from engine.types import Interval

MetricName = Literal["log_loss", "roc_auc", "average_precision", "brier"]
Floats = NDArray[np.float64]
Statistic = Callable[[Floats], float]
"""From the weight of every row (N,) to the metric; NaN where the draw holds one class only."""


def paired_difference(
    label: NDArray[Any],
    risk_a: NDArray[Any],
    risk_b: NDArray[Any],
    users: NDArray[Any],
    *,
    metric: MetricName,
    seed: int,
    rounds: int = 400,
    weight: NDArray[Any] | None = None,
) -> Interval:
    """The metric of `risk_a` minus that of `risk_b` on the same rows (N,), with a 95 % interval.

    Both models see the same draws, so what is common to them cancels. Percentile bootstrap
    clustered on `users` (N,); `weight` (N,) weighs the rows. Raises `DataError` when a ranking
    metric is asked of one class.
    """
    first, second = statistic(label, risk_a, metric), statistic(label, risk_b, metric)
    return _bootstrap(lambda drawn: first(drawn) - second(drawn), users, seed, rounds, weight)


def metric_interval(
    label: NDArray[Any],
    risk: NDArray[Any],
    users: NDArray[Any],
    *,
    metric: MetricName,
    seed: int,
    rounds: int = 400,
    weight: NDArray[Any] | None = None,
) -> Interval:
    """The metric of one model with a 95 % interval; otherwise as `paired_difference`."""
    return _bootstrap(statistic(label, risk, metric), users, seed, rounds, weight)


def mean_interval(
    values: NDArray[Any],
    users: NDArray[Any],
    *,
    seed: int,
    rounds: int = 400,
    weight: NDArray[Any] | None = None,
) -> Interval:
    """The weighted mean of `values` (N,) with a 95 % interval; otherwise as `paired_difference`."""
    return _bootstrap(_mean_of(np.asarray(values, np.float64)), users, seed, rounds, weight)


def statistic(label: NDArray[Any], risk: NDArray[Any], metric: MetricName) -> Statistic:
    """The metric as a function of row weights; what does not depend on them is computed once."""
    label, risk, _ = checked(label, risk)
    if metric == "log_loss":
        # scikit-learn's clipping, so that both spellings of the metric agree on certain forecasts
        near = np.finfo(np.float64).eps
        chance = np.clip(np.where(label == 1, risk, 1 - risk), near, 1 - near)
        return _mean_of(-np.log(chance))
    if metric == "brier":
        return _mean_of((label - risk) ** 2)
    if label.min() == label.max():
        raise DataError(
            "one_class",
            f"All {len(label)} labels are {int(label[0])}, so {metric} is not defined",
            why="Ranking is judged between those who left and those who stayed",
            next_step="Use a longer horizon or more users",
        )
    order = np.argsort(-risk, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(risk[order])), len(risk) - 1)  # last of each tie
    churned = label[order]
    curve = _auc if metric == "roc_auc" else _average_precision
    return lambda weight: curve(weight[order], churned, ends)


def _mean_of(loss: Floats) -> Statistic:
    return lambda weight: float(loss @ weight / weight.sum())


def _auc(weight: Floats, churned: Floats, ends: NDArray[np.intp]) -> float:
    caught = np.cumsum(weight * churned)[ends]
    alarmed = np.cumsum(weight * (1 - churned))[ends]
    if not caught[-1] or not alarmed[-1]:
        return float("nan")
    area = np.trapezoid(np.append(0.0, caught), np.append(0.0, alarmed))
    return float(area / (caught[-1] * alarmed[-1]))


def _average_precision(weight: Floats, churned: Floats, ends: NDArray[np.intp]) -> float:
    caught = np.cumsum(weight * churned)[ends]
    seen = np.cumsum(weight)[ends]
    if not caught[-1]:
        return float("nan")
    gained = np.diff(caught, prepend=0.0)
    precision = np.divide(caught, seen, out=np.zeros_like(caught), where=seen > 0)
    return float(gained @ precision / caught[-1])


def _bootstrap(
    of: Statistic, users: NDArray[Any], seed: int, rounds: int, weight: NDArray[Any] | None
) -> Interval:
    names, row_user = np.unique(users, return_inverse=True)
    own = np.ones(len(row_user)) if weight is None else np.asarray(weight, dtype=np.float64)
    rng = np.random.default_rng(seed)
    chance = np.full(len(names), 1 / len(names))
    draws = np.array(
        [of(own * rng.multinomial(len(names), chance)[row_user]) for _ in range(rounds)]
    )
    said = draws[~np.isnan(draws)]
    if not len(said):
        raise DataError(
            "one_class",
            f"{len(names)} users are too few: every draw holds one class only",
            next_step="Use more users",
        )
    low, high = np.quantile(said, [0.025, 0.975])
    return Interval(of(own), float(low), float(high))

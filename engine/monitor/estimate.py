"""Figures before labels: what calibrated risks themselves say of the list they make (CBPE).

If the risk of every user is right, the label of each is a coin of that weight, and the figures are
those of such coins. The idea is that of confidence-based performance estimation; the assumption is
that how features and churn belong together has not changed since calibration. It is printed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.gate import chance_calibration_error
from engine.evaluation.metrics import calibration_error, top
from engine.evaluation.paired import statistic
from engine.monitor.report import Checked, Estimate, Expected
from engine.types import Interval, Words

METRICS = ("roc_auc", "average_precision", "precision", "churn_rate", "ece")
DRAWS = 100
NORMAL_95 = 1.96
ASSUMPTION = Words(
    "假定：特征与流失的关系自校准以来没有变（只有人群变了）。关系若变，这里看不出来。",
    "Assumed: how features and churn belong together has not changed since calibration; only who "
    "the users are may have. If it has changed, these figures cannot show it.",
)
Floats = NDArray[np.float64]


def expected(risk: Floats, capacity: float) -> dict[str, float]:
    """The expected figures of N users with calibrated `risk` (N,).

    `precision` is that of the `capacity` share with the highest risk. `ece` is the error that a
    perfectly calibrated model stays below in 95 % of draws: a floor, not a forecast.
    """
    order = np.argsort(-risk, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(risk[order])), len(risk) - 1)
    leaves = np.cumsum(risk[order])[ends]
    stays = np.cumsum(1 - risk[order])[ends]
    if leaves[-1] and stays[-1]:
        area = np.trapezoid(np.append(0.0, leaves), np.append(0.0, stays))
        auc = float(area / (leaves[-1] * stays[-1]))
        gained = np.diff(leaves, prepend=0.0)
        precision = float(gained @ (leaves / (ends + 1)) / leaves[-1])
    else:
        auc = precision = math.nan
    return {
        "roc_auc": auc,
        "average_precision": precision,
        "precision": float(risk[top(risk, capacity)].mean()),
        "churn_rate": float(risk.mean()),
        "ece": chance_calibration_error(risk, 0),
    }


def came_true(label: NDArray[np.floating], risk: Floats, capacity: float) -> dict[str, float]:
    """The same figures from labels (N,); NaN where one class is missing."""
    both = 0 < label.sum() < len(label)
    ones = np.ones(len(label))
    return {
        "roc_auc": statistic(label, risk, "roc_auc")(ones) if both else math.nan,
        "average_precision": (
            statistic(label, risk, "average_precision")(ones) if both else math.nan
        ),
        "precision": float(label[top(risk, capacity)].mean()),
        "churn_rate": float(label.mean()),
        "ece": calibration_error(np.asarray(label, np.float64), risk),
    }


def check(
    cutoff: datetime, label: NDArray[np.floating], risk: Floats, capacity: float
) -> tuple[Checked, ...]:
    """What would have been expected of `risk` (N,) at `cutoff`, beside what came true."""
    before, after = expected(risk, capacity), came_true(label, risk, capacity)
    return tuple(
        Checked(cutoff, len(risk), metric, before[metric], after[metric]) for metric in METRICS
    )


def estimate(
    risk: Floats, capacity: float, checked: Sequence[Checked] = (), *, seed: int
) -> Estimate:
    """Expected figures of the present `risk` (N,) with 95 % intervals.

    The half-width is 1.96 times the larger of two deviations: that of labels drawn as coins of
    the risks, and the root mean square of the errors at past cutoffs (`checked`). For `ece`, whose
    value is a floor, the upper end is the largest that came true.
    """
    values = expected(risk, capacity)
    rng = np.random.default_rng(seed)
    draws = [
        came_true((rng.random(len(risk)) < risk).astype(np.float64), risk, capacity)
        for _ in range(DRAWS)
    ]
    figures = []
    for metric in METRICS:
        value = values[metric]
        past = [one for one in checked if one.metric == metric and not math.isnan(one.error)]
        if metric == "ece":
            high = max([value, *(one.came_true for one in past)])
            figures.append(Expected(metric, Interval(value, 0.0, high)))
            continue
        drawn = np.array([draw[metric] for draw in draws])
        drawn = drawn[~np.isnan(drawn)]
        by_chance = float(drawn.std()) if len(drawn) else math.nan
        by_past = math.sqrt(sum(one.error**2 for one in past) / len(past)) if past else 0.0
        half = NORMAL_95 * max(by_chance, by_past)
        low, high = max(0.0, value - half), min(1.0, value + half)
        figures.append(Expected(metric, Interval(value, low, high)))
    return Estimate(tuple(figures), tuple(checked), ASSUMPTION)

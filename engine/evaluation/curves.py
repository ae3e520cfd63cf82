"""The curves behind the metrics: ROC, precision against recall, reliability, lift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from engine.calibrated import Reliability
from engine.errors import DataError
from engine.evaluation.metrics import BINS, calibration_error, checked, equal_mass_bins

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curves:
    """Points of the curves, left to right; every value in [0, 1]."""

    false_positive_rate: Floats  # (R,)
    true_positive_rate: Floats  # (R,)
    recall: Floats  # (P,)
    precision: Floats  # (P,)
    bin_risk: Floats  # (≤ 10,) mean risk of each equal-mass bin
    bin_rate: Floats  # (≤ 10,) churn rate of the same rows
    bin_rows: NDArray[np.int64]  # (≤ 10,)
    contacted: Floats  # (L,) share of the users with the highest risk
    caught: Floats  # (L,) share of all who leave that are among them


def curves(label: NDArray[Any], risk: NDArray[Any]) -> Curves:
    """The curves of `risk` (N,) against `label` (N,); raises `DataError` for one class only."""
    label, risk, _ = checked(label, risk)
    if label.min() == label.max():
        raise DataError(
            "one_class",
            f"All {len(label)} labels are {int(label[0])}, so there is no curve to draw",
            why="Ranking is judged between those who left and those who stayed",
        )
    alarmed, caught, _ = roc_curve(label, risk)
    precision, recall, _ = precision_recall_curve(label, risk)
    flat = reliability(label, risk)
    contacted, caught_there = gains(label, risk)
    return Curves(
        false_positive_rate=alarmed,
        true_positive_rate=caught,
        recall=recall[::-1],
        precision=precision[::-1],
        bin_risk=np.array(flat.risk),
        bin_rate=np.array(flat.rate),
        bin_rows=np.array(flat.rows, np.int64),
        contacted=contacted,
        caught=caught_there,
    )


def gains(label: NDArray[Any], risk: NDArray[Any]) -> tuple[Floats, Floats]:
    """The lift curve (cumulative gains): share contacted, share of all leavers among them.

    Both (L,), from 0 to 1; rows of equal risk are one step. Lift at x is caught / contacted there.
    """
    label, risk, _ = checked(label, risk)
    order = np.argsort(-risk, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(risk[order])), len(risk) - 1)
    caught = np.cumsum(label[order])[ends] / label.sum()
    return np.append(0.0, (ends + 1) / len(risk)), np.append(0.0, caught)


def reliability(
    label: NDArray[Any], risk: NDArray[Any], weight: NDArray[Any] | None = None
) -> Reliability:
    """Mean risk and churn rate in equal-mass bins; its error is that of `metrics`."""
    label, risk, weight = checked(label, risk, weight)
    mass = np.ones_like(risk) if weight is None else weight
    bins = equal_mass_bins(risk)
    rows = np.bincount(bins, minlength=BINS)
    total = np.bincount(bins, weights=mass, minlength=BINS)
    full = total > 0
    risks = np.bincount(bins, weights=mass * risk, minlength=BINS)[full] / total[full]
    rates = np.bincount(bins, weights=mass * label, minlength=BINS)[full] / total[full]
    return Reliability(
        risk=tuple(risks.tolist()),
        rate=tuple(rates.tolist()),
        rows=tuple(rows[full].tolist()),
        error=calibration_error(label, risk, weight),
    )

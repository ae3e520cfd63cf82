"""The curves behind the metrics: ROC, precision against recall, reliability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from engine.errors import DataError
from engine.evaluation.metrics import BINS, checked, equal_mass_bins

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
    bins = equal_mass_bins(risk)
    rows = np.bincount(bins, minlength=BINS)
    full = rows > 0
    return Curves(
        false_positive_rate=alarmed,
        true_positive_rate=caught,
        recall=recall[::-1],
        precision=precision[::-1],
        bin_risk=np.bincount(bins, weights=risk, minlength=BINS)[full] / rows[full],
        bin_rate=np.bincount(bins, weights=label, minlength=BINS)[full] / rows[full],
        bin_rows=rows[full].astype(np.int64),
    )

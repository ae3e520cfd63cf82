"""The metrics of one model on one set of rows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from engine.errors import DataError
from engine.types import Confusion, Metrics

BINS = 10
"""Of the calibration error and the reliability curve."""


def metrics(
    model: str,
    label: NDArray[Any],
    risk: NDArray[Any],
    *,
    cutoffs: Iterable[datetime],
    capacity: float,
    weight: NDArray[Any] | None = None,
) -> Metrics:
    """The metrics of `risk` (N,) in [0, 1] against `label` (N,) of 0 and 1.

    `capacity` in (0, 1] is the share of rows that operations can contact; those rows are the
    positives of accuracy, precision, recall, F1 and the confusion matrix. `weight` (N,) weighs the
    score metrics; what describes the contact list itself (confusion, lift) counts rows.

    What cannot be said is NaN: ROC-AUC with one class only; average precision, recall, F1 and lift
    without a single positive. Raises `DataError` for no rows, and for values out of range.
    """
    label, risk, weight = checked(label, risk, weight)
    if not 0 < capacity <= 1:
        raise DataError(
            "bad_capacity",
            f"The capacity {capacity!r} is no share of the users",
            why="It must be above 0 and at most 1",
        )
    positives = int(label.sum())
    both = 0 < positives < len(label)
    flagged = top(risk, capacity)
    confusion = _confusion(label, flagged)
    right = confusion.true_positive + confusion.true_negative
    precision = confusion.true_positive / int(flagged.sum())
    recall = confusion.true_positive / positives if positives else math.nan
    f1 = 2 * confusion.true_positive / (int(flagged.sum()) + positives) if positives else math.nan
    return Metrics(
        model=model,
        n=len(label),
        positives=positives,
        roc_auc=float(roc_auc_score(label, risk, sample_weight=weight)) if both else math.nan,
        average_precision=(
            float(average_precision_score(label, risk, sample_weight=weight))
            if positives
            else math.nan
        ),
        log_loss=float(log_loss(label, risk, sample_weight=weight, labels=[0, 1])),
        brier=float(brier_score_loss(label, risk, sample_weight=weight, pos_label=1)),
        ece=calibration_error(label, risk, weight),
        accuracy=right / len(label),
        precision=precision,
        recall=recall,
        f1=f1,
        confusion=confusion,
        lift_at_10=lift(label, risk, 0.1),
        cutoffs=tuple(cutoffs),
    )


def checked(
    label: NDArray[Any], risk: NDArray[Any], weight: NDArray[Any] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
    """The arrays as float64; raises `DataError` where they are no labels and probabilities."""
    label = np.asarray(label, dtype=np.float64)
    risk = np.asarray(risk, dtype=np.float64)
    if label.ndim != 1 or label.shape != risk.shape:
        raise DataError(
            "shape_mismatch",
            f"Labels have shape {label.shape} and risks {risk.shape}",
            why="Both must be one column with one value per row",
        )
    if not len(label):
        raise DataError(
            "no_rows",
            "There is no row to evaluate",
            why="Metrics need at least one labelled user",
            next_step="Load more history, or choose an earlier cutoff",
        )
    strange = label[(label != 0) & (label != 1)]
    if len(strange):
        raise DataError("bad_label", f"The label {strange[0]} is neither 0 nor 1")
    strange = risk[~((risk >= 0) & (risk <= 1))]
    if len(strange):
        raise DataError(
            "bad_risk", f"The risk {strange[0]} is no probability", why="It must lie in [0, 1]"
        )
    if weight is None:
        return label, risk, None
    weight = np.asarray(weight, dtype=np.float64)
    if weight.shape != label.shape or not np.all(weight >= 0) or not 0 < weight.sum() < np.inf:
        raise DataError(
            "bad_weight",
            "The weights do not fit the rows",
            why="One finite weight of at least 0 per row is needed, not all of them 0",
        )
    return label, risk, weight


def top(risk: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """(N,) the rows with the highest risk: `share` of them, rounded up.

    Rows of equal risk at the cut are taken in their order, so that the same frame always gives the
    same list.
    """
    count = min(len(risk), max(1, math.ceil(share * len(risk) - 1e-9)))
    chosen = np.zeros(len(risk), dtype=np.bool_)
    chosen[np.argsort(-risk, kind="stable")[:count]] = True
    return chosen


def lift(label: NDArray[np.float64], risk: NDArray[np.float64], share: float) -> float:
    """The churn rate among the `share` with the highest risk, over the base rate."""
    if not label.any():
        return math.nan
    return float(label[top(risk, share)].mean() / label.mean())


def equal_mass_bins(risk: NDArray[np.float64], bins: int = BINS) -> NDArray[np.intp]:
    """(N,) the bin of each row: about equally many rows each; equal risks share a bin."""
    ordered = np.sort(risk)
    edges = ordered[(np.arange(1, bins) * len(ordered)) // bins]
    return np.searchsorted(edges, risk, side="right")


def calibration_error(
    label: NDArray[np.float64],
    risk: NDArray[np.float64],
    weight: NDArray[np.float64] | None = None,
) -> float:
    """Expected calibration error: mean |churn rate − mean risk| over the bins, weighted by mass."""
    mass = np.ones_like(risk) if weight is None else weight
    bins = equal_mass_bins(risk)
    gap = np.bincount(bins, weights=mass * (label - risk), minlength=BINS)
    return float(np.abs(gap).sum() / mass.sum())


def _confusion(label: NDArray[np.float64], flagged: NDArray[np.bool_]) -> Confusion:
    churned = label == 1
    return Confusion(
        true_negative=int((~flagged & ~churned).sum()),
        false_positive=int((flagged & ~churned).sum()),
        false_negative=int((~flagged & churned).sum()),
        true_positive=int((flagged & churned).sum()),
    )

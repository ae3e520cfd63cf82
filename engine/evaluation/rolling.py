"""The test over several cutoffs: one model's metrics on all of them, and on each."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.metrics import metrics
from engine.evaluation.profit import Economics, profit
from engine.types import Metrics


def measured(
    model: str,
    label: NDArray[Any],
    risk: NDArray[Any],
    economics: Economics,
    weight: NDArray[Any] | None = None,
) -> Metrics:
    """The metrics of N rows with the profit at capacity; cutoffs are those of `economics`."""
    cutoffs = np.unique(economics.cutoffs).astype("datetime64[us]").astype(object)
    known: list[datetime] = cutoffs.tolist()
    return replace(
        metrics(model, label, risk, cutoffs=known, capacity=economics.capacity, weight=weight),
        profit=profit(label, risk, economics, weight),
    )


def by_cutoff(
    model: str,
    label: NDArray[Any],
    risk: NDArray[Any],
    economics: Economics,
    weight: NDArray[Any] | None = None,
) -> tuple[Metrics, ...]:
    """The same for the rows of each cutoff alone, ascending."""
    parts = []
    for cutoff in np.unique(economics.cutoffs):
        rows = np.flatnonzero(economics.cutoffs == cutoff)
        parts.append(
            measured(
                model,
                label[rows],
                risk[rows],
                economics.take(rows),
                None if weight is None else weight[rows],
            )
        )
    return tuple(parts)

"""The test over several cutoffs: one model's metrics on all of them, and on each."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.concordance import concordance
from engine.evaluation.metrics import metrics
from engine.evaluation.profit import Economics, profit
from engine.features.frame import EventTimes
from engine.types import Metrics


def measured(
    model: str,
    label: NDArray[Any],
    risk: NDArray[Any],
    economics: Economics,
    weight: NDArray[Any] | None = None,
    times: EventTimes | None = None,
) -> Metrics:
    """The metrics of N rows with the profit at capacity and the C-index over `times`.

    The cutoffs are those of `economics`.
    """
    cutoffs = np.unique(economics.cutoffs).astype("datetime64[us]").astype(object)
    known: list[datetime] = cutoffs.tolist()
    return replace(
        metrics(model, label, risk, cutoffs=known, capacity=economics.capacity, weight=weight),
        profit=profit(label, risk, economics, weight),
        concordance=concordance(risk, times, weight),
    )


def by_cutoff(
    model: str,
    label: NDArray[Any],
    risk: NDArray[Any],
    economics: Economics,
    weight: NDArray[Any] | None = None,
    times: EventTimes | None = None,
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
                None if times is None else times.take(rows),
            )
        )
    return tuple(parts)

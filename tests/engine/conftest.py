"""Rows with a planted signal, for models and whatever is built on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.features.frame import FeatureFrame, LabelledFrame, Sequences

DAY_S = 86_400.0
KINDS = ("opened", "finished", "complained")


def plant(
    n: int,
    *,
    seed: int,
    columns: int = 6,
    numbers: float = 1.0,
    sequence: float = 0.0,
    cutoff: str = "2026-03-01",
    mean_events: float = 12.0,
) -> LabelledFrame:
    """N users whose log-odds of churn are planted.

    `numbers` weighs the first column and a kink in the second; `sequence` weighs the share of
    "complained" among a user's events, which no column shows. One value in twenty is missing,
    about one user in ten has no event.
    """
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, columns)).astype(np.float32)
    length = np.minimum(rng.poisson(mean_events, n), 40) * (rng.random(n) > 0.1)
    stop = np.cumsum(length)
    row = np.repeat(np.arange(n), length)
    complains = rng.random(n)
    kind = np.where(rng.random(len(row)) < complains[row], 2, rng.integers(0, 2, len(row)))
    cutoffs = np.full(n, np.datetime64(cutoff, "s"))
    ages = rng.exponential(20 * DAY_S, len(row))
    ages = ages[np.lexsort((-ages, row))]
    log_odds = numbers * (values[:, 0] + np.maximum(values[:, min(1, columns - 1)], 0)) - 0.5
    log_odds += sequence * np.where(length > 0, complains - 0.5, 0.0)
    label = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.float32)
    values[rng.random(values.shape) < 0.05] = np.nan
    sequences = Sequences(
        kind.astype(np.int32),
        rng.integers(0, 4, len(row)).astype(np.int32),
        rng.exponential(1.0, len(row)).astype(np.float32),
        cutoffs.astype(np.float64)[row] - ages,
        (stop - length).astype(np.int64),
        stop.astype(np.int64),
        KINDS,
        ("", "history", "music", "writing"),
    )
    frame = FeatureFrame(
        np.array([f"u{i:05d}" for i in range(n)], object),
        cutoffs,
        np.array(["monthly", "yearly"], object)[rng.integers(0, 2, n)],
        tuple(f"column_{i}" for i in range(columns)),
        values,
        sequences,
    )
    return LabelledFrame(frame, label, np.ones(n, np.float32))


@pytest.fixture(scope="session")
def planted() -> Callable[..., LabelledFrame]:
    """The function `plant`."""
    return plant

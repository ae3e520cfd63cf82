"""The C-index against every pair compared one by one, and against the area under the ROC curve."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.evaluation import concordance as module
from engine.evaluation.concordance import concordance
from engine.features.frame import EventTimes


def decided(seed: int, n: int, event: Literal["leave", "return"] = "leave") -> EventTimes:
    """Days with ties; a third is not seen, and windows end on different days."""
    rng = np.random.default_rng(seed)
    day = np.where(rng.random(n) < 0.33, np.inf, rng.integers(0, 25, n) / 2)
    return EventTimes(event, 14, day.astype(np.float32), rng.integers(3, 14, n).astype(np.float32))


def pair_by_pair(risk: np.ndarray, times: EventTimes, weight: np.ndarray) -> float:
    right = pairs = 0.0
    for i in range(len(risk)):
        if times.day[i] > times.observed_days[i]:
            continue
        for j in range(len(risk)):
            seen = times.day[j] <= times.observed_days[j]
            if times.day[i] >= times.day[j] if seen else times.day[i] > times.observed_days[j]:
                continue
            first, other = (risk[i], risk[j]) if times.event == "leave" else (risk[j], risk[i])
            pairs += weight[i] * weight[j]
            right += weight[i] * weight[j] * (1 if first > other else first == other and 0.5)
    return right / pairs


@pytest.mark.parametrize("event", ["leave", "return"])
@pytest.mark.parametrize("block_rows", [1, 7, 256])
def test_halving_counts_what_pairs_count(
    event: Literal["leave", "return"], block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", block_rows)
    rng = np.random.default_rng(1)
    times = decided(2, 120, event)
    risk, weight = np.round(rng.random(120), 1), rng.integers(0, 4, 120).astype(float)
    assert concordance(risk, times, weight) == pytest.approx(pair_by_pair(risk, times, weight))
    ones = np.ones(120)
    assert concordance(risk, times) == pytest.approx(pair_by_pair(risk, times, ones))


def test_one_day_for_all_who_leave_is_the_area_under_the_roc_curve() -> None:
    rng = np.random.default_rng(3)
    label, risk = rng.random(900) < 0.3, np.round(rng.random(900), 2)
    day = np.where(label, 5, np.inf).astype(np.float32)
    times = EventTimes("leave", 14, day, np.full(900, 14, np.float32))
    assert concordance(risk, times) == pytest.approx(roc_auc_score(label, risk))
    back = EventTimes(
        "return", 14, np.where(label, np.inf, 5).astype(np.float32), times.observed_days
    )
    assert concordance(risk, back) == pytest.approx(roc_auc_score(label, risk))


def test_the_order_of_leaving_counts_among_those_who_leave() -> None:
    day = np.array([1, 2, 3, np.inf], np.float32)
    times = EventTimes("leave", 14, day, np.full(4, 14, np.float32))
    assert concordance(np.array([0.9, 0.8, 0.7, 0.1]), times) == 1
    assert concordance(np.array([0.7, 0.8, 0.9, 0.1]), times) == 0.5


def test_nothing_to_compare() -> None:
    assert concordance(np.array([0.5]), None) is None
    nobody = EventTimes("leave", 14, np.full(3, np.inf, np.float32), np.full(3, 14, np.float32))
    found = concordance(np.array([0.1, 0.2, 0.3]), nobody)
    assert found is not None
    assert math.isnan(found)

"""Estimates before labels: right where risks are right, and wide where the past was wrong."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.monitor.estimate import came_true, check, estimate, expected
from engine.monitor.report import Checked

RISK = np.random.default_rng(3).beta(1.2, 6, 4_000)
LABEL = (np.random.default_rng(4).random(4_000) < RISK).astype(np.float64)
CAPACITY = 0.1


def test_true_risks_give_estimates_that_come_true() -> None:
    before, after = expected(RISK, CAPACITY), came_true(LABEL, RISK, CAPACITY)
    for metric in ("roc_auc", "average_precision", "precision", "churn_rate"):
        assert before[metric] == pytest.approx(after[metric], abs=0.04), metric
    assert after["ece"] <= before["ece"] + 0.01


def test_the_intervals_hold_what_happens_to_true_risks() -> None:
    found = estimate(RISK, CAPACITY, seed=1)
    rng = np.random.default_rng(5)
    for metric in ("roc_auc", "average_precision", "precision", "churn_rate"):
        value = found.of(metric)
        assert value is not None
        held = 0
        for _ in range(30):
            label = (rng.random(len(RISK)) < RISK).astype(np.float64)
            held += value.low <= came_true(label, RISK, CAPACITY)[metric] <= value.high
        assert held >= 25, metric  # at 95 %


def test_the_auc_of_certain_risks_is_the_auc_of_their_labels() -> None:
    certain = np.where(LABEL == 1, 1 - 1e-9, 1e-9)
    assert expected(certain, CAPACITY)["roc_auc"] == pytest.approx(1, abs=1e-6)
    assert expected(np.full(50, 0.3), CAPACITY)["roc_auc"] == pytest.approx(0.5)


def test_came_true_agrees_with_scikit_learn() -> None:
    assert came_true(LABEL, RISK, CAPACITY)["roc_auc"] == pytest.approx(roc_auc_score(LABEL, RISK))


def test_what_was_wrong_in_the_past_widens_the_interval() -> None:
    wrong = [
        Checked(datetime(2026, 5, day), 4_000, "roc_auc", 0.75, 0.75 + error)
        for day, error in ((1, 0.08), (15, 0.06))
    ]
    narrow, wide = (estimate(RISK, CAPACITY, past, seed=1).of("roc_auc") for past in ((), wrong))
    assert narrow is not None
    assert wide is not None
    assert wide.estimate == narrow.estimate
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_one_class_has_no_auc_and_no_error() -> None:
    found = {one.metric: one for one in check(datetime(2026, 5, 1), 0 * LABEL, RISK, CAPACITY)}
    assert math.isnan(found["roc_auc"].came_true)
    assert found["churn_rate"].came_true == 0

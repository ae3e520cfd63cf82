"""Stress: the measures at their ends, and disturbances that stay within what happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engine.features.frame import LabelledFrame
from engine.monitor.stress import at_base_rate, jittered, kendall_tau, top_kept

RISK = np.random.default_rng(1).beta(1, 5, 2_000)


def test_the_same_order_is_one_and_the_opposite_minus_one() -> None:
    assert kendall_tau(RISK, RISK**2) == pytest.approx(1)
    assert kendall_tau(RISK, 1 - RISK) == pytest.approx(-1)
    assert top_kept(RISK, RISK**2) == 1
    assert top_kept(RISK, 1 - RISK) == 0


def test_a_moved_base_rate_breaks_calibration_and_moving_the_risks_mends_it() -> None:
    label = (np.random.default_rng(2).random(len(RISK)) < RISK).astype(np.float64)
    found = at_base_rate(label, RISK, 0.4)
    assert found.churn_rate == 0.4
    assert found.ece > 0.1
    assert found.ece_moved < 0.05
    same = at_base_rate(label, RISK, float(label.mean()))
    assert same.ece == pytest.approx(same.ece_moved)


def test_jitter_is_what_other_users_moved_by(planted: Callable[..., LabelledFrame]) -> None:
    today = planted(400, seed=1).frame
    values = today.values.copy()
    values[:, 0] -= 1  # an age: it grows by a day for everybody
    values[:200, 1] += 0.25  # half of the users moved
    yesterday = replace(today, values=values)
    calm = today.take(np.arange(100))
    shaken = jittered(calm, today, yesterday, np.random.default_rng(3))
    assert np.allclose(shaken.values[:, 0], calm.values[:, 0], atol=1e-5, equal_nan=True)
    assert np.array_equal(shaken.values[:, 2:], calm.values[:, 2:], equal_nan=True)
    moved = shaken.values[:, 1] - calm.values[:, 1]
    assert 20 < (np.abs(moved) > 0.1).sum() < 80
    assert np.nanmax(shaken.values[:, 1]) <= np.nanmax(calm.values[:, 1])
    assert np.array_equal(np.isnan(shaken.values), np.isnan(calm.values))

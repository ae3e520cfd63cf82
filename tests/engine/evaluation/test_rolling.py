"""Several test cutoffs, profit at capacity and the lift curve, against counts by hand."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from engine.evaluation.curves import gains, reliability
from engine.evaluation.metrics import calibration_error, metrics
from engine.evaluation.profit import Economics, gain, profit, profit_difference
from engine.evaluation.rolling import by_cutoff, measured
from engine.spread import spread

CUTOFFS = np.array(["2026-01-04", "2026-01-18", "2026-02-01"], "datetime64[s]")


@pytest.fixture
def world() -> tuple[np.ndarray, np.ndarray, Economics]:
    rng = np.random.default_rng(3)
    risk = rng.random(900)
    label = (rng.random(900) < risk).astype(float)
    value = rng.lognormal(3, 1, 900)
    return label, risk, Economics(value, np.repeat(CUTOFFS, 300), 0.1, 0.25, 0.5)


def test_each_cutoff_is_measured_alone(world: tuple[np.ndarray, np.ndarray, Economics]) -> None:
    label, risk, economics = world
    parts = by_cutoff("m", label, risk, economics)
    assert [one.cutoffs for one in parts] == [
        (datetime(2026, 1, 4),),
        (datetime(2026, 1, 18),),
        (datetime(2026, 2, 1),),
    ]
    for number, one in enumerate(parts):
        rows = slice(300 * number, 300 * (number + 1))
        assert one.roc_auc == roc_auc_score(label[rows], risk[rows])
    whole = measured("m", label, risk, economics)
    assert whole.cutoffs == tuple(one.cutoffs[0] for one in parts)
    assert whole.profit == pytest.approx(np.mean([one.profit for one in parts]))
    said = spread(parts, "log_loss")
    assert said is not None
    assert said.worst == max(one.log_loss for one in parts)
    assert said.mean == pytest.approx(whole.log_loss)  # of equally many rows
    best = spread(parts, "roc_auc")
    assert best is not None
    assert best.worst == min(one.roc_auc for one in parts)


def test_what_is_nowhere_known_has_no_spread() -> None:
    one = metrics("m", np.zeros(4), np.full(4, 0.1), cutoffs=(datetime(2026, 1, 4),), capacity=1)
    assert spread([one], "roc_auc") is None
    assert spread([one], "profit") is None
    assert spread([], "log_loss") is None


def test_profit_is_that_of_the_contact_list(
    world: tuple[np.ndarray, np.ndarray, Economics],
) -> None:
    label, risk, economics = world
    expected = 0.0
    for start in range(0, 900, 300):
        rows = range(start, start + 300)
        listed = sorted(rows, key=lambda row: -risk[row] * economics.value[row])[:30]
        expected += sum(0.25 * label[row] * economics.value[row] - 0.5 for row in listed)
    assert gain(label, risk, economics).sum() == pytest.approx(expected)
    assert profit(label, risk, economics) == pytest.approx(expected / 900)


def test_the_difference_is_that_of_the_profits(
    world: tuple[np.ndarray, np.ndarray, Economics],
) -> None:
    label, risk, economics = world
    other = np.random.default_rng(4).random(900)
    found = profit_difference(
        label, risk, other, np.arange(900) % 300, economics, seed=1, rounds=50
    )
    ours, theirs = profit(label, risk, economics), profit(label, other, economics)
    assert ours is not None
    assert theirs is not None
    assert found.estimate == pytest.approx(ours - theirs)
    assert found.low < found.estimate < found.high
    same = profit_difference(label, risk, risk, np.arange(900), economics, seed=1, rounds=5)
    assert (same.estimate, same.low, same.high) == (0, 0, 0)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.9])), min_size=2))
def test_the_area_under_the_lift_curve_tells_the_auc(rows: list[tuple[bool, float]]) -> None:
    """Area = base rate / 2 + (1 - base rate) * AUC: both curves hold the same order."""
    label, risk = (np.array(part, float) for part in zip(*rows, strict=True))
    if label.min() == label.max():
        return
    contacted, caught = gains(label, risk)
    assert (contacted[0], caught[0], contacted[-1], caught[-1]) == (0, 0, 1, 1)
    base = label.mean()
    assert np.trapezoid(caught, contacted) == pytest.approx(
        base / 2 + (1 - base) * roc_auc_score(label, risk)
    )


def test_reliability_adds_up_to_its_error(
    world: tuple[np.ndarray, np.ndarray, Economics],
) -> None:
    label, risk, _ = world
    found = reliability(label, risk)
    rows = np.array(found.rows)
    assert rows.sum() == 900
    gap = np.abs(np.array(found.risk) - np.array(found.rate))
    assert found.error == pytest.approx((rows * gap).sum() / 900)
    assert found.error == pytest.approx(calibration_error(label, risk))
    assert list(found.risk) == sorted(found.risk)

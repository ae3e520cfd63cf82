from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DataError
from engine.models.calibration import sigmoid
from engine.training.calibrate import fit_calibration


def _draw(scale: float, shift: float, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 1.5, n)
    return raw, (rng.random(n) < sigmoid(scale * raw + shift)).astype(float)


def test_recovers_a_planted_scale_and_shift() -> None:
    found = fit_calibration(*_draw(0.6, -1.0, 40_000, seed=1))
    assert found.scale == pytest.approx(0.6, abs=0.03)
    assert found.shift == pytest.approx(-1.0, abs=0.04)


def test_predicted_and_observed_churn_agree() -> None:
    raw, label = _draw(2.0, 0.5, 5_000, seed=2)
    risk = sigmoid(fit_calibration(raw, label).apply(raw))
    assert risk.mean() == pytest.approx(label.mean(), abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-50, 50), st.sampled_from([0.0, 1.0]), st.floats(0.01, 20)),
        min_size=1,
        max_size=80,
    )
)
def test_any_rows_give_a_finite_calibration_that_keeps_the_order(
    rows: list[tuple[float, float, float]],
) -> None:
    raw, label, weight = (np.array(part) for part in zip(*rows, strict=True))
    found = fit_calibration(raw, label, weight)
    assert found.scale > 0
    assert np.isfinite(found.shift)
    assert (np.diff(found.apply(np.sort(raw))) >= 0).all()


def test_scores_that_run_the_wrong_way_are_flattened_not_turned() -> None:
    raw, label = _draw(-2.0, 0.0, 3_000, seed=3)
    assert fit_calibration(raw, label).scale == pytest.approx(0.05)


def test_few_positives_move_the_shift_only() -> None:
    raw = np.linspace(-2, 2, 500)
    label = np.zeros(500)
    label[-10:] = 1
    found = fit_calibration(raw, label)
    assert found.scale == 1.0
    assert found.shift < -1


def test_weights_are_numbers_of_rows() -> None:
    raw, label = _draw(1.0, 0.0, 600, seed=4)
    weight = np.where(label > 0, 3.0, 1.0)
    repeated = np.repeat(np.arange(600), weight.astype(int))
    a, b = fit_calibration(raw, label, weight), fit_calibration(raw[repeated], label[repeated])
    assert (a.scale, a.shift) == pytest.approx((b.scale, b.shift), abs=1e-4)


def test_without_rows_the_sentence_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"No row is left to calibrate on.*Load a longer history"):
        fit_calibration(np.empty(0), np.empty(0))


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(DataError, match="2 scores are not finite numbers"):
        fit_calibration(np.array([0.0, np.nan, np.inf]), np.array([0.0, 1.0, 1.0]))

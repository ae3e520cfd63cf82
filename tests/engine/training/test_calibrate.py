from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from engine.errors import DataError
from engine.models.calibration import Calibration, calibration_from, sigmoid
from engine.training.calibrate import choose_calibration, fit_calibration, fit_isotonic


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


ROWS = st.lists(
    st.tuples(st.floats(-30, 30), st.sampled_from([0.0, 1.0]), st.floats(0.01, 20)),
    min_size=1,
    max_size=80,
)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.lists(st.integers(-5000, 5000), min_size=2, max_size=20, unique=True))
def test_an_isotonic_line_never_turns_nor_ties_users(
    rows: list[tuple[float, float, float]], asked: list[int]
) -> None:
    raw, label, weight = (np.array(part) for part in zip(*rows, strict=True))
    found = fit_isotonic(raw, label, weight)
    scores = found.apply(np.sort(np.array(asked)) / 100)
    assert np.isfinite(scores).all()
    assert (np.diff(scores) > 0).all()


def test_an_isotonic_line_follows_scikit_learns_steps() -> None:
    """At the centre of every block the risk is that of scikit-learn's own regression."""
    raw, label = _bent(20_000, seed=6)
    found = fit_isotonic(raw, label)
    oracle = IsotonicRegression(out_of_bounds="clip").fit(raw, label)
    centres = np.array(found.knots)
    ours, theirs = sigmoid(found.apply(centres)), oracle.predict(centres)
    inner = slice(3, -3)  # the blocks at the ends hold few rows and are pulled to the base rate
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=0.02)


def _bent(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose true log-odds bend: no scale and shift fits them."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 2, n)
    truth = np.where(raw > 0, 0.2 * raw, 2.0 * raw) - 0.5
    return raw, (rng.random(n) < sigmoid(truth)).astype(float)


def test_isotonic_is_taken_where_it_wins_held_out_and_nowhere_else() -> None:
    bent, left = _bent(20_000, seed=7)
    users = np.arange(20_000)
    assert choose_calibration(bent, left, users).knots
    assert not choose_calibration(bent[:3_000], left[:3_000], users[:3_000]).knots
    straight, gone = _draw(0.7, -0.4, 20_000, seed=8)
    assert not choose_calibration(straight, gone, users).knots


def test_a_kept_model_reads_its_line_back() -> None:
    raw, label = _bent(5_000, seed=9)
    found = fit_isotonic(raw, label).moved(0.3)
    again = calibration_from(json.loads(json.dumps(asdict(found))))
    assert again == found
    np.testing.assert_array_equal(again.apply(raw), found.apply(raw))
    assert calibration_from({"scale": 0.8, "shift": 0.1}) == Calibration(0.8, 0.1)

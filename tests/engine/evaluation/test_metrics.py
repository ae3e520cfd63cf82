from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from engine.errors import DataError
from engine.evaluation.metrics import calibration_error, metrics, top

CUTOFFS = (datetime(2026, 1, 1),)


def drawn(seed: int, n: int = 997) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    risk = rng.beta(1, 3, n)
    return (rng.random(n) < risk).astype(float), risk


def test_scores_equal_scikit_learn() -> None:
    label, risk = drawn(1)
    weight = np.random.default_rng(2).random(len(label))
    ours = metrics("m", label, risk, cutoffs=CUTOFFS, capacity=0.1, weight=weight)
    assert ours.roc_auc == pytest.approx(sk.roc_auc_score(label, risk, sample_weight=weight))
    assert ours.average_precision == pytest.approx(
        sk.average_precision_score(label, risk, sample_weight=weight)
    )
    assert ours.log_loss == pytest.approx(sk.log_loss(label, risk, sample_weight=weight))
    assert ours.brier == pytest.approx(sk.brier_score_loss(label, risk, sample_weight=weight))
    assert (ours.n, ours.positives, ours.cutoffs) == (997, int(label.sum()), CUTOFFS)


def test_contact_list_by_hand() -> None:
    label = np.array([1, 0, 1, 0, 0, 0, 0, 0, 1, 0])
    risk = np.array([0.9, 0.8, 0.7, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    ours = metrics("m", label, risk, cutoffs=CUTOFFS, capacity=0.3)
    c = ours.confusion
    assert (c.true_positive, c.false_positive, c.false_negative, c.true_negative) == (2, 1, 1, 6)
    assert ours.precision == pytest.approx(2 / 3)
    assert ours.recall == pytest.approx(2 / 3)
    assert ours.f1 == pytest.approx(2 / 3)
    assert ours.accuracy == pytest.approx(0.8)
    assert ours.lift_at_10 == pytest.approx(1 / 0.3)


def test_ties_at_the_cut_are_taken_in_row_order() -> None:
    assert top(np.full(10, 0.5), 0.3).tolist() == [True] * 3 + [False] * 7
    assert top(np.array([0.1, 0.5, 0.5, 0.9]), 0.5).tolist() == [False, True, False, True]


def test_share_is_rounded_up_but_not_by_a_rounding_error() -> None:
    assert top(np.arange(10.0), 0.1).sum() == 1
    assert top(np.arange(10.0), 0.7000000000000001).sum() == 7
    assert top(np.arange(11.0), 0.1).sum() == 2


def test_calibration_error_of_a_constant_is_the_distance_to_the_rate() -> None:
    label = np.repeat([0.0, 1.0], [70, 30])
    assert calibration_error(label, np.full(100, 0.3)) == pytest.approx(0)
    assert calibration_error(label, np.full(100, 0.5)) == pytest.approx(0.2)


def test_calibration_error_by_the_definition() -> None:
    label, risk = drawn(3, 1000)
    order = np.argsort(risk)
    bins = np.array_split(order, 10)
    by_hand = sum(abs(label[b].mean() - risk[b].mean()) * len(b) for b in bins) / 1000
    assert calibration_error(label, risk) == pytest.approx(by_hand)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_order_of_rows_does_not_matter(seed: int) -> None:
    label, risk = drawn(seed, 200)
    shuffle = np.random.default_rng(seed).permutation(200)
    one = metrics("m", label, risk, cutoffs=CUTOFFS, capacity=0.1)
    two = metrics("m", label[shuffle], risk[shuffle], cutoffs=CUTOFFS, capacity=0.1)
    assert one.confusion == two.confusion
    for name in ("roc_auc", "average_precision", "log_loss", "brier", "ece", "lift_at_10"):
        assert getattr(one, name) == pytest.approx(getattr(two, name), nan_ok=True)


def test_one_class_says_what_it_can() -> None:
    stayed = metrics("m", np.zeros(5), np.full(5, 0.1), cutoffs=CUTOFFS, capacity=0.2)
    for name in ("roc_auc", "average_precision", "recall", "f1", "lift_at_10"):
        assert math.isnan(getattr(stayed, name)), name
    assert stayed.log_loss == pytest.approx(-math.log(0.9))
    assert stayed.accuracy == pytest.approx(0.8)
    left = metrics("m", np.ones(5), np.full(5, 0.1), cutoffs=CUTOFFS, capacity=0.2)
    assert math.isnan(left.roc_auc)
    assert left.lift_at_10 == 1


def test_certain_and_wrong_is_a_finite_loss() -> None:
    ours = metrics("m", np.array([1, 0]), np.array([0.0, 1.0]), cutoffs=CUTOFFS, capacity=0.5)
    assert 30 < ours.log_loss < 40
    assert ours.roc_auc == 0


@pytest.mark.parametrize(
    ("label", "risk", "capacity", "sentence"),
    [
        ([], [], 0.1, "There is no row to evaluate. Metrics need at least one labelled user."),
        ([0, 2], [0.1, 0.2], 0.1, "The label 2.0 is neither 0 nor 1."),
        ([0, 1], [0.1, 1.2], 0.1, "The risk 1.2 is no probability. It must lie in [0, 1]."),
        ([0, 1], [0.1, math.nan], 0.1, "The risk nan is no probability."),
        ([0, 1], [0.1], 0.1, "Labels have shape (2,) and risks (1,)."),
        ([0, 1], [0.1, 0.2], 0, "The capacity 0 is no share of the users."),
    ],
)
def test_bad_input_is_one_sentence(
    label: list[float], risk: list[float], capacity: float, sentence: str
) -> None:
    with pytest.raises(DataError) as raised:
        metrics("m", np.array(label), np.array(risk), cutoffs=CUTOFFS, capacity=capacity)
    assert raised.value.sentence.startswith(sentence)


def test_weights_must_fit() -> None:
    with pytest.raises(DataError, match="The weights do not fit the rows"):
        metrics(
            "m", np.array([0, 1]), np.array([0.1, 0.2]), cutoffs=(), capacity=1, weight=np.zeros(2)
        )

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from engine.errors import DataError
from engine.evaluation.paired import metric_interval, paired_difference, statistic

ORACLES = {
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
}


def drawn(seed: int, users: int, cutoffs: int = 1) -> tuple[np.ndarray, ...]:
    """Labels, a good risk, a noisy one and user ids: the user's own nature repeats each cutoff."""
    rng = np.random.default_rng(seed)
    nature = np.repeat(rng.normal(size=users), cutoffs)
    truth = 1 / (1 + np.exp(-nature))
    label = (rng.random(len(truth)) < truth).astype(float)
    noisy = 1 / (1 + np.exp(-(nature + rng.normal(size=len(truth)))))
    return label, truth, noisy, np.repeat(np.arange(users).astype(str), cutoffs)


@given(seed=st.integers(0, 10_000), metric=st.sampled_from(sorted(ORACLES)))
@settings(max_examples=60, deadline=None)
def test_weighted_statistic_equals_scikit_learn(seed: int, metric: str) -> None:
    rng = np.random.default_rng(seed)
    risk = rng.integers(1, 10, 80) / 10  # many ties
    label = np.append((rng.random(78) < risk[:78]).astype(float), [0.0, 1.0])
    weight = rng.integers(0, 4, 80).astype(float)
    weight[-2:] = 1
    ours = statistic(label, risk, metric)(weight)  # type: ignore[arg-type]
    assert ours == pytest.approx(ORACLES[metric](label, risk, sample_weight=weight))


@pytest.mark.parametrize("metric", sorted(ORACLES))
def test_a_model_does_not_differ_from_itself(metric: str) -> None:
    label, truth, _, users = drawn(1, 100)
    interval = paired_difference(label, truth, truth, users, metric=metric, seed=1, rounds=50)
    assert (interval.estimate, interval.low, interval.high) == (0, 0, 0)


def test_the_better_model_is_seen_and_the_sign_is_a_minus_b() -> None:
    label, truth, noisy, users = drawn(2, 1500)
    loss = paired_difference(label, truth, noisy, users, metric="log_loss", seed=1, rounds=200)
    area = paired_difference(label, truth, noisy, users, metric="roc_auc", seed=1, rounds=200)
    assert loss.high < 0 < area.low
    assert loss.low < loss.estimate < loss.high
    assert area.low < area.estimate < area.high


def test_same_seed_same_interval() -> None:
    label, truth, noisy, users = drawn(3, 200)
    first = paired_difference(label, truth, noisy, users, metric="roc_auc", seed=5, rounds=50)
    again = paired_difference(label, truth, noisy, users, metric="roc_auc", seed=5, rounds=50)
    other = paired_difference(label, truth, noisy, users, metric="roc_auc", seed=6, rounds=50)
    assert first == again
    assert first != other


def test_copies_of_a_user_add_no_certainty() -> None:
    """Eight identical rows a user must give the interval of one row a user, not one √8 narrower."""
    label, truth, _, users = drawn(4, 300)
    once = metric_interval(label, truth, users, metric="brier", seed=1, rounds=200)
    repeat = lambda x: np.repeat(x, 8)  # noqa: E731
    copies = metric_interval(
        repeat(label), repeat(truth), repeat(users), metric="brier", seed=1, rounds=200
    )
    assert copies.high - copies.low == pytest.approx(once.high - once.low, rel=1e-9)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        risk = rng.random(150)
        label = (rng.random(150) < risk).astype(float)
        interval = metric_interval(
            label, risk, np.arange(150), metric="brier", seed=seed, rounds=120
        )
        inside += interval.low <= 1 / 6 <= interval.high  # E r(1 - r) for uniform r
    assert 0.88 <= inside / 120 <= 0.99


def test_one_class_is_refused_for_ranking_only() -> None:
    risk, users = np.array([0.1, 0.2]), np.array(["a", "b"])
    with pytest.raises(DataError) as raised:
        metric_interval(np.zeros(2), risk, users, metric="roc_auc", seed=1)
    assert raised.value.sentence == (
        "All 2 labels are 0, so roc_auc is not defined. Ranking is judged between those who left "
        "and those who stayed. Use a longer horizon or more users."
    )
    assert metric_interval(np.zeros(2), risk, users, metric="brier", seed=1).estimate > 0

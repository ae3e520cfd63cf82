from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from engine.errors import Cancelled, DataError
from engine.features.frame import LabelledFrame
from engine.models.logistic import LogisticModel
from engine.models.nets.config import NetConfig
from engine.training.fit import FitConfig, NetFit, fit_net, use_threads
from engine.training.inputs import bucketed

pytestmark = pytest.mark.slow

Rows = Callable[..., LabelledFrame]
NET = NetConfig(hidden=12, layer=24)
FIT = FitConfig(max_epochs=4, least_steps=20)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    use_threads(1)


@pytest.fixture(scope="module")
def learned(planted: Rows) -> NetFit:
    train = planted(1500, seed=1, numbers=0.0, sequence=8.0)
    validate = planted(600, seed=2, numbers=0.0, sequence=8.0)
    return fit_net(train, validate, NET, replace(FIT, max_epochs=6), seed=5)


def test_a_signal_in_the_sequence_alone_is_found_by_the_net_only(
    learned: NetFit, planted: Rows
) -> None:
    train = planted(1500, seed=1, numbers=0.0, sequence=8.0)
    test = planted(1000, seed=3, numbers=0.0, sequence=8.0)
    logistic = LogisticModel.fit(train, strength=0.01)
    assert roc_auc_score(test.label, learned.model.log_odds(test.frame)) > 0.75
    assert roc_auc_score(test.label, logistic.log_odds(test.frame)) < 0.57


def test_the_weights_kept_are_those_of_the_best_epoch(learned: NetFit, planted: Rows) -> None:
    losses = [epoch["valid_loss"] for epoch in learned.learning]
    assert learned.epochs == int(np.argmin(losses)) + 1
    validate = planted(600, seed=2, numbers=0.0, sequence=8.0)
    scores = learned.model.log_odds(validate.frame)
    again = np.logaddexp(0, (1 - 2 * validate.label) * scores).mean()
    assert again == pytest.approx(min(losses), abs=1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(planted: Rows) -> None:
    rows = planted(300, seed=1, sequence=2.0)
    short = replace(FIT, max_epochs=1)

    def weights(seed: int) -> torch.Tensor:
        return fit_net(rows, None, NET, short, seed=seed).model.module.layers[0].weight

    torch.manual_seed(99)
    first = weights(5)
    torch.manual_seed(1)
    assert torch.equal(weights(5), first)
    assert not torch.equal(weights(6), first)


def test_training_leaves_the_callers_random_state_alone(planted: Rows) -> None:
    rows = planted(100, seed=1)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    fit_net(rows, None, NET, replace(FIT, max_epochs=1), seed=2)
    assert torch.equal(torch.rand(3), expected)


def test_early_stopping_ends_after_patience(planted: Rows) -> None:
    # Labels that the numbers cannot explain: the validation loss soon rises.
    train = planted(200, seed=1, numbers=0.0)
    config = FitConfig(max_epochs=40, patience=2, learning_rate=2e-2)
    fit = fit_net(train, planted(300, seed=2, numbers=0.0), NET, config, seed=1)
    assert len(fit.learning) == fit.epochs + 2 < 40


def test_a_refit_repeats_the_course_of_the_first_fit(planted: Rows) -> None:
    rows = planted(300, seed=1)
    whole = fit_net(rows, None, NET, FIT, seed=3)
    part = fit_net(rows, None, NET, FIT, seed=3, epochs=2)
    assert [e["train_loss"] for e in part.learning] == [e["train_loss"] for e in whole.learning[:2]]


def test_rows_of_weight_zero_teach_nothing(planted: Rows) -> None:
    rows = planted(300, seed=1)
    lies = rows.take(np.arange(100))
    half = np.concatenate([np.zeros(100), np.ones(200)]).astype(np.float32)
    weighted = LabelledFrame(rows.frame, rows.label, half)
    turned = np.concatenate([1 - lies.label, rows.label[100:]])
    config = replace(FIT, max_epochs=1)
    a = fit_net(weighted, None, NET, config, seed=1)
    b = fit_net(LabelledFrame(rows.frame, turned, half), None, NET, config, seed=1)
    assert np.array_equal(a.model.log_odds(rows.frame), b.model.log_odds(rows.frame))


def test_progress_rises_to_one_and_tells_the_losses(planted: Rows) -> None:
    heard: list[tuple[float, dict[str, object]]] = []
    rows = planted(200, seed=1)
    fit_net(
        rows,
        rows,
        NET,
        replace(FIT, max_epochs=2),
        seed=1,
        progress=lambda s, d, x: heard.append((d, dict(x))),
    )
    shares = [done for done, _ in heard]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert [x["epoch"] for _, x in heard if "valid_loss" in x] == [1, 2]


def test_a_stop_between_batches_ends_with_cancelled(planted: Rows) -> None:
    asked = itertools.count()
    with pytest.raises(Cancelled, match="stopped on request") as caught:
        fit_net(planted(300, seed=1), None, NET, FIT, seed=1, should_stop=lambda: next(asked) >= 5)
    assert next(asked) == 6
    assert caught.value.exit_code == 130


def test_out_of_time_keeps_what_was_learned(planted: Rows) -> None:
    rows = planted(200, seed=1)
    fit = fit_net(rows, rows, NET, FIT, seed=1, out_of_time=lambda: True)
    assert len(fit.learning) == fit.epochs == 1


def test_a_weight_that_is_no_number_is_an_error_not_a_model(planted: Rows) -> None:
    rows = planted(100, seed=1)
    rows.label[:] = np.nan
    with pytest.raises(DataError, match="training loss is nan in epoch 1"):
        fit_net(rows, None, NET, FIT, seed=1)


def test_users_without_any_event_train(planted: Rows) -> None:
    rows = planted(200, seed=1, mean_events=0.0)
    fit = fit_net(rows, rows, NET, replace(FIT, max_epochs=1), seed=1)
    assert np.isfinite(fit.model.log_odds(rows.frame)).all()


def test_buckets_hold_every_row_once_with_like_lengths() -> None:
    rng = np.random.default_rng(1)
    length = rng.integers(0, 100, 1000)
    batches = list(bucketed(rng.permutation(1000), length, 32, rng))
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(1000))
    spread = [np.ptp(length[rows]) for rows in batches]
    assert np.mean(spread) < 15

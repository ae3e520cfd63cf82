from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from engine.errors import Cancelled, DataError
from engine.features.frame import EventTimes, LabelledFrame
from engine.features.times import Censored
from engine.models.logistic import LogisticModel
from engine.models.nets.config import NETS, NetConfig, net_named
from engine.models.nets.encode import EventEncoder, EventReader
from engine.training.augment import AugmentConfig, kept_events
from engine.training.challenger import TrainingConfig
from engine.training.fit import FitConfig, NetFit, fit_net, use_threads
from engine.training.inputs import balanced_weight, bucketed
from engine.training.progress import never, unheard
from engine.training.rows import TrainingData
from engine.training.single_fits import SingleFits

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


CHANGES = {
    "augmented": replace(FIT, augment=AugmentConfig(event_dropout=0.2, slices=0.5, noise=0.1)),
    "adversarial": replace(FIT, adversarial=0.05),
    "balanced": replace(FIT, balanced=True),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("pool", ["gru", "none"])
def test_each_option_of_training_learns_something_else_and_repeats_itself(
    planted: Rows, name: str, pool: str
) -> None:
    rows = planted(200, seed=1)
    net = replace(NET, pool=pool)

    def scores(config: FitConfig) -> np.ndarray:
        short = replace(config, max_epochs=1, least_steps=5)
        return fit_net(rows, None, net, short, seed=4).model.log_odds(rows.frame)

    changed = scores(CHANGES[name])
    assert np.isfinite(changed).all()
    assert np.array_equal(scores(CHANGES[name]), changed)
    assert not np.allclose(changed, scores(FIT))


@pytest.mark.parametrize("name", [name for name in NETS if name not in ("churn_net", "hazard")])
def test_every_net_of_the_family_finds_what_is_planted_in_the_numbers(
    planted: Rows, name: str
) -> None:
    train, test = planted(800, seed=1, numbers=2.0), planted(600, seed=2, numbers=2.0)
    net = replace(net_named(name, NET), max_events=16)
    fit = fit_net(train, None, net, replace(FIT, max_epochs=3), seed=1)
    assert roc_auc_score(test.label, fit.model.log_odds(test.frame)) > 0.75


@pytest.mark.parametrize("pool", ["lstm", "conv", "attention"])
def test_every_pool_finds_what_only_the_sequence_tells(planted: Rows, pool: str) -> None:
    train = planted(1000, seed=1, numbers=0.0, sequence=8.0)
    test = planted(600, seed=3, numbers=0.0, sequence=8.0)
    fit = fit_net(train, None, replace(NET, pool=pool), replace(FIT, max_epochs=5), seed=5)
    assert roc_auc_score(test.label, fit.model.log_odds(test.frame)) > 0.7


def _timed(rows: LabelledFrame, rng: np.random.Generator) -> LabelledFrame:
    """Leavers leave on a day of the 30 of the window."""
    day = np.where(rows.label > 0.5, rng.integers(0, 30, len(rows)), np.inf)
    full = np.full(len(rows), 30.0, np.float32)
    return replace(rows, times=EventTimes("leave", 30, day.astype(np.float32), full))


def test_a_hazard_tells_each_horizon_and_the_last_is_its_score(planted: Rows) -> None:
    rng = np.random.default_rng(1)
    train = _timed(planted(900, seed=1, numbers=2.0), rng)
    test = planted(600, seed=2, numbers=2.0)
    fit = fit_net(train, None, net_named("hazard", NET), FIT, seed=1)
    by_days = fit.model.horizon_log_odds(test.frame)
    assert list(by_days) == [7, 14, 30]
    risks = np.stack(list(by_days.values()))
    assert (np.diff(risks, axis=0) >= 0).all()
    assert risks[-1] == pytest.approx(fit.model.log_odds(test.frame))
    assert roc_auc_score(test.label, risks[-1]) > 0.7
    # A third of the window, a third of the leavers.
    early = 1 / (1 + np.exp(-risks[0]))
    assert early.mean() == pytest.approx(train.label.mean() * 7 / 30, abs=0.04)


def test_a_hazard_needs_the_day(planted: Rows) -> None:
    with pytest.raises(DataError, match="do not tell the day"):
        fit_net(planted(100, seed=1), None, net_named("hazard", NET), FIT, seed=1)


def test_a_row_without_an_observed_bin_teaches_nothing(planted: Rows) -> None:
    rows = _timed(planted(300, seed=1), np.random.default_rng(2))
    assert rows.times is not None
    observed = rows.times.observed_days.copy()
    observed[:100] = 5.0
    lies = np.where(np.arange(300) < 100, 20.0 - rows.times.day, rows.times.day)
    config, net = replace(FIT, max_epochs=1), net_named("hazard", NET)
    fits = [
        fit_net(
            replace(rows, times=replace(rows.times, day=day, observed_days=observed)),
            None,
            net,
            config,
            seed=1,
        )
        for day in (rows.times.day, lies.astype(np.float32))
    ]
    first, second = (fit.model.log_odds(rows.frame) for fit in fits)
    assert np.array_equal(first, second)


def test_a_slice_is_at_least_half_and_dropout_is_as_asked() -> None:
    rng = np.random.default_rng(1)
    length = rng.integers(0, 40, 500)
    sliced = kept_events(length, AugmentConfig(slices=1.0), rng)
    assert sliced is not None
    count = sliced.sum(axis=1)
    assert (count >= length / 2).all()
    assert (count <= length).all()
    edges = np.abs(np.diff(sliced.astype(int), axis=1, prepend=0, append=0)).sum(axis=1)
    assert (edges <= 2).all()  # one piece
    dropped = kept_events(np.full(500, 40), AugmentConfig(event_dropout=0.3), rng)
    assert dropped is not None
    assert dropped.mean() == pytest.approx(0.7, abs=0.02)
    assert kept_events(length, AugmentConfig(), rng) is None


def test_events_left_out_leave_the_gaps_of_those_that_stay(planted: Rows) -> None:
    frame = planted(20, seed=1).frame
    reader = EventReader(EventEncoder.fit(frame, max_events=16, at_least=1), frame)
    row = np.array([int(np.argmax(reader.length))])
    whole = reader.batch(row)
    kept = np.ones(whole.kind.shape, bool)
    kept[0, 1] = False
    thinned = reader.batch(row, kept)
    assert thinned.length.item() == whole.length.item() - 1
    assert torch.equal(thinned.channels[0, 2:, 1], whole.channels[0, 3:, 1])
    gap = np.expm1(whole.channels[0, 1:3, 1].numpy()).sum()
    assert np.expm1(thinned.channels[0, 1, 1].item()) == pytest.approx(gap, rel=1e-5)


def test_balanced_classes_weigh_the_same(planted: Rows) -> None:
    rows = planted(300, seed=1)
    weight = balanced_weight(rows)
    assert weight[rows.label > 0.5].sum() == pytest.approx(150)
    assert weight[rows.label < 0.5].sum() == pytest.approx(150)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_a_gpu_learns_what_the_cpu_learns(planted: Rows) -> None:
    rows = planted(300, seed=1)
    net = replace(NET, dropout=0.0, to_unknown=0.0)
    config = replace(FIT, max_epochs=1)
    cpu, gpu = (
        fit_net(rows, None, net, replace(config, device=device), seed=1).model.log_odds(rows.frame)
        for device in ("cpu", "cuda")
    )
    assert gpu == pytest.approx(cpu, abs=1e-3)


def test_censored_rows_teach_a_hazard_and_no_other_net(planted: Rows) -> None:
    rng = np.random.default_rng(3)
    train, validate, late = (_timed(planted(200, seed=seed), rng) for seed in (1, 2, 3))
    late = replace(late, label=np.full(200, np.nan, np.float32))
    plain = TrainingData(train, validate, validate, validate)
    more = replace(plain, censored=Censored(late, late))
    settings = TrainingConfig(seed=1, threads=1, max_epochs=1, net=NET, fit=FIT).fit_settings

    def scores(data: TrainingData, name: str) -> np.ndarray:
        fits = SingleFits(data, settings, progress=unheard, should_stop=never)
        fit = fits.fit(name, 0.0, 1.0, out_of_time=never)
        return fit.log_odds(lambda part: part.log_odds(validate.frame))

    assert np.array_equal(scores(plain, "mlp"), scores(more, "mlp"))
    assert np.isfinite(scores(more, "hazard")).all()
    assert not np.allclose(scores(plain, "hazard"), scores(more, "hazard"))

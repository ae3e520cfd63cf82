from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import Cancelled, DataError, ModelError, UsageError
from engine.explain.attribute import attribute
from engine.features.frame import LabelledFrame
from engine.models.blend import RiskModel
from engine.models.nets.config import NetConfig
from engine.models.trees import TreeConfig
from engine.training.challenger import (
    Challenger,
    TrainingConfig,
    TrainingData,
    train_challenger,
)
from engine.training.choice import choose, net_share
from engine.training.contest import contest
from engine.training.fit import FitConfig

pytestmark = pytest.mark.slow

Rows = Callable[..., LabelledFrame]

SMALL = TrainingConfig(
    seed=3,
    threads=1,
    max_epochs=3,
    net=NetConfig(hidden=12, layer=24),
    fit=FitConfig(least_steps=20),
    trees=TreeConfig(max_trees=40),
)
ONLY_TREES = replace(SMALL, model="hist_gradient_boosting")


def _data(planted: Rows, n: int = 600, **kinds: float) -> TrainingData:
    parts = [planted(n, seed=seed, cutoff=f"2026-0{seed}-01", **kinds) for seed in (1, 2, 3, 4)]
    return TrainingData(*parts)


@pytest.fixture(scope="module")
def data(planted: Rows) -> TrainingData:
    return _data(planted, sequence=4.0)


@pytest.fixture(scope="module")
def challenger(data: TrainingData) -> Challenger:
    return train_challenger(data, SMALL)


def test_every_model_is_calibrated_on_the_newest_rows(
    challenger: Challenger, data: TrainingData
) -> None:
    assert set(challenger.singles) == {"logistic", "hist_gradient_boosting", "churn_net"}
    assert challenger.blend is not None
    for model in (*challenger.singles.values(), challenger.blend):
        risk = model.predict(data.calibrate.frame).risk
        assert risk.mean() == pytest.approx(data.calibrate.label.mean(), abs=0.01)


def test_auto_chooses_by_the_calibration_rows(challenger: Challenger) -> None:
    assert set(challenger.losses) == {*challenger.singles, "blend"}
    assert challenger.model.kind in challenger.losses
    assert challenger.losses[challenger.model.kind] <= challenger.losses["logistic"]


def test_only_models_with_a_net_carry_its_panel_vectors(challenger: Challenger) -> None:
    assert challenger.singles["churn_net"].panel.pooled.shape[1] == 24
    assert challenger.singles["logistic"].panel.pooled.shape[1] == 0


def test_learning_curve_has_both_losses(challenger: Challenger) -> None:
    assert [set(epoch) for epoch in challenger.learning] == [
        {"epoch", "train_loss", "valid_loss"}
    ] * len(challenger.learning)
    assert len(challenger.learning) >= 1


def test_the_same_seed_gives_the_same_challenger(
    challenger: Challenger, data: TrainingData
) -> None:
    again = train_challenger(data, SMALL)
    for name, model in challenger.singles.items():
        a, b = model.predict(data.test.frame), again.singles[name].predict(data.test.frame)
        assert np.array_equal(a.log_odds, b.log_odds), name


def test_the_test_rows_are_not_read(planted: Rows) -> None:
    data = _data(planted, 200)
    nothing = data.test.take(np.arange(0))
    a = train_challenger(data, ONLY_TREES)
    b = train_challenger(replace(data, test=nothing), ONLY_TREES)
    assert a.losses == b.losses


@pytest.mark.parametrize("name", ["logistic", "hist_gradient_boosting"])
def test_a_named_model_is_the_one_and_the_net_is_spared(planted: Rows, name: str) -> None:
    found = train_challenger(_data(planted, 200), replace(SMALL, model=name))
    assert found.model is found.singles[name]
    assert set(found.singles) == {"logistic", "hist_gradient_boosting"}
    assert found.blend is None
    assert found.learning == ()


def test_unknown_model_lists_the_known() -> None:
    with pytest.raises(UsageError, match=r"'oracle' is not a model\. The models are auto, blend"):
        train_challenger(None, TrainingConfig(model="oracle"))  # type: ignore[arg-type]


@pytest.mark.parametrize(("label", "word"), [(0.0, "stayed"), (1.0, "churned")])
def test_a_single_class_is_refused(planted: Rows, label: float, word: str) -> None:
    data = _data(planted, 50)
    data.train.label[:] = label
    with pytest.raises(DataError) as caught:
        train_challenger(data, SMALL)
    assert caught.value.sentence == (
        f"All 50 training rows have users who {word}. "
        "A model needs users who left and users who stayed. "
        "Check the churn rule of the mapping: kind, horizon and lead."
    )


def test_no_rows_are_refused(planted: Rows) -> None:
    data = _data(planted, 50)
    with pytest.raises(DataError, match="No training row is left"):
        train_challenger(replace(data, train=data.train.take(np.arange(0))), SMALL)


def test_other_columns_in_a_later_part_are_named(planted: Rows) -> None:
    data = replace(_data(planted, 50), validate=planted(50, seed=2, columns=7))
    with pytest.raises(ModelError, match="column_6"):
        train_challenger(data, SMALL)


def test_labels_are_zero_or_one(planted: Rows) -> None:
    data = _data(planted, 50)
    data.calibrate.label[0] = 0.5
    with pytest.raises(DataError, match="calibration row has a label that is neither 0 nor 1"):
        train_challenger(data, SMALL)


def test_one_column_and_few_rows_train(planted: Rows) -> None:
    data = _data(planted, 30, columns=1)
    found = train_challenger(data, SMALL)
    assert np.isfinite(found.model.predict(data.test.frame).log_odds).all()


def test_a_calibration_part_without_churn_still_calibrates(planted: Rows) -> None:
    data = _data(planted, 100)
    data.calibrate.label[:] = 0.0
    risk = train_challenger(data, ONLY_TREES).model.predict(data.test.frame).risk
    assert 0 < risk.mean() < 0.05


def test_without_validation_rows_the_whole_course_is_run(planted: Rows) -> None:
    data = _data(planted, 100)
    data = replace(data, validate=data.validate.take(np.arange(0)))
    found = train_challenger(data, SMALL)
    assert len(found.learning) == SMALL.max_epochs


def test_progress_covers_the_whole_run_once(planted: Rows) -> None:
    heard: list[tuple[str, float]] = []

    def listen(stage: str, done: float, detail: Mapping[str, object]) -> None:
        heard.append((stage, done))

    train_challenger(_data(planted, 100), SMALL, progress=listen)
    shares = [done for _, done in heard]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    stages = list(dict.fromkeys(stage for stage, _ in heard))
    assert stages == ["logistic", "hist_gradient_boosting", "churn_net", "calibrate"]


def test_a_stop_is_heard_before_the_first_fit(planted: Rows) -> None:
    with pytest.raises(Cancelled):
        train_challenger(_data(planted, 50), SMALL, should_stop=lambda: True)


def test_a_spent_budget_ends_the_net_after_one_epoch(planted: Rows) -> None:
    ticks = iter(range(0, 10_000, 100))
    found = train_challenger(
        _data(planted, 100), replace(SMALL, budget_s=1.0), clock=lambda: float(next(ticks))
    )
    assert len(found.learning) == 1


def test_a_single_model_replaces_the_blend_only_by_more_than_noise() -> None:
    rng = np.random.default_rng(1)
    blend = rng.random(400)
    weight = np.ones(400)
    noise = rng.normal(0, 0.2, 400)
    assert choose({"blend": blend, "logistic": blend + noise - noise.mean() - 0.005}, weight) == (
        "blend"
    )
    assert choose({"blend": blend, "logistic": blend + noise - noise.mean() - 0.05}, weight) == (
        "logistic"
    )
    assert choose({"a": blend, "b": blend - 0.001}, weight) == "b"
    assert choose({"a": blend, "b": blend - noise - 0.05}, weight, "a") == "b"


def test_the_standard_error_is_that_of_the_weighted_rows() -> None:
    """Half of the rows have no weight: what they say must not count."""
    rng = np.random.default_rng(2)
    weight = np.repeat([1.0, 0.0], 300)
    blend = rng.random(600)
    better = np.where(weight > 0, blend - 0.01, blend + 50.0)
    assert choose({"blend": blend, "logistic": better}, weight) == "logistic"


def test_the_net_has_the_greater_share_only_where_it_clearly_knows_more() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(-1, 1.5, 4000)
    label = (rng.random(4000) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    vague = truth + rng.normal(0, 2, 4000)
    weight = np.ones(4000)
    assert net_share(truth, vague, label, weight) == 0.75
    assert net_share(vague, truth, label, weight) == 0.25
    assert net_share(truth, truth, label, weight) == 0.25


def test_the_blend_is_of_net_and_trees_by_the_share(challenger: Challenger) -> None:
    assert challenger.blend is not None
    assert [part.kind for part in challenger.blend.components] == [
        "churn_net",
        "hist_gradient_boosting",
    ]
    assert challenger.blend.shares in [(share, 1 - share) for share in (0.25, 0.5, 0.75)]


def test_parts_of_different_builds_are_joined(planted: Rows) -> None:
    """Validation rows with kinds in another order keep their meaning in the refit."""
    data = _data(planted, 400, sequence=6.0, numbers=0.0)
    sequences = data.validate.frame.sequences
    turned = replace(
        sequences, kinds=sequences.kinds[::-1], kind=(2 - sequences.kind).astype(np.int32)
    )
    frame = replace(data.validate.frame, sequences=turned)
    a = train_challenger(data, replace(SMALL, model="churn_net"))
    b = train_challenger(
        replace(data, validate=replace(data.validate, frame=frame)),
        replace(SMALL, model="churn_net"),
    )
    assert np.array_equal(
        a.model.predict(data.test.frame).log_odds, b.model.predict(data.test.frame).log_odds
    )


@pytest.mark.parametrize("name", ["mlp", "lstm", "cnn", "attention", "tabm"])
def test_every_net_is_a_choice_that_is_kept_and_explained(data: TrainingData, name: str) -> None:
    config = replace(SMALL, model=name, max_epochs=1, fit=FitConfig(least_steps=5, seeds=2))
    made = train_challenger(data, config)
    model = made.model
    assert model.kind == name
    assert [part.kind for part in model.components] == ["churn_net"] * 2
    assert set(made.singles) == {"logistic", "hist_gradient_boosting", name}
    again = RiskModel.from_state(*model.state())
    frame = data.test.frame.take(np.arange(40))
    assert np.array_equal(again.predict(frame).risk, model.predict(frame).risk)
    assert again.reads_sequences == (name not in ("mlp", "tabm"))
    groups = dict.fromkeys(model.columns, "numbers")
    told = attribute(again, frame, groups)
    total = told.contributions.sum(axis=1) + told.remainder
    assert total == pytest.approx(told.log_odds - told.baseline_log_odds, abs=1e-9)
    limit = np.maximum(0.012 * np.abs(told.log_odds - told.baseline_log_odds), 0.02)
    assert (np.abs(told.remainder) <= limit).all()
    assert ("sequence" in told.groups) == again.reads_sequences


def test_several_seeds_are_averaged(data: TrainingData) -> None:
    config = replace(SMALL, model="mlp", max_epochs=1, fit=FitConfig(least_steps=5, seeds=2))
    both = train_challenger(data, config).model
    first, second = (part.log_odds(data.test.frame) for part in both.components)
    assert not np.allclose(first, second)
    assert both.raw_log_odds(data.test.frame) == pytest.approx((first + second) / 2)
    alone = train_challenger(data, replace(config, fit=FitConfig(least_steps=5))).model
    assert np.array_equal(alone.raw_log_odds(data.test.frame), first)


def test_a_contest_fits_what_a_training_run_fits(data: TrainingData) -> None:
    config = replace(SMALL, max_epochs=1)
    heard: list[str] = []
    found = contest(
        data,
        ["mlp", "blend"],
        config,
        progress=lambda stage, done, detail: heard.append(stage),
    )
    assert heard == ["hist_gradient_boosting", "mlp", "logistic", "churn_net"]
    assert set(found) == {*heard, "blend"}
    run = train_challenger(data, replace(config, model="mlp"))
    risk = found["mlp"].model.predict(data.test.frame).risk
    assert np.array_equal(risk, run.model.predict(data.test.frame).risk)
    shares = found["blend"].model.shares
    mixed = (
        shares[0] * found["churn_net"].valid_log_odds
        + shares[1] * found["hist_gradient_boosting"].valid_log_odds
    )
    assert found["blend"].valid_log_odds == pytest.approx(mixed)
    assert found["mlp"].epochs == 1
    assert found["hist_gradient_boosting"].epochs == 0

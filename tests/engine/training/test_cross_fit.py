"""Cross-fitting: nobody's label reaches the model that scores him."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import Cancelled, DataError, UsageError
from engine.explain.attribute import attribute
from engine.explain.reasons import explain
from engine.features.frame import LabelledFrame, Sequences
from engine.features.spec import FeatureSpec, words
from engine.models.cross_fit import CrossFitted, fold_of, model_from_state, parts
from engine.models.trees import TreeConfig, TreeModel
from engine.training.cross_fit import CrossFit, CrossFitConfig, cross_fit
from engine.training.families import staged_log_odds
from engine.types import Words

QUICK = CrossFitConfig(
    threads=1,
    strengths=(0.1, 1.0),
    trees=(TreeConfig(max_leaves=4, min_rows_in_leaf=10),),
    counts=(5, 15),
)


@pytest.fixture(scope="module")
def rows(planted: Callable[..., LabelledFrame]) -> LabelledFrame:
    made = planted(500, seed=2, columns=4)
    none = np.zeros(len(made), np.int64)
    empty = made.frame.sequences
    sequences = Sequences(
        empty.kind[:0], empty.topic[:0], empty.value[:0], empty.occurred_s[:0],
        none, none, (), ("",),
    )  # fmt: skip
    segments = np.full(len(made), "all", object)
    return replace(made, frame=replace(made.frame, sequences=sequences, segments=segments))


@pytest.fixture(scope="module")
def fit(rows: LabelledFrame) -> CrossFit:
    return cross_fit(rows, QUICK)


def test_a_users_own_label_never_moves_his_risk(rows: LabelledFrame, fit: CrossFit) -> None:
    own = fit.fold == 2
    turned = replace(rows, label=np.where(own, 1 - rows.label, rows.label))
    again = cross_fit(turned, QUICK)
    np.testing.assert_array_equal(again.risk[own], fit.risk[own])
    for kind, risk in again.singles.items():
        np.testing.assert_array_equal(risk[own], fit.singles[kind][own])
    assert not np.array_equal(again.risk[~own], fit.risk[~own])


def test_scoring_gives_what_was_measured(rows: LabelledFrame, fit: CrossFit) -> None:
    np.testing.assert_allclose(fit.model.predict(rows.frame).risk, fit.risk, atol=1e-12)
    mixed = np.random.default_rng(0).permutation(len(rows))
    np.testing.assert_allclose(
        fit.model.predict(rows.frame.take(mixed)).risk, fit.risk[mixed], atol=1e-12
    )


def test_the_same_rows_give_the_same_model_and_it_survives_storage(
    rows: LabelledFrame, fit: CrossFit
) -> None:
    arrays, config = fit.model.state()
    again, other = cross_fit(rows, QUICK).model.state()
    assert other == config
    assert all(np.array_equal(arrays[name], again[name], equal_nan=True) for name in arrays)
    loaded = model_from_state(arrays, config)
    assert isinstance(loaded, CrossFitted)
    np.testing.assert_array_equal(
        loaded.predict(rows.frame).risk, fit.model.predict(rows.frame).risk
    )


def test_folds_are_fixed_by_the_users_id_and_about_equal() -> None:
    users = np.array([f"user {number}" for number in range(5_000)], object)
    fold = fold_of(users, 5)
    assert fold_of(users[::-1], 5)[::-1].tolist() == fold.tolist()
    assert fold_of(users[:7], 5).tolist() == fold[:7].tolist()
    assert np.bincount(fold).min() > 900
    assert not np.array_equal(fold_of(users, 5, "another salt"), fold)


def test_it_learns(rows: LabelledFrame, fit: CrossFit) -> None:
    churned = fit.risk[rows.label == 1]
    stayed = fit.risk[rows.label == 0]
    auc = (churned[:, None] > stayed[None, :]).mean()
    assert auc > 0.7
    assert abs(fit.risk.mean() - rows.label.mean()) < 0.05


def test_reasons_add_up_and_come_from_the_users_own_member(
    rows: LabelledFrame, fit: CrossFit
) -> None:
    frame = rows.frame.take(np.arange(60))
    specs = [
        FeatureSpec(
            name, f"group {number % 2}", "attributes", "", "number", 0, True,
            Words(name, name), words(f"{name}：{{value}}", f"{name}: {{value}}"),
        )
        for number, name in enumerate(frame.columns)
    ]  # fmt: skip
    explained = explain(fit.model, frame, specs)
    assert [one.user_id for one in explained] == frame.user_ids.tolist()
    for one, risk in zip(explained, fit.risk[:60], strict=True):
        assert one.risk == pytest.approx(risk, abs=1e-9)
        total = sum(reason.contribution for reason in one.reasons) + one.remainder
        assert total == pytest.approx(one.log_odds - one.baseline_log_odds, abs=1e-6)
    groups = {spec.name: spec.group for spec in specs}
    for place, member in parts(fit.model, frame):
        own = attribute(member, frame.take(place), groups)
        baselines = [explained[row].baseline_log_odds for row in place]
        np.testing.assert_allclose(own.baseline_log_odds, baselines, atol=1e-9)


def test_a_levels_comparison_is_the_share_of_those_who_stayed(rows: LabelledFrame) -> None:
    values = rows.frame.values.copy()
    values[:, 3] = np.arange(len(rows)) % 3 == 0
    level = replace(rows, frame=replace(rows.frame, values=values))
    name = rows.frame.columns[3]
    made = cross_fit(level, replace(QUICK, share_columns=frozenset({name})))
    teach = (made.fold != 0) & (rows.label == 0)
    for medians in made.model.members[0].panel.medians:
        assert medians[3] == pytest.approx(values[teach, 3].mean())
        assert medians[0] == pytest.approx(np.nanmedian(values[teach, 0]))


def test_staged_scores_are_those_of_shorter_ensembles(rows: LabelledFrame) -> None:
    config = TreeConfig(max_leaves=5, max_trees=12, features=1.0)
    whole = TreeModel.fit(rows, None, config, seed=1, threads=1).ensemble
    short = TreeModel.fit(rows, None, replace(config, max_trees=5), seed=1, threads=1).ensemble
    staged = staged_log_odds(whole, rows.frame.values, (5, 12, 40))
    np.testing.assert_allclose(staged[:, 0], short.log_odds(rows.frame.values), atol=1e-9)
    np.testing.assert_allclose(staged[:, 1], whole.log_odds(rows.frame.values), atol=1e-9)
    np.testing.assert_array_equal(staged[:, 2], staged[:, 1])


def test_the_model_asked_for_is_the_model_made(rows: LabelledFrame) -> None:
    for kind in ("logistic", "hist_gradient_boosting"):
        made = cross_fit(rows, replace(QUICK, model=kind))
        assert {member.kind for member in made.model.members} == {kind}
        np.testing.assert_array_equal(made.risk, made.singles[kind])
    with pytest.raises(UsageError, match="time axis"):
        cross_fit(rows, replace(QUICK, model="churn_net"))


def test_too_few_of_a_class_is_said_before_anything_is_fitted(rows: LabelledFrame) -> None:
    few = np.zeros(len(rows), np.float32)
    few[:6] = 1
    with pytest.raises(DataError, match=r"6 of 500 labelled users left"):
        cross_fit(replace(rows, label=few), QUICK)


def test_it_stops_when_asked(rows: LabelledFrame) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        cross_fit(rows, QUICK, should_stop=lambda: next(asked, True))

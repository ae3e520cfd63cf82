"""The forest as arrays: scikit-learn's own probabilities, reasons that add up, a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from engine.explain.attribute import attribute
from engine.features.frame import LabelledFrame
from engine.models.blend import RiskModel, component_class
from engine.models.calibration import Calibration
from engine.models.forest import LEAST_PROBABILITY, ForestConfig, ForestModel, export_forest
from engine.models.panel import draw_panel
from engine.models.trees import TreeConfig
from engine.training.challenger import TrainingConfig, TrainingData, train_challenger
from engine.training.cross_fit import CrossFitConfig, cross_fit

Rows = Callable[..., LabelledFrame]
SMALL = ForestConfig(trees=12)


@pytest.mark.parametrize("settings", [{}, {"max_leaf_nodes": 6}, {"max_depth": 2}])
def test_own_probability_equals_scikit_learn(planted: Rows, settings: dict[str, int]) -> None:
    rows = planted(800, seed=1)
    estimator = RandomForestClassifier(n_estimators=15, random_state=1, **settings)
    estimator.fit(rows.frame.values, rows.label.astype(int))
    ensemble = export_forest(estimator, rows.frame.columns)
    values = planted(2000, seed=2).frame.values
    values[:50] = np.nan
    inner = ~ensemble.is_leaf
    # Values that lie exactly on a threshold decide whether <= or < is meant.
    values[50:90, ensemble.feature[inner][0]] = np.float32(ensemble.threshold[inner][0])
    expected = estimator.predict_proba(values)[:, 1]
    np.testing.assert_allclose(ensemble.log_odds(values), expected, atol=1e-12)


def test_it_survives_storage_and_the_seed_decides(planted: Rows) -> None:
    rows, fresh = planted(600, seed=1), planted(200, seed=2).frame
    model = ForestModel.fit(rows, SMALL, seed=3, threads=1)
    again = ForestModel.fit(rows, SMALL, seed=3, threads=1)
    kept = component_class("random_forest").from_state(*model.state())
    for other in (again, kept):
        np.testing.assert_array_equal(other.log_odds(fresh), model.log_odds(fresh))
    other = ForestModel.fit(rows, SMALL, seed=4, threads=1)
    assert not np.array_equal(other.log_odds(fresh), model.log_odds(fresh))


def test_a_leaf_of_one_class_makes_nobody_certain(planted: Rows) -> None:
    rows = planted(200, seed=1)
    plain = replace(rows, label=(np.nan_to_num(rows.frame.values[:, 0]) > 0).astype(np.float32))
    model = ForestModel.fit(plain, ForestConfig(trees=3), seed=1, threads=1)
    risk = model.probability(rows.frame.values)
    assert risk.min() >= LEAST_PROBABILITY
    assert risk.max() <= 1 - LEAST_PROBABILITY


def test_an_empty_column_is_no_trouble(planted: Rows) -> None:
    rows = planted(300, seed=1)
    rows.frame.values[:, 2] = np.nan
    assert np.isfinite(ForestModel.fit(rows, SMALL, seed=1, threads=1).log_odds(rows.frame)).all()


def test_reasons_add_up_and_follow_what_is_planted(planted: Rows) -> None:
    rows = planted(1500, seed=1)
    model = ForestModel.fit(rows, replace(SMALL, trees=40), seed=1, threads=1)
    _, panel = draw_panel(rows, np.random.default_rng(0))
    served = RiskModel("random_forest", (model,), Calibration(0.8, 0.1), panel)
    frame = planted(80, seed=2).frame
    told = attribute(served, frame, {name: name for name in frame.columns})
    difference = told.log_odds - told.baseline_log_odds
    np.testing.assert_allclose(told.contributions.sum(axis=1), difference, atol=1e-9)
    np.testing.assert_allclose(told.remainder, 0, atol=1e-9)
    # column_0 moves the planted risk most, the last columns are chance
    strength = dict(zip(told.groups, np.abs(told.contributions).mean(axis=0), strict=True))
    assert max(strength, key=lambda name: strength[name]) == "column_0"
    # Nobody differs from himself: a row of the panel alone has no reasons.
    alone = replace(panel, values=frame.values[:1], segments=(str(frame.segments[0]),))
    same = attribute(
        replace(served, panel=alone), frame.take(np.arange(1)), {n: n for n in frame.columns}
    )
    np.testing.assert_allclose(same.contributions, 0, atol=1e-9)


@pytest.mark.slow
def test_it_can_be_asked_for_with_and_without_time(planted: Rows) -> None:
    data = TrainingData(*(planted(300, seed=seed) for seed in (1, 2, 3, 4)))
    made = train_challenger(data, TrainingConfig(model="random_forest", threads=1))
    assert made.model.kind == "random_forest"
    assert {"logistic", "hist_gradient_boosting", "random_forest"} == set(made.singles)
    assert made.losses["random_forest"] < 0.69
    config = CrossFitConfig(
        model="random_forest", threads=1, strengths=(0.1,), trees=(TreeConfig(),), counts=(5,)
    )
    folded = cross_fit(planted(400, seed=5), config)
    assert {member.kind for member in folded.model.members} == {"random_forest"}
    assert set(folded.singles) == {"logistic", "hist_gradient_boosting", "random_forest"}

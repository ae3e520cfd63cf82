from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from engine.features.frame import LabelledFrame
from engine.models.calibration import sigmoid
from engine.models.trees import TreeConfig, TreeModel, export

Rows = Callable[..., LabelledFrame]


def _estimator(rows: LabelledFrame, **settings: object) -> HistGradientBoostingClassifier:
    estimator = HistGradientBoostingClassifier(max_iter=40, random_state=1, **settings)
    return estimator.fit(rows.frame.values.astype(np.float64), rows.label.astype(int))


@pytest.mark.parametrize("settings", [{}, {"max_leaf_nodes": 3}, {"max_depth": 2}])
def test_own_predictor_equals_scikit_learn(planted: Rows, settings: dict[str, int]) -> None:
    estimator = _estimator(planted(1200, seed=1), **settings)
    ensemble = export(estimator, planted(1, seed=1).frame.columns, 40)
    values = planted(3000, seed=2).frame.values
    values[:50] = np.nan
    # Values that lie exactly on a threshold decide whether <= or < is meant.
    inner = ~ensemble.is_leaf
    values[:50, ensemble.feature[inner][0]] = np.float32(ensemble.threshold[inner][0])
    expected = estimator.decision_function(values.astype(np.float64))
    assert ensemble.log_odds(values) == pytest.approx(expected, abs=1e-6)


def test_arrays_describe_whole_trees(planted: Rows) -> None:
    ensemble = export(_estimator(planted(600, seed=1)), planted(1, seed=1).frame.columns, 40)
    nodes = np.arange(len(ensemble.value))
    leaf = ensemble.is_leaf
    assert ensemble.trees == 40
    assert (ensemble.left[leaf] == nodes[leaf]).all()
    assert (ensemble.right[leaf] == nodes[leaf]).all()
    children = np.concatenate([ensemble.left[~leaf], ensemble.right[~leaf]])
    roots = ensemble.tree_start[:-1]
    assert np.array_equal(np.sort(np.concatenate([children, roots])), nodes)
    assert (ensemble.value[~leaf] == 0).all()


def test_early_stopping_keeps_the_trees_of_the_lowest_validation_loss(planted: Rows) -> None:
    train, validate = planted(500, seed=1), planted(2000, seed=2)
    config = TreeConfig(learning_rate=0.2, max_trees=150, patience=60)
    model = TreeModel.fit(train, validate, config, seed=1, threads=1)
    losses = []
    for trees in range(1, 100):
        fewer = TreeModel.fit(
            train, None, TreeConfig(learning_rate=0.2, max_trees=trees), seed=1, threads=1
        )
        losses.append(log_loss(validate.label, sigmoid(fewer.log_odds(validate.frame))))
        if trees > model.ensemble.trees + 5:
            break
    assert model.ensemble.trees == int(np.argmin(losses)) + 1


def test_infinite_values_count_as_missing(planted: Rows) -> None:
    train = planted(600, seed=1)
    train.frame.values[::7, 2] = np.inf
    model = TreeModel.fit(train, None, TreeConfig(max_trees=5), seed=1, threads=1)
    frame = planted(20, seed=2).frame
    frame.values[:, 2] = -np.inf
    endless = model.log_odds(frame)
    frame.values[:, 2] = np.nan
    assert np.array_equal(endless, model.log_odds(frame))


def test_weights_count_rows(planted: Rows) -> None:
    rows = planted(400, seed=1)
    heavy = LabelledFrame(rows.frame, rows.label, np.where(rows.label > 0, 9, 1).astype(np.float32))
    config = TreeConfig(max_trees=10)
    plain = TreeModel.fit(rows, None, config, seed=1, threads=1).log_odds(rows.frame)
    weighted = TreeModel.fit(heavy, None, config, seed=1, threads=1).log_odds(rows.frame)
    assert weighted.mean() > plain.mean() + 1.0


def test_a_column_without_any_value_teaches_nothing(planted: Rows) -> None:
    train = planted(600, seed=1)
    train.frame.values[:, 2] = np.nan
    model = TreeModel.fit(train, None, TreeConfig(max_trees=5), seed=1, threads=1)
    frame = planted(20, seed=2).frame
    before = model.log_odds(frame)
    frame.values[:, 2] += 7
    assert np.array_equal(before, model.log_odds(frame))


def test_several_seeds_are_the_mean_of_their_ensembles(planted: Rows) -> None:
    rows, others = planted(900, seed=1), planted(400, seed=2)
    config = TreeConfig(max_trees=12, features=0.4)

    def fit(config: TreeConfig, seed: int) -> TreeModel:
        return TreeModel.fit(rows, None, config, seed=seed, threads=1)

    both = fit(replace(config, seeds=2), 5)
    alone = [fit(config, seed).log_odds(others.frame) for seed in (5, 6)]
    assert not np.allclose(*alone)
    assert both.log_odds(others.frame) == pytest.approx(np.mean(alone, axis=0), abs=1e-12)
    kept = TreeModel.from_state(*both.state())
    assert np.array_equal(kept.log_odds(others.frame), both.log_odds(others.frame))


def test_growth_that_validation_rows_stop_is_that_of_one_seed(planted: Rows) -> None:
    rows, validate = planted(500, seed=1), planted(300, seed=2)
    config = TreeConfig(max_trees=20)
    one, two = (
        TreeModel.fit(rows, validate, replace(config, seeds=seeds), seed=3, threads=1)
        for seeds in (1, 2)
    )
    assert np.array_equal(one.log_odds(validate.frame), two.log_odds(validate.frame))

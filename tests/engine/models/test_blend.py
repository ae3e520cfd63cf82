from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import ModelError
from engine.features.frame import LabelledFrame
from engine.models.blend import RiskModel, component_class
from engine.models.calibration import Calibration, sigmoid
from engine.models.logistic import LogisticModel
from engine.models.panel import draw_panel
from engine.models.trees import TreeConfig, TreeModel

Rows = Callable[..., LabelledFrame]


@pytest.fixture(scope="module")
def model(planted: Rows) -> RiskModel:
    rows = planted(500, seed=1)
    parts = (
        LogisticModel.fit(rows, strength=0.1),
        TreeModel.fit(rows, None, TreeConfig(max_trees=10), seed=1, threads=1),
    )
    _, panel = draw_panel(rows, np.random.default_rng(1))
    return RiskModel("blend", parts, Calibration(1.5, -0.25), panel, {"seed": 1})


def test_log_odds_are_the_calibrated_mean_of_the_parts(model: RiskModel, planted: Rows) -> None:
    frame = planted(50, seed=2).frame
    logistic, trees = (part.log_odds(frame) for part in model.components)
    found = model.predict(frame)
    assert found.log_odds == pytest.approx(1.5 * (logistic + trees) / 2 - 0.25)
    assert found.risk == pytest.approx(1 / (1 + np.exp(-found.log_odds)))


def test_shares_weigh_the_parts_and_survive_the_state(model: RiskModel, planted: Rows) -> None:
    frame = planted(50, seed=2).frame
    logistic, trees = (part.log_odds(frame) for part in model.components)
    uneven = replace(model, shares=(0.25, 0.75))
    found = uneven.predict(frame).log_odds
    assert found == pytest.approx(1.5 * (0.25 * logistic + 0.75 * trees) - 0.25)
    again = RiskModel.from_state(*uneven.state())
    assert np.array_equal(again.predict(frame).log_odds, found)


def test_a_model_saved_without_shares_mixes_alike(model: RiskModel, planted: Rows) -> None:
    arrays, config = model.state()
    del config["shares"]
    frame = planted(50, seed=2).frame
    again = RiskModel.from_state(arrays, config)
    assert np.array_equal(again.predict(frame).log_odds, model.predict(frame).log_odds)


def test_state_makes_a_model_with_the_same_bits(model: RiskModel, planted: Rows) -> None:
    frame = planted(50, seed=2).frame
    again = RiskModel.from_state(*model.state())
    assert np.array_equal(again.predict(frame).log_odds, model.predict(frame).log_odds)
    assert again.metadata == {"seed": 1}
    assert np.array_equal(again.panel.values, model.panel.values, equal_nan=True)


def test_one_column_more_is_named(model: RiskModel, planted: Rows) -> None:
    with pytest.raises(ModelError, match="not known to the model: column_6"):
        model.predict(planted(5, seed=1, columns=7).frame)


def test_an_unknown_kind_of_part_says_upgrade() -> None:
    with pytest.raises(ModelError, match="Upgrade retention-workbench"):
        component_class("transformer")


def test_sigmoid_has_no_overflow() -> None:
    with np.errstate(all="raise"):
        assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]

"""What must hold of the reasons of every kind of model, here on tiny ones beside grown trees.

Purchase models, trees that read a vector and scores of messages have theirs in tests/engine/models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.explain.attribute import Attribution, attribute
from engine.explain.components import SEQUENCE
from engine.explain.gradients import SMALLEST
from engine.explain.removal import Removal
from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.base import SingleModel
from engine.models.blend import RiskModel
from engine.models.calibration import Calibration
from engine.models.forest import ForestConfig, ForestModel
from engine.models.logistic import LogisticModel
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.config import NETS, NetConfig, net_named
from engine.models.panel import draw_panel
from engine.models.trees import TreeConfig, TreeModel

GROUPS = {
    "column_0": "one",
    "column_1": "one",
    "column_2": "two",
    "column_3": "three",
    "column_4": "constant",
}
SINGLE = (*NETS, "random_forest", "logistic", "hist_gradient_boosting")


@pytest.fixture(scope="module")
def rows(planted: Callable[..., LabelledFrame]) -> LabelledFrame:
    rows = planted(300, seed=1, columns=5, sequence=2.0)
    rows.frame.values[:, 4] = 3.0
    return rows


@pytest.fixture(scope="module")
def trees(rows: LabelledFrame) -> TreeModel:
    return TreeModel.fit(rows, None, TreeConfig(max_trees=12), seed=1, threads=1)


@pytest.fixture(params=SINGLE)
def model(request: pytest.FixtureRequest, rows: LabelledFrame, trees: TreeModel) -> RiskModel:
    single = _single(request.param, rows, trees)
    drawn, panel = draw_panel(rows, np.random.default_rng(1))
    if isinstance(single, ChurnNet):
        panel = replace(panel, pooled=single.encode(drawn.frame)[1])
    return RiskModel("blend", (single, trees), Calibration(1.2, -0.3), panel, shares=(0.6, 0.4))


def _single(kind: str, rows: LabelledFrame, trees: TreeModel) -> SingleModel:
    if kind in NETS:
        torch.manual_seed(5)
        base = NetConfig(hidden=4, layer=8, kind_width=3, topic_width=2, max_events=8)
        return ChurnNet.build(rows.frame, net_named(kind, base))
    if kind == "random_forest":
        return ForestModel.fit(rows, ForestConfig(trees=8), seed=1, threads=1)
    return LogisticModel.fit(rows, strength=0.1) if kind == "logistic" else trees


def _told(model: RiskModel, frame: FeatureFrame) -> Attribution:
    return attribute(model, frame, GROUPS)


def test_reasons_of_every_kind_keep_the_axioms(model: RiskModel, rows: LabelledFrame) -> None:
    frame = rows.frame.take(np.arange(24))
    found = _told(model, frame)

    assert found.log_odds == pytest.approx(model.predict(frame).log_odds, abs=1e-5)
    size = np.abs(found.contributions).sum(axis=1)
    assert (np.abs(found.remainder) <= 0.011 * size + SMALLEST).all()
    assert (SEQUENCE in found.groups) is model.reads_sequences

    if "constant" in found.groups:
        assert np.abs(found.contributions[:, found.groups.index("constant")]).max() < 1e-6

    removal = Removal(model, frame, GROUPS)
    every = np.ones(found.contributions.shape, np.bool_)
    # a forest's baseline is the mean of the panel's probabilities, not of their log-odds
    near = 0.1 if isinstance(model.components[0], ForestModel) else 1e-5
    assert removal.log_odds(found.groups, every) == pytest.approx(found.baseline_log_odds, abs=near)
    assert removal.log_odds(found.groups, ~every) == pytest.approx(found.log_odds, abs=1e-5)

    shuffled = np.random.default_rng(2).permutation(len(frame))
    in_other_order = _told(model, frame.take(shuffled))
    assert in_other_order.contributions == pytest.approx(found.contributions[shuffled], abs=2e-4)
    parts = [_told(model, frame.take(part)) for part in (np.arange(5), np.arange(5, 24))]
    in_parts = np.concatenate([part.contributions for part in parts])
    assert in_parts == pytest.approx(found.contributions, abs=2e-4)

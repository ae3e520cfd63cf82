"""A mad value in one feature moves a risk no further than the limit that the model keeps for it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.explain.attribute import attribute
from engine.features.frame import FeatureFrame
from engine.models.blend import RiskModel
from engine.models.trees import TreeModel

GROUPS = {"idle": "fading_use", "visits": "fading_use", "price": "price", "unused": "unused_value"}
MODELS = ("blend", "trees", "logistic", "net")


def with_value(frame: FeatureFrame, column: int, value: float) -> FeatureFrame:
    values = frame.values.copy()
    values[:, column] = value
    return replace(frame, values=values)


def edges(model: RiskModel, column: int) -> tuple[float, float]:
    """Just beyond the outermost value at which any part of the model still changes its mind."""
    found = []
    for part in model.components:
        if part.limits:
            found += list(part.limits[model.columns[column]])
        if isinstance(part, TreeModel):
            trees = part.ensemble
            splits = trees.threshold[(trees.feature == column) & ~trees.is_leaf]
            found += splits[np.isfinite(splits)].tolist()  # endless: missing against the rest
    return min(found) - 1, max(found) + 1


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("value", [1e30, -1e30, 3.4e38, -3.4e38, math.inf, -math.inf])
def test_a_mad_value_is_no_worse_than_the_outermost_ordinary_one(
    world,  # type: ignore[no-untyped-def]
    name: str,
    value: float,
) -> None:
    model: RiskModel = getattr(world, name)
    frame = world.fresh.frame
    for column in range(len(frame.columns)):
        low, high = edges(model, column)
        edge = math.nan if math.isinf(value) else high if value > 0 else low
        mad = model.predict(with_value(frame, column, value))
        ordinary = model.predict(with_value(frame, column, edge))
        assert np.array_equal(mad.log_odds, ordinary.log_odds)
        assert ((mad.risk > 0) & (mad.risk < 1)).all()
    found = attribute(model, with_value(frame.take(np.arange(12)), 0, value), GROUPS)
    assert np.isfinite(found.contributions).all()
    assert found.contributions.sum(axis=1) + found.remainder == pytest.approx(
        found.log_odds - found.baseline_log_odds, abs=1e-9
    )


@pytest.mark.parametrize("name", ["logistic", "net"])
def test_beyond_the_limit_is_as_at_the_limit(world, name: str) -> None:  # type: ignore[no-untyped-def]
    stored = RiskModel.from_state(*getattr(world, name).state())
    [part] = stored.components
    frame = world.fresh.frame
    assert list(part.limits) == list(frame.columns)
    for column, (low, high) in enumerate(part.limits.values()):
        assert low < high
        for limit, beyond in ((low, -1e30), (low, low - 1), (high, high + 1), (high, 1e30)):
            at_limit = stored.predict(with_value(frame, column, limit)).log_odds
            there = stored.predict(with_value(frame, column, beyond)).log_odds
            assert np.array_equal(at_limit, there)
        inside = stored.predict(with_value(frame, column, (low + high) / 2)).log_odds
        assert not np.array_equal(inside, stored.predict(with_value(frame, column, high)).log_odds)


def test_trees_only_compare_and_keep_no_limits(world) -> None:  # type: ignore[no-untyped-def]
    [part] = world.trees.components
    assert part.limits == {}

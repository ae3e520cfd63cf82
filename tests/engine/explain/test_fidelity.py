from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from engine.explain.attribute import attribute
from engine.explain.components import SEQUENCE
from engine.explain.fidelity import faithfulness, kendall, telling_order
from engine.explain.order import LEAST_SHARE, raising_first
from engine.explain.removal import Removal
from engine.explain.usual import above_usual
from engine.models.cross_fit import CrossFitted
from engine.types import Reason, Words
from tests.engine.explain.conftest import SPECS, World

GROUPS = {spec.name: spec.group for spec in SPECS}
MODELS = ("blend", "trees", "logistic", "net")


def _removal(world: World, name: str, rows: int = 40):  # type: ignore[no-untyped-def]
    model, frame = getattr(world, name), world.fresh.frame.take(np.arange(rows))
    found = attribute(model, frame, GROUPS)
    return model, frame, found, Removal(model, frame, GROUPS)


@pytest.mark.parametrize("name", MODELS)
def test_without_any_reason_a_user_is_like_those_who_stayed(world: World, name: str) -> None:
    _, _, found, removal = _removal(world, name)
    everything = np.ones(found.contributions.shape, bool)
    assert removal.log_odds(found.groups, everything) == pytest.approx(
        found.baseline_log_odds, abs=1e-5
    )
    assert removal.log_odds(found.groups, ~everything) == pytest.approx(found.log_odds, abs=1e-5)


def test_what_a_linear_model_loses_is_the_contribution(world: World) -> None:
    _, _, found, removal = _removal(world, "logistic")
    for place in range(len(found.groups)):
        without = np.zeros(found.contributions.shape, bool)
        without[:, place] = True
        fall = found.log_odds - removal.log_odds(found.groups, without)
        assert fall == pytest.approx(found.contributions[:, place], abs=1e-5)


def test_columns_are_those_of_each_panel_user_in_turn(world: World) -> None:
    model, frame, found, removal = _removal(world, "trees", rows=5)
    without = np.zeros(found.contributions.shape, bool)
    without[:, found.groups.index("fading_use")] = True
    said = removal.log_odds(found.groups, without)
    owned = [GROUPS[column] == "fading_use" for column in frame.columns]
    for row in range(5):
        peers = model.panel.rows_of(str(frame.segments[row]))[:8]
        values = np.repeat(frame.values[[row]], len(peers), axis=0)
        values[:, owned] = model.panel.values[peers][:, owned]
        mixed = replace(frame.take(np.full(len(peers), row)), values=values)
        assert said[row] == pytest.approx(model.predict(mixed).log_odds.mean(), abs=1e-6)


def test_a_user_without_his_events_has_those_of_others(world: World) -> None:
    """Only the net reads events: taking them away must move it and nothing else."""
    for name, moves in (("net", True), ("trees", False)):
        _, _, found, removal = _removal(world, name)
        gone = removal.log_odds((SEQUENCE,), np.ones((len(found.log_odds), 1), bool))
        assert np.allclose(gone, found.log_odds, atol=1e-6) is not moves


def test_the_first_reason_of_most_users_holds(world: World) -> None:
    frame = world.fresh.frame
    risk = world.blend.predict(frame).risk
    found = faithfulness(world.blend, frame, GROUPS, risk=risk, seed=1, most_users=60)
    assert found.users == 60
    assert found.lowered / found.tested > 0.9
    assert found.random_lowered / found.tested < 0.7
    assert list(found.drops) == sorted(found.drops)
    assert found.drops[0] > 0.3
    assert found.drops[0] > 2 * found.random_drops[0]
    assert found.stability is None


def test_a_model_agrees_with_itself(world: World) -> None:
    frame = world.fresh.frame
    risk = world.logistic.predict(frame).risk
    found = faithfulness(
        world.logistic, frame, GROUPS, risk=risk, seed=1, second=world.logistic
    ).stability
    assert found is not None
    assert found.kendall == pytest.approx(1.0)
    assert found.same_first == found.in_first_three == found.compared


def test_another_kind_of_model_agrees_less_than_with_itself(world: World) -> None:
    frame = world.fresh.frame
    risk = world.trees.predict(frame).risk
    found = faithfulness(
        world.trees, frame, GROUPS, risk=risk, seed=1, second=world.logistic
    ).stability
    assert found is not None
    assert 0.2 < found.kendall < 0.99
    assert found.same_first <= found.in_first_three <= found.compared


def test_a_cross_fitted_model_asks_the_next_fold(world: World) -> None:
    model = CrossFitted((world.trees, world.trees, world.logistic))
    frame = world.fresh.frame
    found = faithfulness(model, frame, GROUPS, risk=model.predict(frame).risk, seed=1)
    assert found.users == 100
    assert found.lowered / found.tested > 0.9
    assert found.stability is not None
    assert found.stability.against == "other_fold"
    assert found.stability.same_first < found.stability.compared


def test_nobody_to_ask(world: World) -> None:
    frame = world.fresh.frame.take(np.arange(0))
    found = faithfulness(
        world.trees, frame, GROUPS, risk=np.zeros(0), seed=1, second=world.logistic
    )
    assert (found.users, found.tested, found.lowered) == (0, 0, 0)
    assert found.drops == (0.0, 0.0, 0.0)


def test_reasons_are_taken_away_in_the_order_in_which_they_are_told() -> None:
    """The order of the array equals that of the sentences a user's screen shows."""
    rng = np.random.default_rng(3)
    groups = ("fading_use", "price", "history", "term_ending", "sequence", "support")
    contributions = rng.normal(0, 0.4, (80, 6)) * rng.choice([0.002, 1], (80, 6))
    usual = {name: (0.1, 0.2) for name in groups if name != "support"}
    order, told = telling_order(contributions, np.zeros(80), groups, usual)
    apart = above_usual(contributions, groups, usual)
    for row in range(80):
        pull = np.abs(contributions[row]).sum()
        reasons = [
            Reason(
                name, name, one, one / pull, None, None, Words("", ""),
                above_usual=None if np.isnan(far) else far,
            )
            for name, one, far in zip(groups, contributions[row], apart[row], strict=True)
        ]  # fmt: skip
        expected = [r.group for r in raising_first(r for r in reasons if r.share >= LEAST_SHARE)]
        assert [groups[g] for g in order[row, : told[row].sum()]] == expected


def test_kendall_equals_scipy_with_ties() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(-3, 4, (2, 50, 9)).astype(float)
    expected = [kendalltau(one, two).statistic for one, two in zip(a, b, strict=True)]
    assert kendall(a, b) == pytest.approx(expected)
    assert np.isnan(kendall(np.zeros((1, 4)), np.ones((1, 4)))).all()

"""Importance, curves and joint effects of functions whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.features.spec import FeatureSpec
from engine.insight.dependence import curve
from engine.insight.importance import group_importance
from engine.insight.interactions import interactions
from engine.insight.surface import Outcomes, Player, Surface
from engine.models.calibration import sigmoid
from engine.types import Words

ROWS = 1_200
NAMES = ("first", "second", "third", "noise")
PLAYERS = [Player(name, np.array([place])) for place, name in enumerate(NAMES)]
LABELS = {name: Words(name, name) for name in NAMES}


def surface(of: str, seed: int = 3) -> tuple[Surface, Outcomes]:
    """Four columns and labels drawn from the function's own risks."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((ROWS, 4)).astype(np.float32)

    def log_odds(x: NDArray[np.float32]) -> NDArray[np.float64]:
        one, two, three = (x[:, place].astype(np.float64) for place in range(3))
        return {
            "additive": 1.2 * one + two**2 - np.abs(three),
            "product": 1.2 * one * two + three - 0.5,
        }[of]

    drawn = (rng.random(ROWS) < sigmoid(log_odds(values))).astype(np.float64)
    users = np.array([f"u{row}" for row in range(ROWS)], object)
    outcomes = Outcomes(drawn, users, np.ones(ROWS, np.float32), np.zeros(ROWS))
    return Surface(values, lambda x, rows, events, messages: log_odds(x)), outcomes


def test_effects_that_add_up_have_no_joint_effect() -> None:
    found = interactions(*_pair("additive"), seed=1)
    assert len(found) == 6
    for one in found:
        assert one.strength == pytest.approx(0.0, abs=1e-5)
        assert not one.above_noise
        assert not one.told


def test_a_product_acts_together_and_nothing_else_does() -> None:
    found = {(one.first, one.second): one for one in interactions(*_pair("product"), seed=1)}
    joint = found.pop(("first", "second"))
    assert joint.strength > 0.9  # the product has no effect of either alone
    assert joint.told
    assert joint.log_loss.low > 0
    for one in found.values():
        assert one.strength < 0.05
        assert not one.told


def test_a_joint_effect_that_the_labels_do_not_bear_out_is_not_told() -> None:
    made_up, _ = surface("product")
    rng = np.random.default_rng(5)
    label = (rng.random(ROWS) < sigmoid(made_up.values[:, 2].astype(np.float64))).astype(float)
    users = np.array([f"u{row}" for row in range(ROWS)], object)
    outcomes = Outcomes(label, users, np.ones(ROWS, np.float32), np.zeros(ROWS))
    found = interactions(made_up, PLAYERS, LABELS, outcomes, seed=1)
    joint = next(one for one in found if (one.first, one.second) == ("first", "second"))
    assert joint.strength > 0.9
    assert not joint.above_noise


def test_a_group_that_the_model_does_not_need_costs_nothing_when_dealt_anew() -> None:
    made, outcomes = surface("additive")
    contributions = {name: 1.0 - 0.2 * place for place, name in enumerate(NAMES)}
    found = group_importance(made, PLAYERS, contributions, LABELS, outcomes, seed=1)
    assert [one.group for one in found] == list(NAMES)
    assert sum(one.share for one in found) == pytest.approx(1.0)
    for one in found[:2]:
        assert one.log_loss.low > 0
        assert one.roc_auc is not None
        assert one.roc_auc.low > 0
    noise = found[-1]
    assert (noise.log_loss.estimate, noise.log_loss.low, noise.log_loss.high) == (0.0, 0.0, 0.0)


def test_events_and_messages_are_exchanged_with_their_group() -> None:
    score = np.arange(5, dtype=np.float64)
    made = Surface(
        np.zeros((5, 1), np.float32),
        lambda values, rows, events, messages: 100 * score[events] + score[messages],
    )
    rows, others = np.arange(5), np.arange(5)[::-1].copy()
    none = np.zeros(0, np.int64)
    sequence, text = Player("sequence", none), Player("text", none)
    assert made.mixed(rows, (sequence, others)).tolist() == (100 * score[::-1] + score).tolist()
    assert made.mixed(rows, (text, others)).tolist() == (100 * score + score[::-1]).tolist()


def spec(unit: str = "number") -> FeatureSpec:
    words = Words("某列", "a column")
    return FeatureSpec("column", "first", "user", "", unit, 0, False, words, words)  # type: ignore[arg-type]


def test_the_curve_of_a_line_is_the_line() -> None:
    rng = np.random.default_rng(2)
    values = rng.uniform(-1, 1, (400, 2)).astype(np.float32)
    values[:40, 0] = np.nan
    made = Surface(
        values,
        lambda x, rows, events, messages: 2.0 * np.nan_to_num(x[:, 0].astype(np.float64), nan=5.0),
    )
    found = curve(made, 0, spec(), shift=np.zeros(400), currency="CNY")
    assert found is not None
    assert not found.discrete
    for point in found.points:
        assert point.value is not None
        expected = float(sigmoid(np.array(2 * point.value)))
        assert (point.risk, point.low, point.high) == pytest.approx((expected,) * 3, abs=1e-6)
    assert sum(point.share for point in found.points) == pytest.approx(0.9)
    assert found.missing is not None
    assert found.missing.risk == pytest.approx(float(sigmoid(np.array(10.0))), abs=1e-9)
    first, last = (float(sigmoid(np.array(2 * found.deciles[place]))) for place in (0, -1))
    assert found.sensitivity == pytest.approx(last - first, abs=1e-6)


def test_few_values_are_bars_and_a_column_that_never_varies_has_no_curve() -> None:
    values = np.zeros((100, 2), np.float32)
    values[:25, 0] = 1
    made = Surface(values, lambda x, rows, events, messages: x[:, 0].astype(np.float64))
    found = curve(made, 0, spec("flag"), shift=np.zeros(100), currency="CNY")
    assert found is not None
    assert found.discrete
    assert [(point.words.en, point.share) for point in found.points] == [
        ("no", 0.75),
        ("yes", 0.25),
    ]
    assert curve(made, 1, spec("flag"), shift=np.zeros(100), currency="CNY") is None


def _pair(of: str) -> tuple[Surface, list[Player], dict[str, Words], Outcomes]:
    made, outcomes = surface(of)
    return made, PLAYERS, LABELS, outcomes

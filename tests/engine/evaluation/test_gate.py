from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.errors import DataError
from engine.evaluation.gate import GateLimits, chance_calibration_error, gate
from engine.evaluation.profit import Economics
from engine.types import LabelCounts, Words


@pytest.fixture(scope="module")
def world() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)
    nature = rng.normal(-1, 1.2, 3000)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    truth = sigmoid(nature)
    return {
        "label": (rng.random(3000) < truth).astype(float),
        "users": np.repeat(np.arange(1500), 2),
        "truth": truth,
        "noisy": sigmoid(0.8 * nature + rng.normal(0, 0.9, 3000) - 0.2),
        "overconfident": sigmoid(3 * nature),
        "blind": np.full(3000, truth.mean()),
    }


def judge(world: dict[str, np.ndarray], challenger: str, champion: str = "", baseline: str = "",
          **more: object):  # type: ignore[no-untyped-def]  # fmt: skip
    return gate(
        world["label"],
        world["users"],
        challenger=world[challenger],
        champion=world.get(champion),
        baseline=world.get(baseline),
        seed=1,
        rounds=100,
        **more,
    )


def test_a_good_first_model_wins(world: dict[str, np.ndarray]) -> None:
    verdict = judge(world, "truth")
    assert verdict.wins
    assert verdict.log_loss_difference is None
    assert verdict.statements[0].en == "Promote: there is no champion yet."
    assert verdict.statements[1].en.startswith("First model: ROC-AUC 0.")
    assert verdict.statements[1].zh.startswith("首个模型：ROC-AUC 0.")


def test_a_blind_first_model_does_not(world: dict[str, np.ndarray]) -> None:
    verdict = judge(world, "blind")
    assert not verdict.wins
    assert "not shown to be better than chance" in verdict.statements[1].en


def test_the_champion_again_gains_nothing(world: dict[str, np.ndarray]) -> None:
    verdict = judge(world, "truth", "truth")
    assert not verdict.wins
    assert verdict.statements[1].en == (
        "Scores exactly as the champion does: there is nothing to gain."
    )


def test_a_better_challenger_wins_and_a_worse_one_does_not(world: dict[str, np.ndarray]) -> None:
    better = judge(world, "truth", "noisy")
    assert better.wins
    assert better.log_loss_difference is not None
    assert better.log_loss_difference.high < 0
    assert better.roc_auc_difference is not None
    assert better.roc_auc_difference.low > 0
    assert "a proven gain" in better.statements[1].en
    worse = judge(world, "noisy", "truth")
    assert not worse.wins
    assert worse.statements[0].zh == "建议保留现任。"
    assert "worse by more than the margin of 0.01" in worse.statements[1].en


def test_a_level_challenger_wins_because_it_is_fresher(world: dict[str, np.ndarray]) -> None:
    fresher = world | {"fresher": world["truth"] * (1 - 1e-9)}
    assert judge(fresher, "fresher", "truth").wins


def test_a_model_with_wrong_probabilities_does_not_win(world: dict[str, np.ndarray]) -> None:
    verdict = judge(world, "overconfident")
    assert not verdict.wins
    assert "above the limit of 0.050" in verdict.statements[2].en


def test_a_better_baseline_is_to_be_shipped(world: dict[str, np.ndarray]) -> None:
    verdict = judge(world, "noisy", "noisy", "truth", limits=GateLimits(ece=1.0))
    assert not verdict.wins
    assert verdict.baseline_wins
    assert verdict.statements[-1].en.startswith(
        "The baseline HistGradientBoosting is better (log loss difference"
    )
    assert verdict.statements[-1].en.endswith("ship the baseline.")
    assert judge(world, "truth", "noisy", "blind").wins


def test_contact_without_holdout_is_said(world: dict[str, np.ndarray]) -> None:
    verdict = judge(world, "truth", labels=LabelCounts(untreated=10, treated_inside=1234))
    assert "can't be verified" in verdict.statements[-1].en
    assert "1,234 行" in verdict.statements[-1].zh
    assert len(judge(world, "truth", labels=LabelCounts(10, 5, 5)).statements) == 3


def test_weights_count(world: dict[str, np.ndarray]) -> None:
    """With weight on the rows where it is right, a model that is wrong elsewhere passes."""
    half = np.arange(3000) < 1500
    risk = np.where(half, world["truth"], world["overconfident"])
    mixed = world | {"mixed": risk}
    assert not judge(mixed, "mixed", "truth").wins
    assert judge(mixed, "mixed", "truth", weight=half.astype(float)).wins


def test_small_samples_are_not_blamed_for_noise(world: dict[str, np.ndarray]) -> None:
    few = chance_calibration_error(world["truth"][:200], seed=1)
    many = chance_calibration_error(world["truth"], seed=1)
    assert few > 0.05 > many > 0


def test_profit_at_capacity_must_not_be_provably_lower(world: dict[str, np.ndarray]) -> None:
    """Two models of nearly the same log loss; one puts the valuable leavers last."""
    rng = np.random.default_rng(2)
    economics = Economics(
        rng.lognormal(4, 1, 3000),
        np.tile(np.array(["2026-01-04", "2026-01-18"], "datetime64[s]"), 1500),
        capacity=0.1,
        save_rate=0.2,
        contact_cost=0.02,
    )
    valuable = economics.value > np.quantile(economics.value, 0.8)
    blunted = np.where(valuable, 0.02 * world["truth"], world["truth"])
    both = world | {"blunted": blunted}
    wide = GateLimits(log_loss_margin=9.0, ece=1.0)
    worse = judge(both, "blunted", "truth", economics=economics, limits=wide)
    assert not worse.wins
    assert worse.profit_difference is not None
    assert worse.profit_difference.high < 0
    assert worse.statements[2].en.startswith("Profit at capacity below the champion's")
    assert worse.statements[2].zh.startswith("触达容量下每位用户的预期收益低于现任")
    better = judge(both, "truth", "blunted", economics=economics, limits=wide)
    assert better.wins
    assert "not below it" in better.statements[2].en
    worthless = replace(economics, value=np.zeros(3000))
    without = judge(both, "truth", "blunted", economics=worthless, limits=wide)
    assert without.profit_difference is None


def test_a_group_that_is_served_worse_stops_a_good_model(world: dict[str, np.ndarray]) -> None:
    words = Words("某组", "some group")
    unfair = judge(world, "truth", groups=(False, words))
    assert not unfair.wins
    assert words in unfair.statements
    assert judge(world, "truth", groups=(True, words)).wins


def test_one_class_is_refused(world: dict[str, np.ndarray]) -> None:
    with pytest.raises(DataError, match="All 3000 labels are 0"):
        judge(world | {"label": np.zeros(3000)}, "truth")

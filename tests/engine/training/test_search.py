"""The search: seeded, within its seconds, stopped between trials, blind to later rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from engine.errors import Cancelled
from engine.features.frame import LabelledFrame
from engine.models.nets.config import NetConfig
from engine.models.trees import TreeConfig
from engine.training.fit import FitConfig
from engine.training.search import CANDIDATES, TREE_RUNGS, Searched, search

Rows = Callable[..., LabelledFrame]


class Clock:
    """Every look takes `step_s` seconds."""

    def __init__(self, step_s: float) -> None:
        self.now_s, self.step_s = 0.0, step_s

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


def _search(planted: Rows, *, step_s: float = 0.0, budget_s: float = 100, **more: Any) -> Searched:
    settings: dict[str, Any] = {"net": None, "seed": 3} | more
    return search(
        planted(400, seed=1),
        planted(400, seed=2),
        fit=FitConfig(least_steps=5),
        trees=TreeConfig(),
        budget_s=budget_s,
        threads=1,
        clock=Clock(step_s),
        **settings,
    )


@pytest.mark.slow
def test_every_rung_keeps_a_third_and_the_best_is_found(planted: Rows) -> None:
    found = _search(planted)
    by_rung = [[t for t in found.trials if t.rounds == rounds] for rounds in TREE_RUNGS]
    assert [len(rung) for rung in by_rung] == [CANDIDATES, CANDIDATES // 3, 1]
    for rung, later in pairwise(by_rung):
        kept = [trial for trial in rung if not trial.pruned]
        assert [t.parameters for t in later] == [
            t.parameters for t in sorted(kept, key=lambda t: t.valid_log_loss)
        ]
        dropped = [trial.valid_log_loss for trial in rung if trial.pruned]
        assert max(t.valid_log_loss for t in kept) <= min(dropped)
    best = min(found.trials, key=lambda trial: trial.valid_log_loss)
    assert best.parameters["max_leaves"] == found.trees.max_leaves
    # The settings in use are the first candidate, so the search is never worse on these rows.
    assert by_rung[0][0].parameters["learning_rate"] == TreeConfig().learning_rate
    assert best.valid_log_loss <= by_rung[0][0].valid_log_loss


@pytest.mark.slow
def test_the_seed_decides(planted: Rows) -> None:
    # The clock stands still, so nothing but the seed can differ.
    first, again, other = (_search(planted, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first.trials[1].parameters != other.trials[1].parameters


@pytest.mark.slow
def test_the_budget_ends_it_after_the_trial_at_hand(planted: Rows) -> None:
    short = _search(planted, step_s=1.0, budget_s=10)
    assert 1 <= len(short.trials) <= 4
    assert not any(trial.pruned for trial in short.trials)
    # However short it is, the settings in use are tried and something is found.
    least = _search(planted, step_s=50.0, budget_s=1)
    assert len(least.trials) == 1
    assert least.trees == TreeConfig()


@pytest.mark.slow
def test_the_net_has_what_the_trees_leave_over(planted: Rows) -> None:
    found = _search(
        planted, step_s=1.0, budget_s=30, net=NetConfig(hidden=8, layer=16, max_events=4)
    )
    kinds = [trial.kind for trial in found.trials]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {"hist_gradient_boosting", "churn_net"}
    assert found.fit.max_epochs == FitConfig().max_epochs
    assert all(np.isfinite(trial.valid_log_loss) for trial in found.trials)


def test_it_stops_between_trials(planted: Rows) -> None:
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        _search(planted, should_stop=lambda: next(asked))


def test_neither_calibration_nor_test_rows_can_be_seen() -> None:
    """They are not among the arguments: only rows that teach and rows that validate are."""
    frames = [
        name
        for name, parameter in inspect.signature(search, eval_str=True).parameters.items()
        if parameter.annotation is LabelledFrame
    ]
    assert frames == ["train", "validate"]

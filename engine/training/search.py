"""Search for settings on a budget of seconds: successive halving over a small written space.

Candidates of the net and of the trees are drawn once, the settings in use among them. All start
with little training; the better third goes on to the next rung with more of it. Losses are those of
the validation rows; calibration and test rows are not passed in. Own code rather than Optuna: see
`docs/decisions/0007-own-successive-halving.md`.

Source: Jamieson & Talwalkar (2016), Non-stochastic Best Arm Identification and Hyperparameter
Optimization, AISTATS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from engine.features.frame import LabelledFrame
from engine.models.base import SingleModel
from engine.models.blend import BLEND
from engine.models.calibration import log_loss
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.config import NetConfig, PoolKind
from engine.models.trees import TreeConfig, TreeModel
from engine.store.codec import to_json
from engine.training.challenger import TrainingConfig
from engine.training.fit import FitConfig, fit_net, use_threads
from engine.training.progress import Progress, ShouldStop, never, stop_if_asked, unheard
from engine.trials import TRIALS, Trial

MOST_ROWS = 40_000
"""Training rows of a trial, drawn at random: enough to order candidates by."""

CANDIDATES = 12
"""Of each kind, drawn before the first trial."""

KEPT = 3
"""One candidate in so many goes on to the next rung."""

TREE_RUNGS = (60, 180, 400)
"""Trees grown at most, by rung; early stopping keeps fewer."""

NET_RUNGS = (2, 5, 12)
"""Epochs at most, by rung."""

TREES_SHARE = 0.4
"""Of the budget; what the trees leave over is the net's."""

POOLS: tuple[PoolKind, ...] = ("gru", "conv")
"""Of the sequence; the others cost several times as much on a processor."""

STAGE = "search"

Candidate = TypeVar("Candidate")


@dataclass(frozen=True, slots=True)
class Searched:
    """The settings of the lowest validation loss, and everything that was tried."""

    net: NetConfig | None  # None: no net was searched
    fit: FitConfig
    trees: TreeConfig
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class _Space(Generic[Candidate]):
    """One kind: its candidates, how much training a rung gives, and how to fit."""

    kind: str
    candidates: Sequence[Candidate]
    rungs: tuple[int, ...]
    described: Callable[[Candidate], Mapping[str, Any]]
    fitted: Callable[[Candidate, int], SingleModel]


def search(
    train: LabelledFrame,
    validate: LabelledFrame,
    *,
    net: NetConfig | None,
    fit: FitConfig,
    trees: TreeConfig,
    budget_s: float,
    seed: int,
    threads: int,
    clock: Callable[[], float],
    progress: Progress = unheard,
    should_stop: ShouldStop = never,
) -> Searched:
    """Try settings until `budget_s` seconds by `clock` are over; no `net`: trees only.

    A trial that has begun is finished, so the budget is passed by one fit at most; the settings
    given are tried first and win a tie. The same seed and rows give the same candidates; how many
    of them are tried depends on the clock. Raises `Cancelled` between trials when `should_stop`
    says so.
    """
    rng = np.random.default_rng(seed)
    rows = train.take(np.sort(rng.permutation(len(train))[:MOST_ROWS]))
    trees_space = _Space(
        TreeModel.kind,
        [trees, *(_drawn_trees(trees, rng) for _ in range(CANDIDATES - 1))],
        TREE_RUNGS,
        _of_trees,
        lambda one, most: TreeModel.fit(
            rows, validate, replace(one, max_trees=most), seed=seed, threads=threads
        ),
    )
    halving = _Halving(validate, clock, progress, should_stop, budget_s)
    best_trees = halving.best(trees_space, TREES_SHARE if net is not None else 1.0)
    if net is None:
        return Searched(None, fit, best_trees, tuple(halving.trials))
    nets_space = _Space(
        "churn_net",
        [(net, fit), *(_drawn_net(net, fit, rng) for _ in range(CANDIDATES - 1))],
        NET_RUNGS,
        _of_net,
        lambda one, most: (
            fit_net(rows, validate, one[0], replace(one[1], max_epochs=most), seed=seed).model
        ),
    )
    best_net, best_fit = halving.best(nets_space, 1.0)
    found = replace(best_fit, max_epochs=fit.max_epochs)
    return Searched(best_net, found, best_trees, tuple(halving.trials))


def with_settings_found(
    config: TrainingConfig,
    train: LabelledFrame,
    validate: LabelledFrame,
    *,
    budget_s: float,
    clock: Callable[[], float] = time.monotonic,
    progress: Progress = unheard,
    should_stop: ShouldStop = never,
) -> TrainingConfig:
    """`config` with the settings that a search finds, and its trials among the metadata.

    Nets are searched where the net's sizes are free: for `auto`, `blend` and `churn_net`.
    """
    with threadpool_limits(limits=(threads := use_threads(config.threads))):
        use_threads(threads)  # threadpoolctl also resets torch's own pool when that is OpenMP
        found = search(
            train,
            validate,
            net=config.net if config.model in ("auto", BLEND, ChurnNet.kind) else None,
            fit=replace(config.fit, max_epochs=config.max_epochs),
            trees=config.trees,
            budget_s=budget_s,
            seed=config.seed,
            threads=threads,
            clock=clock,
            progress=progress,
            should_stop=should_stop,
        )
    metadata = {**config.metadata, TRIALS: to_json(found.trials)}
    return replace(
        config, net=found.net or config.net, fit=found.fit, trees=found.trees, metadata=metadata
    )


class _Halving:
    """The trials of one search, one kind after another."""

    def __init__(
        self,
        validate: LabelledFrame,
        clock: Callable[[], float],
        progress: Progress,
        should_stop: ShouldStop,
        budget_s: float,
    ) -> None:
        self.validate = validate
        self.clock = clock
        self.progress = progress
        self.should_stop = should_stop
        self.budget_s = budget_s
        self.started = clock()
        self.trials: list[Trial] = []

    def best(self, space: _Space[Candidate], until: float) -> Candidate:
        """The candidate of the lowest loss by the time that `until` of the budget is spent."""
        losses: dict[int, float] = {}
        alive = list(range(len(space.candidates)))
        for rung, rounds in enumerate(space.rungs):
            tried: dict[int, float] = {}
            for place in alive:
                stop_if_asked(self.should_stop)
                if losses and self._spent() >= until:
                    break
                tried[place] = self._tried(space, place, rounds)
                losses[place] = min(tried[place], losses.get(place, np.inf))
            if len(tried) < len(alive) or rung == len(space.rungs) - 1:
                break
            alive = sorted(tried, key=lambda one: tried[one])[: max(1, len(tried) // KEPT)]
            self._prune(space, rounds, alive)
        return space.candidates[min(losses, key=lambda one: losses[one])]

    def _tried(self, space: _Space[Candidate], place: int, rounds: int) -> float:
        begun = self.clock()
        candidate = space.candidates[place]
        model = space.fitted(candidate, rounds)
        scores = model.log_odds(self.validate.frame)
        loss = float(
            np.average(log_loss(scores, self.validate.label), weights=self.validate.weight)
        )
        seconds = self.clock() - begun
        described = space.described(candidate)
        self.trials.append(Trial(space.kind, described, rounds, loss, seconds, pruned=False))
        self.progress(STAGE, min(1.0, self._spent()), {"trials": len(self.trials), "loss": loss})
        return loss

    def _prune(self, space: _Space[Candidate], rounds: int, alive: list[int]) -> None:
        kept = [space.described(space.candidates[place]) for place in alive]
        self.trials = [
            replace(trial, pruned=trial.parameters not in kept)
            if (trial.kind, trial.rounds) == (space.kind, rounds)
            else trial
            for trial in self.trials
        ]

    def _spent(self) -> float:
        return (self.clock() - self.started) / self.budget_s


def _drawn_trees(base: TreeConfig, rng: np.random.Generator) -> TreeConfig:
    return replace(
        base,
        max_leaves=int(rng.choice([7, 11, 15, 23, 31, 47, 63])),
        learning_rate=_between(rng, 0.02, 0.1),
        min_rows_in_leaf=int(rng.choice([20, 40, 70, 100, 150, 200])),
        l2=_between(rng, 0.5, 20.0),
    )


def _of_trees(config: TreeConfig) -> Mapping[str, Any]:
    return {
        "max_leaves": config.max_leaves,
        "learning_rate": config.learning_rate,
        "min_rows_in_leaf": config.min_rows_in_leaf,
        "l2": config.l2,
    }


def _drawn_net(
    net: NetConfig, fit: FitConfig, rng: np.random.Generator
) -> tuple[NetConfig, FitConfig]:
    drawn = replace(
        net,
        hidden=int(rng.choice([32, 64, 96])),
        layer=int(rng.choice([64, 128, 256])),
        dropout=round(float(rng.uniform(0.0, 0.4)), 3),
        pool=POOLS[int(rng.integers(len(POOLS)))] if net.pool != "none" else "none",
    )
    return drawn, replace(
        fit,
        learning_rate=_between(rng, 5e-4, 5e-3),
        weight_decay=_between(rng, 1e-3, 1e-1),
    )


def _of_net(candidate: tuple[NetConfig, FitConfig]) -> Mapping[str, Any]:
    net, fit = candidate
    return {
        "pool": net.pool,
        "hidden": net.hidden,
        "layer": net.layer,
        "dropout": net.dropout,
        "learning_rate": fit.learning_rate,
        "weight_decay": fit.weight_decay,
    }


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number drawn evenly on the scale of logarithms, to three digits."""
    return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")

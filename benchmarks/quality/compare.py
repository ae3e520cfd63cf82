"""From risks on the same test rows to rows of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Row
from benchmarks.quality.aims import Aim, Measured, best_rival
from engine.evaluation.metrics import calibration_error
from engine.evaluation.paired import MetricName, paired_difference, statistic
from engine.types import Interval

Floats = NDArray[np.float64]
Positive = Literal["churned", "stayed"]


@dataclass(frozen=True, slots=True)
class Test:
    """N test rows and what each model says of them; every risk is P(churn)."""

    label: Floats  # (N,) 1 = churned
    users: NDArray[Any]  # (N,)
    ours: Floats
    rivals: Mapping[str, Floats]  # the aim is to be at least as good as the best of them
    beside: Mapping[str, Floats]  # shown, not competed with: our single models, the truth
    ranks_only: frozenset[str] = frozenset()  # says an order, no probability

    @property
    def others(self) -> dict[str, Floats]:
        return {**self.rivals, **self.beside}


def compare(
    case: str,
    test: Test,
    *,
    positive: Positive,
    seed: int,
    rounds: int,
    aim: Aim = best_rival,
) -> list[Row]:
    """ROC-AUC, average precision, log loss and calibration error, intervals clustered on users.

    `positive` says whom the average precision looks for: the published figures of some data sets
    look for those who stay. `aim` is asked of every metric.
    """
    return [
        _row(case, test, "roc_auc", aim=aim, seed=seed, rounds=rounds),
        _row(case, test, "average_precision", positive, aim=aim, seed=seed, rounds=rounds),
        _row(case, test, "log_loss", aim=aim, seed=seed, rounds=rounds),
        _calibration(case, test, aim),
    ]


def _row(
    case: str,
    test: Test,
    metric: MetricName,
    positive: Positive = "churned",
    *,
    aim: Aim,
    seed: int,
    rounds: int,
) -> Row:
    flip = positive == "stayed"
    label = 1 - test.label if flip else test.label
    peers: dict[str, float] = {}
    intervals: dict[str, Interval] = {}

    def towards(risk: Floats) -> Floats:
        return 1 - risk if flip else risk

    everyone = np.ones(len(label))
    for name, risk in test.others.items():
        if metric == "log_loss" and name in test.ranks_only:
            continue
        peers[name] = statistic(label, towards(risk), metric)(everyone)
        intervals[name] = paired_difference(
            label,
            towards(test.ours),
            towards(risk),
            test.users,
            metric=metric,
            seed=seed,
            rounds=rounds,
        )
    ours = statistic(label, towards(test.ours), metric)(everyone)
    name = f"{metric}_of_stayers" if flip else metric
    words, met = aim(Measured(metric, ours, _rivals(peers, test), intervals))
    return Row(case, name, ours, peers, words, met, intervals)


def _calibration(case: str, test: Test, aim: Aim) -> Row:
    peers = {
        name: calibration_error(test.label, risk)
        for name, risk in test.others.items()
        if name not in test.ranks_only
    }
    ours = calibration_error(test.label, test.ours)
    words, met = aim(Measured("ece", ours, _rivals(peers, test), {}))
    return Row(case, "ece", ours, peers, words, met)


def _rivals(peers: Mapping[str, float], test: Test) -> dict[str, float]:
    return {name: value for name, value in peers.items() if name in test.rivals}


def share_of_attainable(case: str, test: Test, truth: str, higher: Row, *, points: float) -> Row:
    """(AUC - .5) over that of the true hazard: 1 is all that anybody could know.

    The aim is the best rival's share and so many `points` of a hundred more.
    """
    ceiling = higher.peers[truth] - 0.5
    peers = {name: (value - 0.5) / ceiling for name, value in higher.peers.items()}
    wanted = max(peers[name] for name in test.rivals) + points / 100
    ours = (higher.ours - 0.5) / ceiling
    aim = f"{points:g} points above the best rival's, {wanted:.4f}"
    return Row(case, "share_of_attainable_auc", ours, peers, aim, ours >= wanted)

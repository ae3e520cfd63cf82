"""From risks on the same test rows to rows of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Row
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


def compare(case: str, test: Test, *, positive: Positive, seed: int, rounds: int) -> list[Row]:
    """ROC-AUC, average precision, log loss and calibration error, intervals clustered on users.

    `positive` says whom the average precision looks for: the published figures of some data sets
    look for those who stay. The aim is met when our figure is at least the best rival's; the
    interval says whether the difference is more than chance.
    """
    return [
        _row(case, test, "roc_auc", seed=seed, rounds=rounds),
        _row(case, test, "average_precision", positive=positive, seed=seed, rounds=rounds),
        _row(case, test, "log_loss", seed=seed, rounds=rounds),
        _calibration(case, test),
    ]


def _row(
    case: str,
    test: Test,
    metric: MetricName,
    *,
    positive: Positive = "churned",
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
    rivals = [value for name, value in peers.items() if name in test.rivals]
    higher = metric != "log_loss"
    best = max(rivals) if higher else min(rivals)
    return Row(
        case,
        f"{metric}_of_stayers" if flip else metric,
        ours,
        peers,
        f"{'at least' if higher else 'at most'} the best rival's {best:.4f}",
        ours >= best if higher else ours <= best,
        intervals,
    )


def _calibration(case: str, test: Test) -> Row:
    peers = {
        name: calibration_error(test.label, risk)
        for name, risk in test.others.items()
        if name not in test.ranks_only
    }
    best = min(value for name, value in peers.items() if name in test.rivals)
    ours = calibration_error(test.label, test.ours)
    return Row(case, "ece", ours, peers, f"at most the best rival's {best:.4f}", ours <= best)


def share_of_attainable(case: str, test: Test, truth: str, higher: Row) -> Row:
    """(AUC - .5) over that of the true hazard: 1 is all that anybody could know."""
    ceiling = higher.peers[truth] - 0.5
    peers = {name: (value - 0.5) / ceiling for name, value in higher.peers.items()}
    best = max(peers[name] for name in test.rivals)
    ours = (higher.ours - 0.5) / ceiling
    return Row(
        case,
        "share_of_attainable_auc",
        ours,
        peers,
        f"at least the best rival's {best:.4f}",
        ours >= best,
    )

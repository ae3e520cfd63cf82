"""What each group of features is worth: what it moves, and what is lost without it.

Source: permutation importance, Breiman 2001 and Fisher, Rudin and Dominici 2019 (arXiv 1801.01489),
with groups in place of columns: correlated columns stand in for each other one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.evaluation.paired import MetricName, paired_difference
from engine.insight.report import GroupImportance
from engine.insight.surface import Floats, Outcomes, Player, Surface
from engine.models.calibration import sigmoid
from engine.types import Interval, Words

REPEATS = 3
ROUNDS = 200


def group_importance(
    surface: Surface,
    players: Sequence[Player],
    contributions: Mapping[str, float],
    labels: Mapping[str, Words],
    outcomes: Outcomes,
    *,
    seed: int,
) -> tuple[GroupImportance, ...]:
    """One fact a player, by contribution, largest first.

    `contributions` are the mean |contribution| by group. Losses are those of risks as served: the
    log-odds of the surface plus the outcomes' shift. A group is dealt anew `REPEATS` times;
    intervals are 95 %, by users and deals together.
    """
    rng = np.random.default_rng(seed)
    label, shift = outcomes.label, outcomes.shift
    rows = np.arange(len(label))
    before = np.tile(sigmoid(surface.mixed(rows) + shift), REPEATS)
    total = sum(contributions.values()) or 1.0
    both = bool(0 < np.sum(label) < len(label))
    found = []
    for player in players:
        after = sigmoid(
            np.concatenate(
                [
                    surface.mixed(rows, (player, rng.permutation(rows))) + shift
                    for _ in range(REPEATS)
                ]
            )
        )

        def lost(metric: MetricName, worse: Floats, better: Floats) -> Interval:
            return paired_difference(
                np.tile(label, REPEATS),
                worse,
                better,
                np.tile(outcomes.users, REPEATS),
                metric=metric,
                seed=seed,
                rounds=ROUNDS,
                weight=np.tile(outcomes.weight, REPEATS),
            )

        own = contributions.get(player.group, 0.0)
        found.append(
            GroupImportance(
                group=player.group,
                words=labels.get(player.group, Words(player.group, player.group)),
                columns=len(player.columns),
                contribution=own,
                share=own / total,
                log_loss=lost("log_loss", after, before),
                roc_auc=lost("roc_auc", before, after) if both else None,
            )
        )
    return tuple(sorted(found, key=lambda one: -one.contribution))

"""Which groups act together: what their joint effect has beyond the sum of their effects.

Source: Friedman and Popescu 2008 (Annals of Applied Statistics 2), the H statistic from partial
dependence functions, with groups of features in place of columns. An effect that adds up on the
log-odds scale has H = 0 exactly, with any number of rows; a fitted model has no such pair. So a
joint term is told only where the labels bear it out: the loss without it must be higher than what
the same term does when it is dealt to other users by chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from engine.evaluation.paired import mean_interval
from engine.insight.report import Corner, Interaction
from engine.insight.several import LEVEL, holm
from engine.insight.surface import Floats, Outcomes, Player, Surface
from engine.models.calibration import log_loss, sigmoid
from engine.types import Words

BACKGROUND = 8
"""Users whose other columns an effect is averaged over."""
DEALS = 999
ROUNDS = 200


def interactions(
    surface: Surface,
    players: Sequence[Player],
    labels: Mapping[str, Words],
    outcomes: Outcomes,
    *,
    seed: int,
) -> tuple[Interaction, ...]:
    """Every pair of `players` on the surface's N users, by the size of the joint term.

    Costs N × `BACKGROUND` rows for each player and each pair.
    """
    rng = np.random.default_rng(seed)
    label = outcomes.label
    count = len(label)
    rows = np.repeat(np.arange(count), BACKGROUND)
    others = np.tile(rng.choice(count, BACKGROUND, replace=count < BACKGROUND), count)

    def effect(*taken: Player) -> Floats:
        """(N,) partial dependence at the users' own values of `taken`."""
        said = surface.mixed(others, *((player, rows) for player in taken))
        return np.asarray(said.reshape(count, BACKGROUND).mean(axis=1))

    single = {player.group: effect(player) for player in players}
    served = surface.mixed(np.arange(count)) + outcomes.shift
    found = []
    for first, second in combinations(players, 2):
        one, two, both = single[first.group], single[second.group], effect(first, second)
        joint = both - one - two
        joint -= joint.mean()
        varied = float(((both - both.mean()) ** 2).sum())
        strength = float(np.sqrt((joint**2).sum() / varied)) if varied > 0 else 0.0
        rise = log_loss(served - joint, label) - log_loss(served, label)
        found.append(
            (
                first.group,
                second.group,
                strength,
                float(np.sqrt((joint**2).mean())),
                mean_interval(
                    rise, outcomes.users, seed=seed, rounds=ROUNDS, weight=outcomes.weight
                ),
                _p_value(served, joint, outcomes, rng),
                _corners(one, two, both, joint),
            )
        )
    corrected = holm([one[5] for one in found])
    result = [
        Interaction(
            *one[:5],
            p_value=p_value,
            above_noise=p_value < LEVEL and one[4].estimate > 0,
            corners=one[6],
            words=_words(labels[one[0]], labels[one[1]], one[6]),
        )
        for one, p_value in zip(found, corrected, strict=True)
    ]
    return tuple(sorted(result, key=lambda one: -one.size))


def _p_value(served: Floats, joint: Floats, outcomes: Outcomes, rng: np.random.Generator) -> float:
    """How often the joint term, dealt to other users, serves as well as where it belongs."""
    if not np.any(np.abs(joint) > 1e-9):
        return 1.0
    without = served - joint
    mass = outcomes.weight.astype(np.float64)

    def mean_loss(term: Floats) -> float:
        return float(log_loss(without + term, outcomes.label) @ mass)

    own = mean_loss(joint)
    as_well = sum(mean_loss(rng.permutation(joint)) <= own for _ in range(DEALS))
    return (1 + as_well) / (1 + DEALS)


def _corners(one: Floats, two: Floats, both: Floats, joint: Floats) -> tuple[Corner, ...]:
    """The risk by whether each group raises it above its mean effect."""
    first, second = one > one.mean(), two > two.mean()
    return tuple(
        Corner(
            int(place.sum()),
            float(sigmoid(both[place]).mean()) if place.any() else math.nan,
            float(sigmoid(both[place] - joint[place]).mean()) if place.any() else math.nan,
        )
        for place in (~first & ~second, ~first & second, first & ~second, first & second)
    )


def _words(first: Words, second: Words, corners: Sequence[Corner]) -> Words:
    """What the corner says in which the joint effect shows most."""
    place = max(
        (number for number, corner in enumerate(corners) if corner.rows),
        key=lambda number: abs(corners[number].risk - corners[number].added_up),
    )
    corner = corners[place]
    zh, en = (
        (f"“{first.zh}”与“{second.zh}”都不推高", f"neither “{first.en}” nor “{second.en}” raises"),
        (f"只有“{second.zh}”、没有“{first.zh}”推高", f"“{second.en}” without “{first.en}” raises"),
        (f"只有“{first.zh}”、没有“{second.zh}”推高", f"“{first.en}” without “{second.en}” raises"),
        (f"“{first.zh}”与“{second.zh}”都推高", f"“{first.en}” and “{second.en}” both raise"),
    )[place]
    return Words(
        f"{zh}风险时，风险为 {corner.risk:.1%}；若作用只是相加则为 {corner.added_up:.1%}",
        f"Where {en} the risk it is {corner.risk:.1%}; were the two to add up, "
        f"{corner.added_up:.1%}",
    )

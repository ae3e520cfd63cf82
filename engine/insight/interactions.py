"""Which groups act together: what their joint effect has beyond the sum of their effects.

Source: Friedman and Popescu 2008 (Annals of Applied Statistics 2), the H statistic from partial
dependence functions, with groups of features in place of columns. An effect that adds up on the
log-odds scale has H = 0 exactly, with any number of rows; a fitted model has no such pair. So a
joint term is told only where the labels bear it out: it must say more of what the effects, added
up as well as they can be, leave of the labels than when it is dealt to other users by chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.evaluation.paired import mean_interval
from engine.insight.report import Corner, Interaction
from engine.insight.several import LEVEL, holm
from engine.insight.surface import Floats, Outcomes, Player, Surface
from engine.models.calibration import log_loss, sigmoid
from engine.types import Words

BACKGROUND = 6
"""Users, in two halves, whose other columns each user's effect is averaged over."""
DEALS = 999
PIECES = 12
"""Steps by which an effect may be bent to the labels, before a joint one is looked for."""
NEWTON_STEPS = 12
LEAST_VARIANCE = 1e-6
RIDGE = 1e-6
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
    # Everyone against others of his own: one small crowd for all would pass for a main effect.
    others = rng.integers(0, count, len(rows))

    without = surface.mixed(others)

    def effect(*taken: Player) -> Floats:
        """(N, 2) what the users' own values of `taken` add to others, by halves of the others."""
        said = surface.mixed(others, *((player, rows) for player in taken)) - without
        halves = said.reshape(count, 2, BACKGROUND // 2).mean(axis=2)
        return np.asarray(halves - halves.mean(axis=0))

    single = {player.group: effect(player) for player in players}
    means = {group: halves.mean(axis=1) for group, halves in single.items()}
    served = surface.mixed(np.arange(count)) + outcomes.shift
    level = float(served.mean())
    added_up = _added_up(list(means.values()), outcomes)
    found = []
    for first, second in combinations(players, 2):
        one, two = means[first.group], means[second.group]
        both = effect(first, second)
        halves = both - single[first.group] - single[second.group]
        joint = halves.mean(axis=1)
        size, varied = _common(halves), _common(both)
        steady = size / spread if (spread := float((joint**2).mean())) > 0 else 0.0
        rise = log_loss(served - steady * joint, label) - log_loss(served, label)
        found.append(
            (
                first.group,
                second.group,
                min(1.0, math.sqrt(size / varied)) if varied > 0 else 0.0,
                math.sqrt(size),
                mean_interval(
                    rise, outcomes.users, seed=seed, rounds=ROUNDS, weight=outcomes.weight
                ),
                _p_value(joint, added_up, rng),
                _corners(one, two, level + both.mean(axis=1), joint),
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


def _common(halves: Floats) -> float:
    """The variance that both halves (N, 2) agree on: the chance of few others is in one only."""
    return max(0.0, float((halves[:, 0] * halves[:, 1]).mean()))


@dataclass(frozen=True, slots=True)
class _AddedUp:
    """What the labels are once the groups' effects are added up as well as they can be."""

    known: Floats  # (N, K) constant, effects and steps of them, standardised
    curved: Floats  # (N,) weights of least squares
    pull: Floats  # (N,) label minus risk, weighed


def _added_up(effects: Sequence[Floats], outcomes: Outcomes) -> _AddedUp:
    """Logistic regression of the labels on a curve of each effect.

    Not the model less its joint term: the parts of a fitted model make up for each other's errors,
    so that one taken out always seems to have served.
    """
    known = np.column_stack([*effects, *(_steps(effect) for effect in effects)])
    spread = known.std(axis=0)
    known = (known - known.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    known = np.column_stack([np.ones(len(known)), known])
    mass = outcomes.weight.astype(np.float64)
    coefficients = np.zeros(known.shape[1])
    for _ in range(NEWTON_STEPS):
        risk = sigmoid(known @ coefficients)
        curved = mass * np.maximum(risk * (1 - risk), LEAST_VARIANCE)
        step = _solved(known, curved, mass * (outcomes.label - risk) / curved)
        coefficients += np.clip(step, -1.0, 1.0)
    risk = sigmoid(known @ coefficients)
    curved = mass * np.maximum(risk * (1 - risk), LEAST_VARIANCE)
    return _AddedUp(known, curved, mass * (outcomes.label - risk))


def _p_value(joint: Floats, added_up: _AddedUp, rng: np.random.Generator) -> float:
    """How often the joint term, dealt to other users, agrees with the labels as well as in place.

    What the effects alone could say is taken out of it first (Freedman and Lane 1983).
    """
    own = joint - added_up.known @ _solved(added_up.known, added_up.curved, joint)
    if not np.any(np.abs(own) > 1e-6):
        return 1.0
    in_place = float(added_up.pull @ own)
    as_well = sum(float(added_up.pull @ rng.permutation(own)) >= in_place for _ in range(DEALS))
    return (1 + as_well) / (1 + DEALS)


def _steps(effect: Floats) -> Floats:
    """(N, PIECES - 1) whether each row lies above the quantiles of `effect`: any curve, roughly."""
    edges = np.quantile(effect, np.arange(1, PIECES) / PIECES)
    return np.asarray(effect[:, None] > edges, np.float64)


def _solved(known: Floats, weight: Floats, target: Floats) -> Floats:
    """Weighted least squares with a trace of a ridge: columns may be equal."""
    heavy = known * weight[:, None]
    gram = heavy.T @ known
    gram[np.diag_indices_from(gram)] += RIDGE * weight.sum()
    return np.asarray(np.linalg.solve(gram, heavy.T @ target))


def _corners(one: Floats, two: Floats, both: Floats, joint: Floats) -> tuple[Corner, ...]:
    """The risk by whether each group raises it above its mean effect."""
    first, second = one > 0, two > 0
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

"""Are the reasons the model's real ones, and would a second model of the same recipe give them?

Completeness: do the contributions add up? Deletion: does the risk fall without the first reasons,
and further than without as many groups drawn at random? Stability: does a second model rank the
groups alike (Kendall's tau-b), and does it name the same first reason?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.explain.attribute import PANEL_SIZE, attribute
from engine.explain.components import SEQUENCE, TEXT
from engine.explain.order import CIRCUMSTANCES, LEAST_SHARE, UNUSUAL
from engine.explain.removal import Removal
from engine.explain.usual import Usual, above_usual
from engine.faithfulness import Faithfulness, SecondOpinion, Stability
from engine.features.frame import FeatureFrame
from engine.models.cross_fit import CrossFitted, ServedModel, parts

MOST_USERS = 300
"""Asked about: enough to tell 95 % from 99 %, few enough to cost seconds."""

SMALL_REMAINDER = 0.01
"""Of the absolute contributions of a user: what may be left over."""

FIRST = 3
"""So many reasons are taken away, one more at a time; a user's screen leads with as many."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def faithfulness(
    model: ServedModel,
    frame: FeatureFrame,
    groups: Mapping[str, str],
    *,
    risk: Floats,
    seed: int,
    usual: Usual | None = None,
    second: ServedModel | None = None,
    most_users: int = MOST_USERS,
    panel_size: int = PANEL_SIZE,
) -> Faithfulness:
    """The checks on at most `most_users` rows, drawn from the half with the higher `risk` (N,).

    `groups` maps every column of the model to its group; `usual` sets the order in which reasons
    are told, and without it that is by size. Nobody reads the reasons of the other
    half, and there the first one may be next to nothing. `second` is a model of the same recipe and
    columns; a cross-fitted model brings its own: the member of the next fold. Costs two
    attributions and about 50 predictions a user.
    """
    against: SecondOpinion = "first_fit"
    if second is None and isinstance(model, CrossFitted):
        members = model.members
        second, against = replace(model, members=(*members[1:], members[0])), "other_fold"
    rng = np.random.default_rng(seed)
    asked = frame.take(_drawn(risk, most_users, rng))
    found = _explained(model, asked, groups, panel_size)
    pull = np.abs(found.contributions).sum(axis=1) + np.abs(found.remainder)
    left_over = np.abs(found.remainder) / np.maximum(pull, np.finfo(np.float64).tiny)
    order, told = telling_order(found.contributions, found.remainder, found.groups, usual or {})
    tested = told.any(axis=1)
    first = [_marked(order[:, :count], told) for count in _counts(order)]
    drops = _drops(model, asked, groups, found, first, panel_size)[tested]
    chance = _random(found, order[:, 0], rng)
    by_chance = _drops(model, asked, groups, found, chance, panel_size)[tested]
    return Faithfulness(
        users=len(asked),
        complete=int((left_over <= SMALL_REMAINDER).sum()),
        worst_remainder=float(left_over.max(initial=0.0)),
        tested=int(tested.sum()),
        lowered=int((drops[:, 0] > 0).sum()),
        drops=_means(drops),
        random_lowered=int((by_chance[:, 0] > 0).sum()),
        random_drops=_means(by_chance),
        stability=(
            None
            if second is None
            else _stability(found, _explained(second, asked, groups, panel_size), against, usual)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Explained:
    """The attribution of N users over all G groups of the catalogue and the two without columns."""

    groups: tuple[str, ...]
    contributions: Floats  # (N, G) 0 for a group that the model does not read
    read: Mask  # (N, G)
    log_odds: Floats  # (N,)
    remainder: Floats  # (N,)


def _explained(
    model: ServedModel, frame: FeatureFrame, groups: Mapping[str, str], panel_size: int
) -> _Explained:
    names = (*sorted({groups[column] for column in model.columns}), TEXT, SEQUENCE)
    contributions = np.zeros((len(frame), len(names)))
    read = np.zeros(contributions.shape, np.bool_)
    log_odds, remainder = np.zeros(len(frame)), np.zeros(len(frame))
    for rows, member in parts(model, frame):
        own = attribute(member, frame.take(rows), groups, panel_size=panel_size)
        places = np.array([names.index(name) for name in own.groups])
        contributions[np.ix_(rows, places)] = own.contributions
        read[np.ix_(rows, places)] = True
        log_odds[rows], remainder[rows] = own.log_odds, own.remainder
    return _Explained(names, contributions, read, log_odds, remainder)


def _drawn(risk: Floats, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """At most `most` rows of the half with the higher risk, in their order."""
    higher = np.argsort(-risk, kind="stable")[: (len(risk) + 1) // 2]
    return np.sort(rng.permutation(higher)[:most])


def telling_order(
    contributions: Floats, remainder: Floats, groups: tuple[str, ...], usual: Usual
) -> tuple[NDArray[np.int64], Mask]:
    """The order (N, G) in which each user's reasons are told, and which of them (N, G) are.

    As `raising_first` orders the reasons of one user that are large enough.
    """
    pull = np.abs(contributions).sum(axis=1) + np.abs(remainder)
    share = contributions / np.maximum(pull, np.finfo(np.float64).tiny)[:, None]
    told = share >= LEAST_SHARE
    apart = np.nan_to_num(above_usual(contributions, groups, usual), nan=-np.inf)
    leads = told & (apart >= UNUSUAL)
    rank = np.where(leads, 0, 1) + np.where([name in CIRCUMSTANCES for name in groups], 2, 0)
    leads &= rank == 0
    rank = np.where(told, np.minimum(rank, 2), 3)
    size = np.where(leads, apart, contributions)
    return np.lexsort((-size, rank), axis=-1), told


def _random(found: _Explained, first: NDArray[np.int64], rng: np.random.Generator) -> list[Mask]:
    """(N, G) one, two, three groups that the model reads, and the `first` (N,) after all others."""
    rank = rng.random(found.contributions.shape)
    rank[np.arange(len(rank)), first] += 1
    rank[~found.read] = np.inf
    order = np.argsort(rank, axis=1)
    return [_marked(order[:, :count], found.read) for count in _counts(order)]


def _counts(order: NDArray[np.int64]) -> range:
    return range(1, min(FIRST, order.shape[1]) + 1)


def _marked(places: NDArray[np.int64], among: Mask) -> Mask:
    """(N, G) true at the places (N, K) of each row, where `among` (N, G) is true."""
    marks = np.zeros(among.shape, np.bool_)
    np.put_along_axis(marks, places, True, axis=1)
    return marks & among


def _drops(
    model: ServedModel,
    frame: FeatureFrame,
    groups: Mapping[str, str],
    found: _Explained,
    taken: list[Mask],
    panel_size: int,
) -> Floats:
    """(N, K) how far the log-odds fall without the groups of each mask."""
    drops = np.zeros((len(frame), len(taken)))
    for rows, member in parts(model, frame):
        users = Removal(member, frame.take(rows), groups, panel_size=panel_size)
        for place, mask in enumerate(taken):
            left = users.log_odds(found.groups, mask[rows])
            drops[rows, place] = found.log_odds[rows] - left
    return drops


def _means(drops: Floats) -> tuple[float, ...]:
    return tuple(drops.mean(axis=0).tolist()) if len(drops) else (0.0,) * drops.shape[1]


def _stability(
    found: _Explained, other: _Explained, against: SecondOpinion, usual: Usual | None
) -> Stability:
    mine, my_told = telling_order(found.contributions, found.remainder, found.groups, usual or {})
    theirs, their_told = telling_order(
        other.contributions, other.remainder, other.groups, usual or {}
    )
    both = my_told.any(axis=1) & their_told.any(axis=1)
    first = mine[both, :1]
    tau = kendall(found.contributions, other.contributions)
    return Stability(
        against=against,
        kendall=float(np.nanmean(tau)) if np.isfinite(tau).any() else 0.0,
        compared=int(both.sum()),
        same_first=int((theirs[both, :1] == first).sum()),
        in_first_three=int((theirs[both, :FIRST] == first).any(axis=1).sum()),
    )


def kendall(a: Floats, b: Floats) -> Floats:
    """(N,) Kendall's tau-b between each row of `a` (N, G) and the same row of `b`.

    NaN where a row is constant: it ranks nothing.
    """
    one, two = (np.sign(values[:, :, None] - values[:, None, :]) for values in (a, b))
    agree = (one * two).sum(axis=(1, 2))
    ranked = (one != 0).sum(axis=(1, 2)) * (two != 0).sum(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        return np.asarray(agree / np.sqrt(ranked))

"""How often a list of reasons names the cause: shares by cause, their average, the confusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.reasons.causes import NAMEABLE, NAMED_BY
from engine.types import Interval
from sample_db.mechanism import CAUSES

Floats = NDArray[np.float64]
Reasons = Sequence[str]
"""The groups of one user's reasons that raise the risk, in the order shown."""

NOTHING = "(none)"
"""No reason raises the risk."""


@dataclass(frozen=True, slots=True)
class Named:
    """The reasons of N users, each of whom one cause dominates."""

    cause: tuple[str, ...]
    user_ids: NDArray[np.object_]  # a user may occur at several cutoffs
    hits: Mapping[str, Floats]  # whose reasons -> (N,) 1 where they name the cause


def hits(causes: Sequence[str], reasons: Sequence[Reasons], first: int) -> Floats:
    """(N,) 1.0 where the first `first` reasons name the row's cause; causes that can be named."""
    return np.array(
        [
            float(NAMED_BY[cause] in list(named)[:first])
            for cause, named in zip(causes, reasons, strict=True)
        ]
    )


def by_cause(causes: Sequence[str], hit: Floats) -> dict[str, float]:
    """The share of hits for every cause that occurs."""
    which = np.array(causes)
    return {cause: float(hit[which == cause].mean()) for cause in NAMEABLE if cause in causes}


def macro(causes: Sequence[str], hit: Floats) -> float:
    """The mean over the causes of their shares of hits."""
    return float(np.mean(list(by_cause(causes, hit).values())))


def difference(named: Named, ours: str, other: str, *, rounds: int, seed: int) -> Interval:
    """The macro average of `ours` minus that of `other`, with a 95 % interval.

    Users are drawn with replacement, with all their rows, so that a user who is seen at several
    cutoffs counts once. A cause that a draw leaves out is left out of its average.
    """
    drawn = _draws(named, named.hits[ours], rounds, seed)
    drawn -= _draws(named, named.hits[other], rounds, seed)
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    estimate = macro(named.cause, named.hits[ours]) - macro(named.cause, named.hits[other])
    return Interval(estimate, float(low), float(high))


def interval(named: Named, whose: str, *, rounds: int, seed: int) -> Interval:
    """The macro average of `whose` hits with a 95 % interval; users drawn as in `difference`."""
    low, high = np.nanquantile(_draws(named, named.hits[whose], rounds, seed), [0.025, 0.975])
    return Interval(macro(named.cause, named.hits[whose]), float(low), float(high))


def _draws(named: Named, hit: Floats, rounds: int, seed: int) -> Floats:
    """(rounds,) the macro average in each draw of users; the same draws for the same seed."""
    random = np.random.default_rng(seed)
    users, row_user = np.unique(named.user_ids.astype(str), return_inverse=True)
    present = [cause for cause in NAMEABLE if cause in named.cause]
    cause = np.array([present.index(name) for name in named.cause])
    cells = cause * len(users) + row_user
    size = len(present) * len(users)
    rows = np.bincount(cells, minlength=size).reshape(len(present), -1)
    good = np.bincount(cells, weights=hit, minlength=size).reshape(len(present), -1)
    found = np.empty(rounds)
    for number in range(rounds):
        times = np.bincount(random.integers(0, len(users), len(users)), minlength=len(users))
        count = rows @ times
        kept = count > 0
        found[number] = np.mean((good @ times)[kept] / count[kept])
    return found


def confusion(causes: Sequence[str], reasons: Sequence[Reasons]) -> str:
    """A table for the terminal: of each planted cause, the share of its users by first reason."""
    first = [next(iter(named), NOTHING) for named in reasons]
    columns = sorted(set(first) | set(NAMED_BY.values()), key=lambda name: _place(name))
    which, said = np.array(causes), np.array(first)
    lines = [f"{'users':>26} " + " ".join(f"{name[:8]:>8}" for name in columns)]
    for cause in CAUSES:
        rows = which == cause
        if rows.any():
            shares = " ".join(f"{(said[rows] == name).mean():8.2f}" for name in columns)
            lines.append(f"{cause:<19}{rows.sum():7d} {shares}")
    return "\n".join(lines)


def _place(group: str) -> tuple[int, str]:
    order = list(NAMED_BY.values())
    return (order.index(group), group) if group in order else (len(order), group)

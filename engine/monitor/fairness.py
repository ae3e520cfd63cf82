"""Fairness by group: contact, discount, true positives and calibration, each with a band.

A group is compared with everyone else. Selection rates may differ because risks do; what is held
to a limit is the true positive rate at capacity of sensitive groups: of those who leave, are as
many found? The limit is broken when the whole band lies beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluation.metrics import top
from engine.features.frame import FeatureFrame
from engine.monitor.groups import SENSITIVE, Groups
from engine.monitor.report import Fairness, Group, GroupFigure
from engine.settings import Settings
from engine.types import Interval, Words

ROUNDS = 200
MOST_USERS = 50_000
"""Drawn for the bands: 200 draws of them take 40 megabytes."""
MOST_GROUPS = 12
"""Of an attribute: the largest."""
FEWEST_LEAVERS = 20
"""Of a group, for its true positive rate to be spoken of."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FairnessRows:
    """N rows: users now (label NaN, discount known) or at past cutoffs (label 0 or 1)."""

    user_ids: NDArray[np.object_]  # (N,)
    groups: Mapping[str, NDArray[np.object_]]  # attribute -> (N,); "": not known
    contacted: NDArray[np.bool_]  # (N,) within the capacity by risk
    risk: Floats  # (N,)
    label: Floats | None = None  # (N,)
    discount: Floats | None = None  # (N,) worst-case cost of the discounts given


def measure_fairness(
    now: FairnessRows | None,
    past: FairnessRows | None,
    *,
    limit: float,
    smallest_group: int,
    seed: int,
    most_users: int = MOST_USERS,
) -> Fairness:
    """Contact and discount from `now`, true positives and calibration from `past`.

    Bands come from at most `most_users` users: with more they would only be narrower.
    """
    figures: dict[tuple[str, str], list[GroupFigure]] = {}
    users: dict[tuple[str, str], int] = {}
    parts: list[tuple[FairnessRows, Sequence[tuple[str, Floats, Floats]]]] = []
    if now is not None:
        parts.append((now, _of_now(now)))
    if past is not None and past.label is not None:
        parts.append((past, _of_past(past, past.label)))
    for rows, sums in parts:
        draws = _drawn(rows.user_ids, seed, most_users)
        for attribute, values in rows.groups.items():
            for value in _largest(values, smallest_group):
                own = values == value
                users.setdefault((attribute, value), int(own.sum()))
                kept = figures.setdefault((attribute, value), [])
                for name, above, below in sums:
                    if name == "true_positive_rate" and below[own].sum() < FEWEST_LEAVERS:
                        continue
                    kept.append(_figure(name, above, below, own, draws))
    groups = tuple(
        Group(
            attribute,
            value,
            users[attribute, value],
            attribute in SENSITIVE,
            tuple(found),
            not any(beyond(one, limit) for one in found) or attribute not in SENSITIVE,
        )
        for (attribute, value), found in figures.items()
    )
    outside = [group for group in groups if not group.within_limit]
    return Fairness(not outside, limit, smallest_group, groups, _words(groups, outside, limit))


def same_for_groups(
    risk: Floats,
    frame: FeatureFrame,
    label: NDArray[np.floating],
    groups: Groups,
    settings: Settings,
) -> tuple[bool, Words] | None:
    """Whether `risk` (N,) finds the leavers of sensitive groups alike at capacity, and the words.

    The list of each cutoff of `frame` is cut by itself. None: no group is large enough to say.
    """
    capacity, contacted = settings.risk.capacity, np.zeros(len(frame), dtype=bool)
    for cutoff in np.unique(frame.cutoffs):
        own = np.flatnonzero(frame.cutoffs == cutoff)
        contacted[own] = top(risk[own], capacity)
    known = groups.of(frame.user_ids, frame.segments)
    found = measure_fairness(
        None,
        FairnessRows(
            frame.user_ids,
            {name: known[name] for name in SENSITIVE},
            contacted,
            risk,
            label=np.asarray(label, np.float64),
        ),
        limit=settings.monitor.most_group_gap,
        smallest_group=settings.monitor.smallest_group,
        seed=settings.training.seed,
    )
    return (found.within_limit, found.words) if _judged(found.groups) else None


def _judged(groups: Sequence[Group]) -> list[Group]:
    return [
        group
        for group in groups
        if group.sensitive and any(one.figure == "true_positive_rate" for one in group.figures)
    ]


def beyond(figure: GroupFigure, limit: float) -> bool:
    """Whether the whole band of a difference in true positive rates lies beyond the limit."""
    if figure.figure != "true_positive_rate":
        return False
    return figure.difference.low > limit or figure.difference.high < -limit


def _of_now(rows: FairnessRows) -> list[tuple[str, Floats, Floats]]:
    ones = np.ones(len(rows.risk))
    sums = [("contact_rate", rows.contacted.astype(np.float64), ones)]
    if rows.discount is not None and rows.discount.any():
        sums.append(("discount_value", rows.discount, ones))
    return sums


def _of_past(rows: FairnessRows, label: Floats) -> list[tuple[str, Floats, Floats]]:
    return [
        ("true_positive_rate", label * rows.contacted, label),
        ("calibration_gap", rows.risk - label, np.ones(len(label))),
    ]


@dataclass(frozen=True, slots=True)
class _Draws:
    """How often each of M rows is drawn in each of R rounds: all rows of a user together."""

    rows: NDArray[np.intp]  # (M,) of the N given
    times: NDArray[np.float32]  # (R, M)


def _drawn(user_ids: NDArray[np.object_], seed: int, most_users: int) -> _Draws:
    rng = np.random.default_rng(seed)
    names, person = np.unique(user_ids.astype(str), return_inverse=True)
    rows = np.arange(len(person))
    if len(names) > most_users:
        kept = np.zeros(len(names), dtype=bool)
        kept[rng.permutation(len(names))[:most_users]] = True
        rows = np.flatnonzero(kept[person])
        person = np.unique(person[rows], return_inverse=True)[1]
    users = min(len(names), most_users)
    return _Draws(rows, rng.poisson(1.0, (ROUNDS, users)).astype(np.float32)[:, person])


def _figure(
    name: str, above: Floats, below: Floats, own: NDArray[np.bool_], draws: _Draws
) -> GroupFigure:
    """The ratio of two sums, in the group and outside it; the draws give the bands."""
    parts = np.stack([above * own, below * own, above * ~own, below * ~own], axis=1)
    drawn = (draws.times @ parts[draws.rows].astype(np.float32)).astype(np.float64)
    exact = parts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        group, others = drawn[:, 0] / drawn[:, 1], drawn[:, 2] / drawn[:, 3]
        own_exact, other_exact = exact[0] / exact[1], exact[2] / exact[3]
        ratio = group / others
        exact_ratio = own_exact / other_exact
    return GroupFigure(
        name,
        _band(own_exact, group),
        float(other_exact),
        _band(own_exact - other_exact, group - others),
        _band(exact_ratio, ratio) if name != "calibration_gap" and other_exact > 0 else None,
    )


def _band(estimate: float, draws: Floats) -> Interval:
    said = draws[np.isfinite(draws)]
    if not len(said):
        return Interval(float(estimate), float("nan"), float("nan"))
    low, high = np.quantile(said, [0.025, 0.975])
    return Interval(float(estimate), float(low), float(high))


def _largest(values: NDArray[np.object_], smallest_group: int) -> list[str]:
    names, counts = np.unique(values.astype(str), return_counts=True)
    enough = [
        (int(-count), str(name))
        for name, count in zip(names, counts, strict=True)
        if name and smallest_group <= count < len(values)
    ]
    return [name for _, name in sorted(enough)[:MOST_GROUPS]]


def _words(groups: Sequence[Group], outside: Sequence[Group], limit: float) -> Words:
    judged = _judged(groups)
    if not judged:
        return Words(
            "没有足够大的敏感属性分组，公平性无法判断。",
            "No sensitive group is large enough: fairness cannot be judged.",
        )
    points = 100 * limit
    if not outside:
        return Words(
            f"{len(judged)} 个敏感分组的流失者命中率与其他人之差，"
            f"都没有确凿地超过 {points:g} 个百分点。",
            f"Of {len(judged)} sensitive groups none provably differs from everyone else by more "
            f"than {points:g} points in the share of leavers that is found.",
        )
    named = ", ".join(f"{group.attribute} {group.value}" for group in outside)
    return Words(
        f"流失者命中率与其他人之差超过 {points:g} 个百分点的分组：{named}。",
        f"The share of leavers that is found differs by more than {points:g} points for {named}.",
    )

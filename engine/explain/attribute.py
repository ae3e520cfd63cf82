"""Reasons as numbers: what each group of features adds to a user's log-odds.

The comparison is always with a panel of retained users of the same segment, because that is the
question an operator asks: why this user and not those who stayed? Every part of the model is
explained by the method that is exact for it (trees: grouped Shapley values; logistic regression:
its terms) or as close as asked (net: integrated gradients); the parts are averaged and scaled
as the model itself averages and scales them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.explain.gradients import integrated_gradients
from engine.explain.shapley import Game, PanelShares, pair_shares
from engine.features.frame import FeatureFrame
from engine.models.base import SingleModel, check_columns, finite
from engine.models.blend import RiskModel
from engine.models.logistic import LogisticModel
from engine.models.trees import TreeModel

if TYPE_CHECKING:
    from engine.models.nets.churn_net import ChurnNet

SEQUENCE = "sequence"
"""The group of what a net reads in the order and timing of events; it has no column."""

PANEL_SIZE = 8
"""Panel users compared with, of each segment."""

NEARLY = 0.3
"""Of the hardest pull in a group: a column above it may speak for the group."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Attribution:
    """The log-odds of N users, dealt out to G groups.

    contributions.sum(axis=1) + remainder == log_odds - baseline_log_odds, to rounding.
    """

    groups: tuple[str, ...]
    contributions: Floats  # (N, G)
    log_odds: Floats  # (N,) calibrated
    baseline_log_odds: Floats  # (N,) mean of the panel users of the row's segment
    remainder: Floats  # (N,)
    leading: NDArray[np.int64]  # (N, G) the column that speaks for the group; -1: none does


@dataclass(frozen=True, slots=True)
class _Peers:
    """What one segment's users are compared with."""

    values: NDArray[np.float32]  # (B, D)
    pooled: NDArray[np.float32]  # (B, H)
    median: NDArray[np.float32]  # (D,) of all retained users of the segment


@dataclass(frozen=True, slots=True)
class _Parts:
    """One component's contributions for n users, on its own log-odds scale."""

    groups: Floats  # (n, G)
    columns: Floats  # (n, D) within-group weights: who speaks for a group
    baseline: float


_Explainer = Callable[[NDArray[np.int64], FeatureFrame, _Peers], _Parts]
"""(rows, the frame of these rows, peers) -> parts."""


def attribute(
    model: RiskModel,
    frame: FeatureFrame,
    groups: Mapping[str, str],
    *,
    directions: Mapping[str, int] | None = None,
    panel_size: int = PANEL_SIZE,
) -> Attribution:
    """What every group adds to each user's log-odds against retained users of the same segment.

    `groups` maps every column of the model to its group; a model with a net has the group
    `sequence` besides. `panel_size` panel users a segment are compared with: more of them steady
    the baseline and cost the net in proportion. The column that speaks for a group is one with a
    large contribution in the direction of the group's (for trees its Shapley value, columns as
    players, against the median retained user), if possible one that differs from the median
    in its usual direction: `directions` maps a column to +1 (a higher value usually raises the
    risk), -1 or 0.

    Raises `ModelError` for a column without a group and for a frame with other columns.
    """
    check_columns(model.kind, model.columns, frame.columns)
    for column in model.columns:
        if column not in groups:
            raise ModelError(
                "no_group",
                f"The column {column!r} of the model is in no group of features",
                why="A reason needs a group and words from the feature catalogue",
                next_step="Train a model on the present features",
            )
    order = [*sorted({groups[column] for column in model.columns}), SEQUENCE]
    group_of = np.array([order.index(groups[column]) for column in model.columns])
    usual = directions or {}
    direction = np.array([usual.get(column, 0) for column in model.columns], dtype=np.int64)
    explainers = _explainers(model, frame, group_of, len(order))
    shape = (len(frame), len(order))
    contributions, baseline = np.zeros(shape), np.zeros(len(frame))
    leading = np.full(shape, -1, dtype=np.int64)
    scale, shift = model.calibration.scale, model.calibration.shift
    segments = frame.segments.astype(str)
    for segment in np.unique(segments):
        rows = np.flatnonzero(segments == segment)
        peers = _peers(model, segment, panel_size)
        parts = [explain(rows, frame.take(rows), peers) for explain in explainers]
        contributions[rows] = scale * model.mixed([part.groups for part in parts])
        baseline[rows] = scale * model.mixed([part.baseline for part in parts]) + shift
        columns = model.mixed([part.columns for part in parts])
        above = finite(frame.values[rows]) - peers.median
        leading[rows] = _leading(columns, contributions[rows], group_of, above, direction)
    log_odds = model.predict(frame).log_odds
    has_net = any(component.kind == "churn_net" for component in model.components)
    used = np.append(np.any(contributions[:, :-1] != 0, axis=0), has_net)
    return Attribution(
        groups=tuple(name for name, kept in zip(order, used, strict=True) if kept),
        contributions=contributions[:, used],
        log_odds=log_odds,
        baseline_log_odds=baseline,
        remainder=log_odds - baseline - contributions[:, used].sum(axis=1),
        leading=leading[:, used],
    )


def panel_rows(model: RiskModel, segment: str, size: int) -> NDArray[np.int64]:
    """(B,) the panel users that `segment` is compared with, at most `size`, evenly spread."""
    rows = model.panel.rows_of(segment)
    if not len(rows):
        raise ModelError(
            "no_panel",
            "The model has no retained users to compare with",
            why="Reasons are differences from users who stayed",
            next_step="Train the model anew",
        )
    if rows.size > size:
        rows = rows[np.linspace(0, rows.size - 1, size).round().astype(int)]
    return rows


def _peers(model: RiskModel, segment: str, size: int) -> _Peers:
    panel, rows = model.panel, panel_rows(model, segment, size)
    return _Peers(panel.values[rows], panel.pooled[rows], panel.medians[panel.position_of(segment)])


def _leading(
    columns: Floats,
    contributions: Floats,
    group_of: NDArray[np.int64],
    above: NDArray[np.float32],
    direction: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(n, G) the column that speaks for each group.

    `above` (n, D) is the value minus the median of retained users, `direction` (D,) the usual
    effect of a higher value. Among the columns that pull the group's way nearly as hard as the
    hardest, one is preferred whose value differs from the median in the way its words suggest:
    "0; users who stayed: 0" tells nobody anything.
    """
    leading = np.full(contributions.shape, -1, dtype=np.int64)
    differs = np.isnan(above) | (np.abs(above) > 1e-6)
    for group in range(contributions.shape[1]):
        own = np.flatnonzero(group_of == group)
        if not len(own):
            continue
        sign = np.where(contributions[:, [group]] < 0, -1, 1)
        toward = columns[:, own] * sign
        expected = np.sign(np.nan_to_num(above[:, own])) * direction[own] * sign >= 0
        strong = toward >= NEARLY * toward.max(axis=1, keepdims=True)
        rank = 4 * strong + 2 * differs[:, own] + 1 * (differs[:, own] & expected)
        best = np.where(rank == rank.max(axis=1, keepdims=True), toward, -np.inf)
        leading[:, group] = own[np.argmax(best, axis=1)]
    return leading


def _explainers(
    model: RiskModel, frame: FeatureFrame, group_of: NDArray[np.int64], groups: int
) -> list[_Explainer]:
    explainers: list[_Explainer] = []
    read = 0  # columns of the panel's pooled vectors that earlier nets own
    for component in model.components:
        if component.kind == "churn_net":
            # imported with the net: reasons of trees alone need no torch module of ours
            net = cast("ChurnNet", component)
            explainers.append(_net(net, frame, group_of, groups, read))
            read += net.module.pool.width
        else:
            explainers.append(_METHODS[component.kind](component, group_of, groups))
    return explainers


def _trees(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> _Explainer:
    trees = cast(TreeModel, component).ensemble
    grouped = Game(trees, group_of, groups)
    single = Game(trees, np.arange(len(group_of)), len(group_of))

    def explain(rows: NDArray[np.int64], frame: FeatureFrame, peers: _Peers) -> _Parts:
        return _Parts(
            PanelShares(grouped, finite(peers.values)).of(finite(frame.values)),
            pair_shares(single, finite(frame.values), peers.median),
            float(trees.log_odds(peers.values).mean()),
        )

    return explain


def _logistic(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> _Explainer:
    logistic = cast(LogisticModel, component)

    def explain(rows: NDArray[np.int64], frame: FeatureFrame, peers: _Peers) -> _Parts:
        columns = logistic.contributions(frame.values, peers.values)
        prepared = logistic.numbers.transform(peers.values).astype(np.float64)
        baseline = float((prepared @ logistic.coefficients + logistic.intercept).mean())
        return _Parts(_by_group(columns, group_of, groups), columns, baseline)

    return explain


def _net(
    net: ChurnNet, frame: FeatureFrame, group_of: NDArray[np.int64], groups: int, read: int
) -> _Explainer:
    numbers, pooled = net.encode(frame)
    own = slice(read, read + pooled.shape[1])

    def explain(rows: NDArray[np.int64], part: FeatureFrame, peers: _Peers) -> _Parts:
        integral = integrated_gradients(
            net.head, numbers[rows], pooled[rows], net.prepare(peers.values), peers.pooled[:, own]
        )
        columns = _by_group(integral.numbers, net.number_columns, len(group_of))
        grouped = _by_group(columns, group_of, groups)
        grouped[:, -1] = integral.pooled
        return _Parts(grouped, columns, integral.baseline)

    return explain


def _by_group(parts: Floats, owner: NDArray[np.int64], owners: int) -> Floats:
    """(n, P) parts summed to (n, owners)."""
    sums = np.zeros((owners, len(parts)))
    np.add.at(sums, owner, parts.T)
    return sums.T.copy()


_METHODS: Mapping[str, Callable[[SingleModel, NDArray[np.int64], int], _Explainer]] = {
    TreeModel.kind: _trees,
    LogisticModel.kind: _logistic,
}
"""How a component that reads columns only is explained, by kind."""

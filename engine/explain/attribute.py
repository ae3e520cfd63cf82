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
from engine.models.forest import ForestModel, logit
from engine.models.logistic import LogisticModel
from engine.models.panel import EVERYONE
from engine.models.purchases import ORDERS, PURCHASE_MODELS, READ, RECENCY, PurchaseModel
from engine.models.sequence_trees import SequenceTrees
from engine.models.text import TextModel
from engine.models.trees import TreeEnsemble, TreeModel

if TYPE_CHECKING:
    from engine.models.nets.churn_net import ChurnNet

NET = "churn_net"
"""The kind of component that reads sequences; its module is imported only with one."""

TEXT = "text"
"""The group of what users wrote; like `sequence` it has no column."""

SEQUENCE = "sequence"
"""The group of what a net reads in the order and timing of events; it has no column."""

PANEL_SIZE = 8
"""Panel users compared with, of each segment."""

NEARLY = 0.3
"""Of the hardest pull in a group: a column above it may speak for the group."""

NO_DIFFERENCE = 1e-9
"""Of two probabilities: closer than that, the slope of the log-odds is that at one point."""

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

    name: str  # of the segment; EVERYONE for all segments that the panel does not know
    values: NDArray[np.float32]  # (B, D)
    pooled: NDArray[np.float32]  # (B, H)
    median: NDArray[np.float32]  # (D,) of all retained users of the segment


@dataclass(frozen=True, slots=True)
class _Parts:
    """One component's contributions for n users, on its own log-odds scale."""

    groups: Floats  # (n, G)
    columns: Floats  # (n, D) within-group weights: who speaks for a group
    baseline: float


@dataclass(frozen=True, slots=True)
class _Reading:
    """One component's view of a frame of N rows."""

    log_odds: Floats  # (N,)
    parts: Callable[[NDArray[np.int64], _Peers], _Parts]  # of these rows against peers


_Explainer = Callable[[FeatureFrame], _Reading]


def attribute(
    model: RiskModel,
    frame: FeatureFrame,
    groups: Mapping[str, str],
    *,
    directions: Mapping[str, int] | None = None,
    panel_size: int = PANEL_SIZE,
) -> Attribution:
    """What every group adds to each user's log-odds against retained users of the same segment.

    `groups` maps every column of the model to its group; a model that reads events has the group
    `sequence` besides, one that reads messages the group `text` (against who wrote nothing).
    `panel_size` panel users a segment are compared with: more of them steady the baseline and cost
    the net in proportion. The column that speaks for a group is one with a large contribution in
    the direction of the group's (for trees its Shapley value, columns as players, against the
    median retained user), if possible one that differs from the median in its usual direction:
    `directions` maps a column to +1 (a higher value usually raises the risk), -1 or 0.

    Raises `ModelError` for a column without a group and for a frame with other columns.
    """
    return Attributor(model, groups, directions=directions, panel_size=panel_size).of(frame)


class Attributor:
    """`attribute` for one frame after another: what they share is worked out once.

    A row's attribution does not depend on the rows beside it.
    """

    def __init__(
        self,
        model: RiskModel,
        groups: Mapping[str, str],
        *,
        directions: Mapping[str, int] | None = None,
        panel_size: int = PANEL_SIZE,
    ) -> None:
        for column in model.columns:
            if column not in groups:
                raise ModelError(
                    "no_group",
                    f"The column {column!r} of the model is in no group of features",
                    why="A reason needs a group and words from the feature catalogue",
                    next_step="Train a model on the present features",
                )
        usual = directions or {}
        order = [*sorted({groups[column] for column in model.columns}), TEXT, SEQUENCE]
        self._model = model
        self._panel_size = panel_size
        self._group_of = np.array([order.index(groups[column]) for column in model.columns])
        self._direction = np.array([usual.get(column, 0) for column in model.columns], np.int64)
        self._explainers = _explainers(model, self._group_of, len(order))
        self._peers: dict[str, _Peers] = {}
        read = np.zeros(len(order), dtype=np.bool_)
        for component in model.components:
            read[self._group_of[_columns_read(component)]] = True
            read[-1] |= component.reads_sequences
            read[-2] |= component.reads_messages
        self._read = read  # (G,) groups that any component looks at
        self._groups = tuple(name for name, kept in zip(order, read, strict=True) if kept)

    def of(self, frame: FeatureFrame) -> Attribution:
        """The attribution of every row. Raises `ModelError` for a frame with other columns."""
        model = self._model
        check_columns(model.kind, model.columns, frame.columns)
        readings = [explain(frame) for explain in self._explainers]
        shape = (len(frame), len(self._read))
        contributions, baseline = np.zeros(shape), np.zeros(len(frame))
        leading = np.full(shape, -1, dtype=np.int64)
        calibration = model.calibration
        raw = model.mixed([reading.log_odds for reading in readings])
        segments = frame.segments.astype(str)
        for segment in np.unique(segments):
            rows = np.flatnonzero(segments == segment)
            peers = self._peers_of(str(segment))
            parts = [reading.parts(rows, peers) for reading in readings]
            raw_baseline = model.mixed([part.baseline for part in parts])
            # Shares of a raw difference stay shares of it: each is stretched by the same slope.
            slope = calibration.slope(raw_baseline, raw[rows])[:, None]
            contributions[rows] = slope * model.mixed([part.groups for part in parts])
            baseline[rows] = calibration.apply(raw_baseline)
            columns = model.mixed([part.columns for part in parts])
            above = finite(frame.values[rows]) - peers.median
            leading[rows] = _leading(
                columns, contributions[rows], self._group_of, above, self._direction
            )
        log_odds = calibration.apply(raw)
        contributions = contributions[:, self._read]
        return Attribution(
            groups=self._groups,
            contributions=contributions,
            log_odds=log_odds,
            baseline_log_odds=baseline,
            remainder=log_odds - baseline - contributions.sum(axis=1),
            leading=leading[:, self._read],
        )

    def _peers_of(self, segment: str) -> _Peers:
        panel = self._model.panel
        name = segment if segment in panel.median_segments else EVERYONE
        if name not in self._peers:
            rows = panel_rows(self._model, name, self._panel_size)
            median = panel.medians[panel.position_of(name)]
            self._peers[name] = _Peers(name, panel.values[rows], panel.pooled[rows], median)
        return self._peers[name]


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


def _explainers(model: RiskModel, group_of: NDArray[np.int64], groups: int) -> list[_Explainer]:
    explainers: list[_Explainer] = []
    read = 0  # columns of the panel's pooled vectors that earlier nets own
    for component in model.components:
        if component.kind == NET:
            # imported with the net: reasons of trees alone need no torch module of ours
            net = cast("ChurnNet", component)
            explainers.append(_net(net, group_of, groups, read))
            read += net.pooled_width
        elif isinstance(component, SequenceTrees):
            explainers.append(_sequence_trees(component, group_of, groups, read))
            read += component.pooled_width
        else:
            explainers.append(_METHODS[component.kind](component, group_of, groups))
    return explainers


def _columns_read(component: SingleModel) -> NDArray[np.int64]:
    """The positions of the columns that can move the component's log-odds."""
    if isinstance(component, TreeModel | ForestModel):
        trees = component.ensemble
        return np.unique(trees.feature[~trees.is_leaf]).astype(np.int64)
    if isinstance(component, SequenceTrees):
        trees = component.ensemble
        used = np.unique(trees.feature[~trees.is_leaf]).astype(np.int64)
        return used[used < len(component.columns)]
    if isinstance(component, PurchaseModel):
        return np.array([component.columns.index(name) for name in READ])
    if isinstance(component, LogisticModel):
        return np.unique(component.numbers.source[component.coefficients != 0])
    return np.arange(len(component.columns))


def _trees(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> _Explainer:
    def inputs(frame: FeatureFrame) -> tuple[NDArray[np.float32], Floats]:
        return finite(frame.values), component.log_odds(frame)

    def others(peers: _Peers) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return finite(peers.values), peers.median

    return _boosted(cast(TreeModel, component).ensemble, group_of, groups, inputs, others)


def _sequence_trees(
    model: SequenceTrees, group_of: NDArray[np.int64], groups: int, read: int
) -> _Explainer:
    """The vectors' numbers are columns of the last group; none of them speaks for it."""
    own = slice(read, read + model.pooled_width)
    wide = np.append(group_of, np.full(model.pooled_width, groups - 1))

    def inputs(frame: FeatureFrame) -> tuple[NDArray[np.float32], Floats]:
        values, vectors = model.encode(frame)
        both = finite(np.concatenate([values, vectors], axis=1))
        return both, model.encoded_log_odds(values, vectors)

    def others(peers: _Peers) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        vectors = peers.pooled[:, own]
        median = np.append(peers.median, np.median(vectors, axis=0))
        return finite(np.concatenate([peers.values, vectors], axis=1)), median

    return _boosted(model.ensemble, wide, groups, inputs, others, len(group_of))


def _boosted(
    trees: TreeEnsemble,
    group_of: NDArray[np.int64],
    groups: int,
    inputs: Callable[[FeatureFrame], tuple[NDArray[np.float32], Floats]],
    others: Callable[[_Peers], tuple[NDArray[np.float32], NDArray[np.float32]]],
    columns: int | None = None,
) -> _Explainer:
    """`inputs`: what the trees read of a frame, and their log-odds; `others`: what they read of
    the peers, and the median one. The first `columns` (None: all) of it are the model's own."""
    grouped = Game(trees, group_of, groups)
    single = Game(trees, np.arange(len(group_of)), len(group_of))
    against: dict[str, tuple[PanelShares, NDArray[np.float32], float]] = {}

    def explain(frame: FeatureFrame) -> _Reading:
        values, log_odds = inputs(frame)

        def parts(rows: NDArray[np.int64], peers: _Peers) -> _Parts:
            if peers.name not in against:
                panel, median = others(peers)
                baseline = float(trees.log_odds(panel).mean())
                against[peers.name] = PanelShares(grouped, panel), median, baseline
            shares, median, baseline = against[peers.name]
            own = values[rows]
            return _Parts(shares.of(own), pair_shares(single, own, median)[:, :columns], baseline)

        return _Reading(log_odds, parts)

    return explain


def _forest(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> _Explainer:
    """A forest's trees add up to a probability, so Shapley values are exact for that; they are
    stretched to log-odds by the one slope between the user and the panel's mean probability."""
    forest = cast(ForestModel, component)
    grouped = Game(forest.ensemble, group_of, groups)
    single = Game(forest.ensemble, np.arange(len(group_of)), len(group_of))
    against: dict[str, tuple[PanelShares, float]] = {}

    def explain(frame: FeatureFrame) -> _Reading:
        values = finite(frame.values)

        def parts(rows: NDArray[np.int64], peers: _Peers) -> _Parts:
            if peers.name not in against:
                shares = PanelShares(grouped, finite(peers.values))
                against[peers.name] = shares, float(forest.probability(peers.values).mean())
            shares, mean = against[peers.name]
            own = values[rows]
            run = forest.probability(own) - mean
            rise = logit(forest.probability(own)) - logit(np.array(mean))
            steep = np.full(len(rows), 1 / (mean * (1 - mean)))
            np.divide(rise, run, out=steep, where=np.abs(run) > NO_DIFFERENCE)
            return _Parts(
                steep[:, None] * shares.of(own),
                steep[:, None] * pair_shares(single, own, peers.median),
                float(logit(np.array(mean))),
            )

        return _Reading(component.log_odds(frame), parts)

    return explain


def _purchases(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> _Explainer:
    """The columns that such a model reads are one history: it stands or falls as a whole, so the
    whole difference belongs to its group, and the time since the last payment speaks for it."""
    model = cast(PurchaseModel, component)
    speaker = model.columns.index(RECENCY if RECENCY in model.columns else ORDERS)
    group = group_of[model.columns.index(ORDERS)]

    def explain(frame: FeatureFrame) -> _Reading:
        scores = model.log_odds(frame)

        def parts(rows: NDArray[np.int64], peers: _Peers) -> _Parts:
            baseline = float(model.log_odds_of(peers.values).mean())
            grouped, columns = np.zeros((len(rows), groups)), np.zeros((len(rows), len(group_of)))
            grouped[:, group] = columns[:, speaker] = scores[rows] - baseline
            return _Parts(grouped, columns, baseline)

        return _Reading(scores, parts)

    return explain


def _logistic(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> _Explainer:
    logistic = cast(LogisticModel, component)

    def explain(frame: FeatureFrame) -> _Reading:
        def parts(rows: NDArray[np.int64], peers: _Peers) -> _Parts:
            columns = logistic.contributions(frame.values[rows], peers.values)
            prepared = logistic.numbers.transform(peers.values).astype(np.float64)
            baseline = float((prepared @ logistic.coefficients + logistic.intercept).mean())
            return _Parts(_by_group(columns, group_of, groups), columns, baseline)

        return _Reading(logistic.log_odds(frame), parts)

    return explain


def _net(net: ChurnNet, group_of: NDArray[np.int64], groups: int, read: int) -> _Explainer:
    own = slice(read, read + net.pooled_width)

    def explain(frame: FeatureFrame) -> _Reading:
        numbers, pooled = net.encode(frame)

        def parts(rows: NDArray[np.int64], peers: _Peers) -> _Parts:
            integral = integrated_gradients(
                net.head,
                numbers[rows],
                pooled[rows],
                net.prepare(peers.values),
                peers.pooled[:, own],
            )
            columns = _by_group(integral.numbers, net.number_columns, len(group_of))
            grouped = _by_group(columns, group_of, groups)
            grouped[:, -1] = integral.pooled
            return _Parts(grouped, columns, integral.baseline)

        return _Reading(net.encoded_log_odds(numbers, pooled), parts)

    return explain


def _text(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> _Explainer:
    """The score is added whole: it is its own share, against users who wrote nothing."""

    def explain(frame: FeatureFrame) -> _Reading:
        score = component.log_odds(frame)

        def parts(rows: NDArray[np.int64], peers: _Peers) -> _Parts:
            grouped = np.zeros((len(rows), groups))
            grouped[:, -2] = score[rows]
            return _Parts(grouped, np.zeros((len(rows), len(group_of))), 0.0)

        return _Reading(score, parts)

    return explain


def _by_group(parts: Floats, owner: NDArray[np.int64], owners: int) -> Floats:
    """(n, P) parts summed to (n, owners)."""
    sums = np.zeros((owners, len(parts)))
    np.add.at(sums, owner, parts.T)
    return sums.T.copy()


_METHODS: Mapping[str, Callable[[SingleModel, NDArray[np.int64], int], _Explainer]] = {
    TreeModel.kind: _trees,
    ForestModel.kind: _forest,
    LogisticModel.kind: _logistic,
    **dict.fromkeys(PURCHASE_MODELS, _purchases),
    TextModel.kind: _text,
}
"""How a component that reads no events is explained, by kind."""

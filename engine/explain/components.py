"""How each kind of component is explained: its share of every group, on its own log-odds scale.

Trees and forests by grouped Shapley values, logistic regression by its terms, models of purchases
and of text as one group, nets by integrated gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from engine.explain.gradients import integrated_gradients
from engine.explain.shapley import Game, PanelShares, pair_shares
from engine.features.frame import FeatureFrame
from engine.models.base import SingleModel, finite
from engine.models.blend import RiskModel
from engine.models.forest import ForestModel, logit
from engine.models.logistic import LogisticModel
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

NO_DIFFERENCE = 1e-9
"""Of two probabilities: closer than that, the slope of the log-odds is that at one point."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Peers:
    """What one segment's users are compared with."""

    name: str  # of the segment; EVERYONE for all segments that the panel does not know
    values: NDArray[np.float32]  # (B, D)
    pooled: NDArray[np.float32]  # (B, H)
    median: NDArray[np.float32]  # (D,) of all retained users of the segment


@dataclass(frozen=True, slots=True)
class Parts:
    """One component's contributions for n users, on its own log-odds scale."""

    groups: Floats  # (n, G)
    columns: Floats  # (n, D) within-group weights: who speaks for a group
    baseline: float


@dataclass(frozen=True, slots=True)
class Reading:
    """One component's view of a frame of N rows."""

    log_odds: Floats  # (N,)
    parts: Callable[[NDArray[np.int64], Peers], Parts]  # of these rows against peers


Explainer = Callable[[FeatureFrame], Reading]


def explainers(model: RiskModel, group_of: NDArray[np.int64], groups: int) -> list[Explainer]:
    explainers: list[Explainer] = []
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


def columns_read(component: SingleModel) -> NDArray[np.int64]:
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


def _trees(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> Explainer:
    def inputs(frame: FeatureFrame) -> tuple[NDArray[np.float32], Floats]:
        return finite(frame.values), component.log_odds(frame)

    def others(peers: Peers) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return finite(peers.values), peers.median

    return _boosted(cast(TreeModel, component).ensemble, group_of, groups, inputs, others)


def _sequence_trees(
    model: SequenceTrees, group_of: NDArray[np.int64], groups: int, read: int
) -> Explainer:
    """The vectors' numbers are columns of the last group; none of them speaks for it."""
    own = slice(read, read + model.pooled_width)
    wide = np.append(group_of, np.full(model.pooled_width, groups - 1))

    def inputs(frame: FeatureFrame) -> tuple[NDArray[np.float32], Floats]:
        values, vectors = model.encode(frame)
        both = finite(np.concatenate([values, vectors], axis=1))
        return both, model.encoded_log_odds(values, vectors)

    def others(peers: Peers) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        vectors = peers.pooled[:, own]
        median = np.append(peers.median, np.median(vectors, axis=0))
        return finite(np.concatenate([peers.values, vectors], axis=1)), median

    return _boosted(model.ensemble, wide, groups, inputs, others, len(group_of))


def _boosted(
    trees: TreeEnsemble,
    group_of: NDArray[np.int64],
    groups: int,
    inputs: Callable[[FeatureFrame], tuple[NDArray[np.float32], Floats]],
    others: Callable[[Peers], tuple[NDArray[np.float32], NDArray[np.float32]]],
    columns: int | None = None,
) -> Explainer:
    """`inputs`: what the trees read of a frame, and their log-odds; `others`: what they read of
    the peers, and the median one. The first `columns` (None: all) of it are the model's own."""
    grouped = Game(trees, group_of, groups)
    single = Game(trees, np.arange(len(group_of)), len(group_of))
    against: dict[str, tuple[PanelShares, NDArray[np.float32], float]] = {}

    def explain(frame: FeatureFrame) -> Reading:
        values, log_odds = inputs(frame)

        def parts(rows: NDArray[np.int64], peers: Peers) -> Parts:
            if peers.name not in against:
                panel, median = others(peers)
                baseline = float(trees.log_odds(panel).mean())
                against[peers.name] = PanelShares(grouped, panel), median, baseline
            shares, median, baseline = against[peers.name]
            own = values[rows]
            return Parts(shares.of(own), pair_shares(single, own, median)[:, :columns], baseline)

        return Reading(log_odds, parts)

    return explain


def _forest(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> Explainer:
    """A forest's trees add up to a probability, so Shapley values are exact for that; they are
    stretched to log-odds by the one slope between the user and the panel's mean probability."""
    forest = cast(ForestModel, component)
    grouped = Game(forest.ensemble, group_of, groups)
    single = Game(forest.ensemble, np.arange(len(group_of)), len(group_of))
    against: dict[str, tuple[PanelShares, float]] = {}

    def explain(frame: FeatureFrame) -> Reading:
        values = finite(frame.values)

        def parts(rows: NDArray[np.int64], peers: Peers) -> Parts:
            if peers.name not in against:
                shares = PanelShares(grouped, finite(peers.values))
                against[peers.name] = shares, float(forest.probability(peers.values).mean())
            shares, mean = against[peers.name]
            own = values[rows]
            run = forest.probability(own) - mean
            rise = logit(forest.probability(own)) - logit(np.array(mean))
            steep = np.full(len(rows), 1 / (mean * (1 - mean)))
            np.divide(rise, run, out=steep, where=np.abs(run) > NO_DIFFERENCE)
            return Parts(
                steep[:, None] * shares.of(own),
                steep[:, None] * pair_shares(single, own, peers.median),
                float(logit(np.array(mean))),
            )

        return Reading(component.log_odds(frame), parts)

    return explain


def _purchases(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> Explainer:
    """The columns that such a model reads are one history: it stands or falls as a whole, so the
    whole difference belongs to its group, and the time since the last payment speaks for it."""
    model = cast(PurchaseModel, component)
    speaker = model.columns.index(RECENCY if RECENCY in model.columns else ORDERS)
    group = group_of[model.columns.index(ORDERS)]

    def explain(frame: FeatureFrame) -> Reading:
        scores = model.log_odds(frame)

        def parts(rows: NDArray[np.int64], peers: Peers) -> Parts:
            baseline = float(model.log_odds_of(peers.values).mean())
            grouped, columns = np.zeros((len(rows), groups)), np.zeros((len(rows), len(group_of)))
            grouped[:, group] = columns[:, speaker] = scores[rows] - baseline
            return Parts(grouped, columns, baseline)

        return Reading(scores, parts)

    return explain


def _logistic(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> Explainer:
    logistic = cast(LogisticModel, component)

    def explain(frame: FeatureFrame) -> Reading:
        def parts(rows: NDArray[np.int64], peers: Peers) -> Parts:
            columns = logistic.contributions(frame.values[rows], peers.values)
            prepared = logistic.numbers.transform(peers.values).astype(np.float64)
            baseline = float((prepared @ logistic.coefficients + logistic.intercept).mean())
            return Parts(_by_group(columns, group_of, groups), columns, baseline)

        return Reading(logistic.log_odds(frame), parts)

    return explain


def _net(net: ChurnNet, group_of: NDArray[np.int64], groups: int, read: int) -> Explainer:
    """What the pooled vector's inputs add is one column behind the others, without a name."""
    own = slice(read, read + net.pooled_width)
    width = len(group_of)
    column = np.where(net.input_columns < 0, width, net.input_columns)
    head = net.head()

    def explain(frame: FeatureFrame) -> Reading:
        numbers, pooled = net.encode(frame)

        def parts(rows: NDArray[np.int64], peers: Peers) -> Parts:
            integral = integrated_gradients(
                head,
                net.inputs(numbers[rows], pooled[rows]),
                net.inputs(net.prepare(peers.values), peers.pooled[:, own]),
                column,
                width + 1,
            )
            columns = integral.shares[:, :width]
            grouped = _by_group(columns, group_of, groups)
            grouped[:, -1] = integral.shares[:, width]
            return Parts(grouped, columns, integral.baseline)

        return Reading(net.encoded_log_odds(numbers, pooled), parts)

    return explain


def _text(component: SingleModel, group_of: NDArray[np.int64], groups: int) -> Explainer:
    """The score is added whole: it is its own share, against users who wrote nothing."""

    def explain(frame: FeatureFrame) -> Reading:
        score = component.log_odds(frame)

        def parts(rows: NDArray[np.int64], peers: Peers) -> Parts:
            grouped = np.zeros((len(rows), groups))
            grouped[:, -2] = score[rows]
            return Parts(grouped, np.zeros((len(rows), len(group_of))), 0.0)

        return Reading(score, parts)

    return explain


def _by_group(parts: Floats, owner: NDArray[np.int64], owners: int) -> Floats:
    """(n, P) parts summed to (n, owners)."""
    sums = np.zeros((owners, len(parts)))
    np.add.at(sums, owner, parts.T)
    return sums.T.copy()


_METHODS: Mapping[str, Callable[[SingleModel, NDArray[np.int64], int], Explainer]] = {
    TreeModel.kind: _trees,
    ForestModel.kind: _forest,
    LogisticModel.kind: _logistic,
    **dict.fromkeys(PURCHASE_MODELS, _purchases),
    TextModel.kind: _text,
}
"""How a component that reads no events is explained, by kind."""

"""Gradient-boosted trees: fitted by scikit-learn, kept and evaluated as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.base import Arrays, Config, SingleModel, check_columns, finite

WALK_CELLS = 100_000
"""Rows × trees walked at once: small enough to stay in the processor's cache."""


@dataclass(frozen=True)
class TreeEnsemble:
    """A sum of binary trees; log-odds = base + the value of the leaf reached in every tree.

    All trees lie in one set of node arrays (M nodes); tree t owns the nodes
    [tree_start[t], tree_start[t + 1]) and its first node is the root. `left` and `right` are
    positions in these arrays. At an inner node a row goes left when its value of column
    `columns[feature]` is <= threshold, or when it is missing (NaN) and `missing_left` is set.
    """

    columns: tuple[str, ...]  # D
    feature: NDArray[np.int32]  # (M,) index into columns; 0 at leaves
    threshold: NDArray[np.float64]  # (M,)
    missing_left: NDArray[np.bool_]  # (M,)
    left: NDArray[np.int32]  # (M,) the node itself at leaves
    right: NDArray[np.int32]  # (M,) the node itself at leaves
    value: NDArray[np.float64]  # (M,) log-odds added; 0 at inner nodes
    is_leaf: NDArray[np.bool_]  # (M,)
    tree_start: NDArray[np.int64]  # (T + 1,)
    base: float

    @property
    def trees(self) -> int:
        """T, the number of trees."""
        return len(self.tree_start) - 1

    @cached_property
    def _children(self) -> NDArray[np.int32]:
        """(2 M,): the next node, right first, so that `2 * node + goes_left` finds it."""
        return np.stack([self.right, self.left], axis=1).ravel()

    def leaves(self, values: NDArray[np.float32]) -> NDArray[np.int32]:
        """The leaf that every row reaches in every tree: values (n, D) -> (n, T)."""
        rows, columns = values.shape
        node = np.repeat(self.tree_start[:-1].astype(np.int32)[None, :], rows, axis=0)
        offset = (np.arange(rows, dtype=np.int64) * columns)[:, None]
        flat = values.astype(np.float64).ravel()
        children = self._children
        while not self.is_leaf.take(node).all():
            cell = flat.take(offset + self.feature.take(node))
            goes_left = cell <= self.threshold.take(node)
            goes_left |= np.isnan(cell) & self.missing_left.take(node)
            node = children.take(2 * node + goes_left)
        return node

    def log_odds(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """The score of raw values (N, D), shape (N,)."""
        values = finite(values)
        result = np.full(len(values), self.base, np.float64)
        if self.trees == 0:
            return result
        step = max(1, WALK_CELLS // self.trees)
        for start in range(0, len(values), step):
            part = slice(start, start + step)
            result[part] += self.value.take(self.leaves(values[part])).sum(axis=1)
        return result


@dataclass(frozen=True, slots=True)
class TreeConfig:
    """How the ensemble grows; the number of trees is set by early stopping."""

    max_trees: int = 400
    learning_rate: float = 0.05
    max_leaves: int = 23
    min_rows_in_leaf: int = 100
    l2: float = 5.0
    features: float = 0.3  # share of the columns, drawn anew, that a split may choose from
    patience: int = 25
    seeds: int = (
        1  # ensembles with other draws of columns whose mean is kept, for a fit of fixed size
    )


class TreeModel(SingleModel):
    """Histogram gradient boosting."""

    kind: ClassVar[str] = "hist_gradient_boosting"

    def __init__(self, ensemble: TreeEnsemble) -> None:
        self.ensemble = ensemble
        self.columns = ensemble.columns

    @classmethod
    def fit(
        cls,
        rows: LabelledFrame,
        validate: LabelledFrame | None,
        config: TreeConfig,
        *,
        seed: int,
        threads: int,
    ) -> TreeModel:
        """Grow up to `max_trees` trees and keep those up to the lowest loss on `validate`.

        Without validation rows all trees are kept, and `seeds` ensembles are averaged.
        """
        early = validate is not None and len(validate) > 0
        if not early and config.seeds > 1:
            alone = replace(config, seeds=1)
            fits = [
                cls.fit(rows, None, alone, seed=seed + step, threads=threads)
                for step in range(config.seeds)
            ]
            return cls(mean([fit.ensemble for fit in fits]))
        estimator = HistGradientBoostingClassifier(
            learning_rate=config.learning_rate,
            max_iter=config.max_trees,
            max_leaf_nodes=config.max_leaves,
            min_samples_leaf=max(1, min(config.min_rows_in_leaf, len(rows) // 20)),
            l2_regularization=config.l2,
            max_features=config.features,
            early_stopping=early,
            n_iter_no_change=config.patience,
            categorical_features=None,
            random_state=seed,
        )
        extra: dict[str, Any] = {}
        if early and validate is not None:
            extra = {
                "X_val": design(validate),
                "y_val": validate.label.astype(np.int64),
                "sample_weight_val": weights(validate),
            }
        with threadpool_limits(limits=threads, user_api="openmp"):
            estimator.fit(
                without_empty_columns(design(rows)),
                rows.label.astype(np.int64),
                sample_weight=weights(rows),
                **extra,
            )
        kept = len(estimator._predictors)
        if early:
            kept = int(np.argmax(estimator.validation_score_))  # position 0 is the base alone
        return cls(export(estimator, rows.frame.columns, kept))

    def log_odds(self, frame: FeatureFrame) -> NDArray[np.float64]:
        """The sum of leaf values of every row, shape (N,)."""
        check_columns(self.kind, self.columns, frame.columns)
        return self.ensemble.log_odds(frame.values)

    def state(self) -> tuple[Arrays, Config]:
        """The node arrays; truth values as uint8."""
        trees = self.ensemble
        arrays: Arrays = {
            "feature": trees.feature,
            "threshold": trees.threshold,
            "missing_left": trees.missing_left.astype(np.uint8),
            "left": trees.left,
            "right": trees.right,
            "value": trees.value,
            "is_leaf": trees.is_leaf.astype(np.uint8),
            "tree_start": trees.tree_start,
        }
        return arrays, {"columns": list(trees.columns), "base": trees.base}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> TreeModel:
        """The model that `state` described."""
        return cls(
            TreeEnsemble(
                tuple(config["columns"]),
                arrays["feature"],
                arrays["threshold"],
                arrays["missing_left"].astype(np.bool_),
                arrays["left"],
                arrays["right"],
                arrays["value"],
                arrays["is_leaf"].astype(np.bool_),
                arrays["tree_start"],
                float(config["base"]),
            )
        )


def mean(ensembles: Sequence[TreeEnsemble]) -> TreeEnsemble:
    """One ensemble with the trees of all, whose log-odds are the mean of theirs."""
    nodes = np.cumsum([0, *(len(one.value) for one in ensembles)])
    moved = list(zip(ensembles, nodes[:-1], strict=True))

    return TreeEnsemble(
        ensembles[0].columns,
        np.concatenate([one.feature for one in ensembles]),
        np.concatenate([one.threshold for one in ensembles]),
        np.concatenate([one.missing_left for one in ensembles]),
        np.concatenate([one.left + start for one, start in moved]).astype(np.int32),
        np.concatenate([one.right + start for one, start in moved]).astype(np.int32),
        np.concatenate([one.value / len(ensembles) for one in ensembles]),
        np.concatenate([one.is_leaf for one in ensembles]),
        np.append(np.concatenate([one.tree_start[:-1] + start for one, start in moved]), nodes[-1]),
        float(np.mean([one.base for one in ensembles])),
    )


def export(
    estimator: HistGradientBoostingClassifier, columns: tuple[str, ...], trees: int
) -> TreeEnsemble:
    """The first `trees` trees of a fitted binary estimator as plain arrays."""
    nodes = [stage[0].nodes for stage in estimator._predictors[:trees]]
    start = np.concatenate([[0], np.cumsum([len(tree) for tree in nodes])]).astype(np.int64)
    dtype = estimator._predictors[0][0].nodes.dtype
    table = np.concatenate([np.empty(0, dtype), *nodes])
    first = np.repeat(start[:-1], np.diff(start))
    own = np.arange(len(table))
    is_leaf = table["is_leaf"].astype(np.bool_)
    return TreeEnsemble(
        columns,
        np.where(is_leaf, 0, table["feature_idx"]).astype(np.int32),
        np.where(is_leaf, 0.0, table["num_threshold"]),
        table["missing_go_to_left"].astype(np.bool_) & ~is_leaf,
        np.where(is_leaf, own, table["left"] + first).astype(np.int32),
        np.where(is_leaf, own, table["right"] + first).astype(np.int32),
        np.where(is_leaf, table["value"], 0.0),
        is_leaf,
        start,
        float(np.ravel(estimator._baseline_prediction)[0]),
    )


def without_empty_columns(values: NDArray[Any]) -> NDArray[Any]:
    """`values` (N, D) with 0 in every column that is missing in all rows.

    Scikit-learn cannot bin such a column; a constant one is never split, so nothing is learnt from
    the stand-in.
    """
    empty = np.isnan(values).all(axis=0)
    return np.where(empty[None, :], 0, values) if empty.any() else values


def design(rows: LabelledFrame) -> NDArray[np.float64]:
    """(N, D) raw values as trees read them: NaN for missing and for endless."""
    return finite(rows.frame.values).astype(np.float64)


def weights(rows: LabelledFrame) -> NDArray[np.float64] | None:
    """(N,) the weights of the rows; None where all are the same."""
    # Equal weights change nothing, yet cost seconds: scikit-learn then sorts every column anew
    # for every one of its 255 quantiles.
    if len(rows) and (rows.weight == rows.weight[0]).all():
        return None
    return rows.weight.astype(np.float64)

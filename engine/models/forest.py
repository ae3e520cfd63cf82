"""Random forest: trees on samples of the rows, probabilities averaged; kept as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.base import Arrays, Config, SingleModel, check_columns, finite
from engine.models.trees import TreeEnsemble, TreeModel, design, weights, without_empty_columns

LEAST_PROBABILITY = 1e-4
"""A leaf may hold one class only; nobody's risk is quite 0 or 1."""


@dataclass(frozen=True, slots=True)
class ForestConfig:
    """How the forest grows. Leaves and depth are bounded so that reasons stay exact and quick:
    see `MAX_PLAYERS` and `MAX_TABLE_ROWS` of `engine.explain.shapley`."""

    trees: int = 150
    max_leaves: int = 62
    max_depth: int = 9
    min_rows_in_leaf: int = 20


class ForestModel(SingleModel):
    """log-odds of the mean probability of the trees.

    `ensemble` adds up to that probability: each leaf holds its own over the number of trees.
    """

    kind: ClassVar[str] = "random_forest"

    def __init__(self, ensemble: TreeEnsemble) -> None:
        self.ensemble = ensemble
        self.columns = ensemble.columns

    @classmethod
    def fit(
        cls, rows: LabelledFrame, config: ForestConfig, *, seed: int, threads: int
    ) -> ForestModel:
        """Grow all trees; each split chooses among the square root of the columns."""
        estimator = RandomForestClassifier(
            n_estimators=config.trees,
            max_leaf_nodes=config.max_leaves,
            max_depth=config.max_depth,
            min_samples_leaf=max(1, min(config.min_rows_in_leaf, len(rows) // 20)),
            n_jobs=threads,
            random_state=seed,
        )
        estimator.fit(
            without_empty_columns(design(rows)),
            rows.label.astype(np.int64),
            sample_weight=weights(rows),
        )
        return cls(export_forest(estimator, rows.frame.columns))

    def probability(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """The mean probability of the trees for raw values (N, D), shape (N,)."""
        return np.clip(self.ensemble.log_odds(values), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)

    def log_odds(self, frame: FeatureFrame) -> NDArray[np.float64]:
        """The log-odds of every row, shape (N,)."""
        check_columns(self.kind, self.columns, frame.columns)
        return logit(self.probability(finite(frame.values)))

    def state(self) -> tuple[Arrays, Config]:
        """The node arrays, as those of boosted trees."""
        return TreeModel(self.ensemble).state()

    @classmethod
    def from_state(
        cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
    ) -> ForestModel:
        """The model that `state` described."""
        return cls(TreeModel.from_state(arrays, config).ensemble)


def logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of probabilities inside (0, 1)."""
    return np.log(probability) - np.log1p(-probability)


def export_forest(estimator: RandomForestClassifier, columns: tuple[str, ...]) -> TreeEnsemble:
    """The trees of a fitted binary forest as plain arrays."""
    trees = [member.tree_ for member in estimator.estimators_]
    start = np.concatenate([[0], np.cumsum([tree.node_count for tree in trees])]).astype(np.int64)
    first = np.repeat(start[:-1], np.diff(start))
    own = np.arange(start[-1])

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    left, right = joined("children_left"), joined("children_right")
    is_leaf = left < 0
    churned = np.concatenate([tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1) for tree in trees])
    return TreeEnsemble(
        columns,
        np.where(is_leaf, 0, joined("feature")).astype(np.int32),
        np.where(is_leaf, 0.0, joined("threshold")),
        joined("missing_go_to_left").astype(np.bool_) & ~is_leaf,
        np.where(is_leaf, own, left + first).astype(np.int32),
        np.where(is_leaf, own, right + first).astype(np.int32),
        np.where(is_leaf, churned / len(trees), 0.0),
        is_leaf,
        start,
        0.0,
    )

"""The kinds of single model that need no events, and the settings tried of each.

A family scores every one of its settings on rows that did not teach it, and fits one of them. What
chooses among settings and mixes families is in `engine.training.selection`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.base import SingleModel
from engine.models.logistic import LogisticModel
from engine.models.trees import TreeConfig, TreeEnsemble, TreeModel

Floats = NDArray[np.float64]

STRENGTHS = (0.003, 0.03, 0.3, 3.0, 30.0)
"""Of logistic regression, scikit-learn's C."""

TREES = (
    TreeConfig(max_leaves=5, min_rows_in_leaf=40, l2=5.0, features=0.5),
    TreeConfig(max_leaves=31, min_rows_in_leaf=10, l2=1.0, features=0.5),
)
"""Shallow trees for tables where columns act one by one, deep ones where they act together."""

COUNTS = (25, 50, 75, 100, 150, 200, 300, 400)
"""Of trees that may be kept."""

FEW_ROWS = 1_000
MOST_FOR_FEW = 100
"""Trees grown for fewer rows than `FEW_ROWS`: more only learn them by heart."""


class Family(Protocol):
    """One kind of single model. `settings` are hashable and ordered from plain to rich."""

    kind: ClassVar[str]

    @property
    def settings(self) -> tuple[Any, ...]:
        """What may be chosen."""

    def scores(self, teach: LabelledFrame, frame: FeatureFrame) -> Mapping[Any, Floats]:
        """Setting -> the log-odds (N,) of `frame` by a model of that setting fitted on `teach`."""

    def fit(self, teach: LabelledFrame, setting: Any) -> SingleModel:
        """The model of one setting."""

    def described(self, setting: Any) -> Mapping[str, Any]:
        """The setting as JSON, for the model's metadata."""


@dataclass(frozen=True, slots=True)
class LogisticFamily:
    """Logistic regression; a setting is its strength."""

    strengths: tuple[float, ...] = STRENGTHS
    kind: ClassVar[str] = LogisticModel.kind

    @property
    def settings(self) -> tuple[float, ...]:
        """Strengths, the strongest penalty first."""
        return self.strengths

    def scores(self, teach: LabelledFrame, frame: FeatureFrame) -> dict[float, Floats]:
        """One fit a strength."""
        return {strength: self.fit(teach, strength).log_odds(frame) for strength in self.strengths}

    def fit(self, teach: LabelledFrame, setting: float) -> LogisticModel:
        """The regression of one strength."""
        return LogisticModel.fit(teach, strength=setting)

    def described(self, setting: float) -> dict[str, Any]:
        """The strength."""
        return {"strength": setting}


@dataclass(frozen=True, slots=True)
class TreeFamily:
    """Boosted trees; a setting is a shape and a number of trees."""

    seed: int
    threads: int
    trees: tuple[TreeConfig, ...] = TREES
    counts: tuple[int, ...] = COUNTS
    kind: ClassVar[str] = TreeModel.kind

    @property
    def settings(self) -> tuple[TreeConfig, ...]:
        """Every shape with every number of trees."""
        return tuple(
            replace(trees, max_trees=count) for trees in self.trees for count in self.counts
        )

    def scores(self, teach: LabelledFrame, frame: FeatureFrame) -> dict[TreeConfig, Floats]:
        """One fit a shape: the first trees of a large ensemble are the small one."""
        found = {}
        for trees in self.trees:
            grown = self.fit(teach, replace(trees, max_trees=max(self.counts)))
            staged = staged_log_odds(grown.ensemble, frame.values, self.counts)
            for place, count in enumerate(self.counts):
                found[replace(trees, max_trees=count)] = staged[:, place]
        return found

    def fit(self, teach: LabelledFrame, setting: TreeConfig) -> TreeModel:
        """All trees of one shape and number."""
        return TreeModel.fit(teach, None, setting, seed=self.seed, threads=self.threads)

    def described(self, setting: TreeConfig) -> dict[str, Any]:
        """The number of trees and of leaves."""
        return {"trees": setting.max_trees, "leaves": setting.max_leaves}


def families_of(
    kinds: Collection[str], *, rows: int, seed: int, threads: int
) -> tuple[Family, ...]:
    """The families of these kinds with the settings worth trying on so many rows."""
    known: tuple[Family, ...] = (
        LogisticFamily(),
        TreeFamily(seed, threads, counts=counts_for(rows)),
    )
    return tuple(family for family in known if family.kind in kinds)


def counts_for(rows: int, counts: tuple[int, ...] = COUNTS) -> tuple[int, ...]:
    """The numbers of trees worth trying on so many rows."""
    most = MOST_FOR_FEW if rows < FEW_ROWS else max(counts)
    return tuple(dict.fromkeys(min(count, most) for count in counts))


def staged_log_odds(
    ensemble: TreeEnsemble, values: NDArray[np.float32], counts: tuple[int, ...]
) -> Floats:
    """(N, len(counts)) the log-odds by the first `counts` trees; all of them where it has fewer."""
    result = np.empty((len(values), len(counts)))
    at = np.minimum(np.array(counts), ensemble.trees) - 1
    for start in range(0, len(values), 1_000):
        part = slice(start, start + 1_000)
        added = ensemble.value.take(ensemble.leaves(values[part]))
        result[part] = ensemble.base + added.cumsum(axis=1)[:, at]
    return result

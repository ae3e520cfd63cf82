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
from engine.models.forest import ForestConfig, ForestModel
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

FORESTS = (ForestConfig(), ForestConfig(min_rows_in_leaf=5))

COUNTS = (25, 50, 75, 100, 150, 200, 300, 400)
"""Of trees that may be kept."""

LEAST_HELD = 20
"""Rows on which a net's epochs are told apart; fewer tell nothing."""

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


@dataclass(frozen=True, slots=True)
class ForestFamily:
    """Random forests; a setting is the least number of rows in a leaf."""

    seed: int
    threads: int
    kind: ClassVar[str] = ForestModel.kind

    @property
    def settings(self) -> tuple[ForestConfig, ...]:
        """Large leaves, then small ones."""
        return FORESTS

    def scores(self, teach: LabelledFrame, frame: FeatureFrame) -> dict[ForestConfig, Floats]:
        """One forest a setting."""
        return {setting: self.fit(teach, setting).log_odds(frame) for setting in FORESTS}

    def fit(self, teach: LabelledFrame, setting: ForestConfig) -> ForestModel:
        """The forest of one setting."""
        return ForestModel.fit(teach, setting, seed=self.seed, threads=self.threads)

    def described(self, setting: ForestConfig) -> dict[str, Any]:
        """The number of trees and the least rows in a leaf."""
        return {"trees": setting.trees, "rows_in_leaf": setting.min_rows_in_leaf}


@dataclass(frozen=True, slots=True)
class NetFamily:
    """The net that reads numbers only. It has one setting; early stopping finds its epochs on a
    tenth of the rows, which do not teach it."""

    seed: int
    kind: ClassVar[str] = "mlp"

    @property
    def settings(self) -> tuple[str, ...]:
        """The name of the net."""
        return (self.kind,)

    def scores(self, teach: LabelledFrame, frame: FeatureFrame) -> dict[str, Floats]:
        """One net."""
        return {self.kind: self.fit(teach, self.kind).log_odds(frame)}

    def fit(self, teach: LabelledFrame, setting: str) -> SingleModel:
        """The net with the weights of its best epoch; of few rows, those of the last."""
        # Imported here: whoever asks for no net must not wait for torch.
        from engine.models.nets.config import NetConfig, net_named
        from engine.training.fit import FitConfig, fit_net

        order = np.random.default_rng(self.seed).permutation(len(teach))
        held = len(teach) // 10
        validate = teach.take(order[:held]) if held >= LEAST_HELD else None
        rows = teach.take(order[held:]) if validate is not None else teach
        net = net_named(setting, NetConfig())
        return fit_net(rows, validate, net, FitConfig(), seed=self.seed).model

    def described(self, setting: str) -> dict[str, Any]:
        """The name of the net."""
        return {"net": setting}


def families_of(
    kinds: Collection[str], *, rows: int, seed: int, threads: int
) -> tuple[Family, ...]:
    """The families of these kinds with the settings worth trying on so many rows."""
    known: tuple[Family, ...] = (
        LogisticFamily(),
        TreeFamily(seed, threads, counts=counts_for(rows)),
        ForestFamily(seed, threads),
        NetFamily(seed),
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

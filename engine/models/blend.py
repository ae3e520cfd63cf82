"""The unit that ships: one or more single models, their mixed log-odds, calibration and panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.features.frame import FeatureFrame
from engine.models.base import Arrays, Config, SingleModel, check_columns
from engine.models.calibration import Calibration, calibration_from, sigmoid
from engine.models.panel import Panel

BLEND = "blend"


@dataclass(frozen=True, slots=True)
class Prediction:
    """Risk = sigmoid(log-odds), both after calibration, shape (N,)."""

    risk: NDArray[np.float64]
    log_odds: NDArray[np.float64]


@dataclass(frozen=True)
class RiskModel:
    """log-odds = calibration of the sum of the components' log-odds, weighed by `shares`.

    The shares add up to 1; a score that is learnt beside the others and holds only what they do
    not (`engine.models.text`) is added whole, with a share of 1 of its own.
    """

    kind: str  # "blend", or the kind of its only component
    components: tuple[SingleModel, ...]
    calibration: Calibration
    panel: Panel
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON: seed, cutoffs, versions …
    shares: tuple[float, ...] = ()  # of the components; empty: the same, of sum 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns, in order."""
        return self.components[0].columns

    @property
    def reads_sequences(self) -> bool:
        """Whether a frame without events would be scored otherwise."""
        return any(component.reads_sequences for component in self.components)

    @property
    def reads_messages(self) -> bool:
        """Whether a frame without messages would be scored otherwise."""
        return any(component.reads_messages for component in self.components)

    def raw_log_odds(self, frame: FeatureFrame) -> NDArray[np.float64]:
        """The mixed log-odds of the components before calibration, shape (N,)."""
        check_columns(self.kind, self.columns, frame.columns)
        return self.mixed([component.log_odds(frame) for component in self.components])

    def mixed(self, parts: Sequence[NDArray[np.float64] | float]) -> NDArray[np.float64]:
        """The sum by `shares` of one array (or number) a component, all of one shape."""
        shares = self.shares or (1 / len(parts),) * len(parts)
        weighed = (share * np.asarray(part) for share, part in zip(shares, parts, strict=True))
        return np.asarray(np.sum(list(weighed), axis=0), np.float64)

    def predict(self, frame: FeatureFrame) -> Prediction:
        """Risk and calibrated log-odds of every row. Raises `ModelError` on other columns."""
        log_odds = self.calibration.apply(self.raw_log_odds(frame))
        return Prediction(sigmoid(log_odds), log_odds)

    def with_calibration(self, calibration: Calibration) -> RiskModel:
        """The same model with another calibration."""
        return replace(self, calibration=calibration)

    def beside(self, score: SingleModel) -> RiskModel:
        """The same model and `score`, which was learnt beside it, added whole; not calibrated."""
        shares = self.shares or (1 / len(self.components),) * len(self.components)
        return replace(
            self,
            kind=BLEND,
            components=(*self.components, score),
            shares=(*shares, 1.0),
            calibration=Calibration(),
        )

    def state(self) -> tuple[Arrays, Config]:
        """All arrays, prefixed by their owner, and the JSON that joins them."""
        arrays: Arrays = {}
        components = []
        for position, component in enumerate(self.components):
            own, config = component.state()
            arrays |= {f"component.{position}.{name}": value for name, value in own.items()}
            components.append({"kind": component.kind, "config": config})
        panel_arrays, panel_names = self.panel.state()
        arrays |= {f"panel.{name}": value for name, value in panel_arrays.items()}
        config = {
            "kind": self.kind,
            "columns": list(self.columns),
            "components": components,
            "shares": list(self.shares),
            "calibration": asdict(self.calibration),
            "panel": panel_names,
            "metadata": dict(self.metadata),
        }
        return arrays, config

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> RiskModel:
        """The model that `state` described."""
        components = tuple(
            component_class(part["kind"]).from_state(
                _below(arrays, f"component.{position}."), part["config"]
            )
            for position, part in enumerate(config["components"])
        )
        return cls(
            config["kind"],
            components,
            calibration_from(config["calibration"]),
            Panel.from_state(_below(arrays, "panel."), config["panel"]),
            config["metadata"],
            # Models saved before components had shares mix them alike.
            tuple(config.get("shares", ())),
        )


def component_class(kind: str) -> type[SingleModel]:
    """The class of a kind of single model; torch and scikit-learn load only when it is asked for.

    Raises `ModelError` for a kind that this version does not know.
    """
    if kind == "logistic":
        from engine.models.logistic import LogisticModel

        return LogisticModel
    if kind == "hist_gradient_boosting":
        from engine.models.trees import TreeModel

        return TreeModel
    if kind == "random_forest":
        from engine.models.forest import ForestModel

        return ForestModel
    if kind == "sequence_trees":
        from engine.models.sequence_trees import SequenceTrees

        return SequenceTrees
    if kind == "text":
        from engine.models.text import TextModel

        return TextModel
    if kind in ("bg_nbd", "pareto_nbd"):
        from engine.models.purchases import PURCHASE_MODELS

        return PURCHASE_MODELS[kind]
    if kind == "churn_net":
        from engine.models.nets.churn_net import ChurnNet

        return ChurnNet
    raise ModelError(
        "unknown_kind",
        f"The model has a part of the kind {kind!r}, which this version does not know",
        why="Known kinds are logistic, hist_gradient_boosting, sequence_trees, random_forest, "
        "bg_nbd, pareto_nbd and churn_net",
        next_step="Upgrade retention-workbench, or roll back to an older model",
    )


def _below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    return {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }

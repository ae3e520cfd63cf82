"""A model as it was before its components were fitted again on the newest rows.

Training makes that second opinion anyway: the first fits find the settings, the last ones ship.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.features.frame import LabelledFrame
from engine.models.base import SingleModel
from engine.models.blend import RiskModel
from engine.models.logistic import LogisticModel
from engine.models.nets.churn_net import ChurnNet
from engine.models.panel import draw_panel
from engine.models.sequence_trees import SequenceTrees


@dataclass(frozen=True, slots=True)
class FirstFits:
    """The components of one run, each with what it was after its first fit."""

    pairs: Sequence[tuple[SingleModel, SingleModel]]  # as it ships, as it was
    rows: LabelledFrame  # that the first fits learned from
    seed: int

    def of(self, model: RiskModel) -> RiskModel | None:
        """`model` as it was: same shares and calibration, a panel of the older rows.

        None where a component was fitted only once.
        """
        was = {id(kept): first for kept, first in self.pairs if first is not kept}
        if not all(id(part) in was for part in model.components):
            return None
        components = tuple(was[id(part)] for part in model.components)
        linear = (first for _, first in self.pairs if isinstance(first, LogisticModel))
        drawn, panel = draw_panel(self.rows, np.random.default_rng(self.seed), next(linear, None))
        readers = [part for part in components if isinstance(part, ChurnNet | SequenceTrees)]
        if readers:
            pooled = [part.encode(drawn.frame)[1] for part in readers]
            panel = replace(panel, pooled=np.concatenate(pooled, axis=1))
        return replace(model, components=components, panel=panel)

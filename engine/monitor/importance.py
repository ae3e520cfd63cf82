"""How much each column moves the model: what drift is weighed by."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import FeatureFrame

if TYPE_CHECKING:
    from engine.models.blend import RiskModel

ROWS = 150
PLAIN_KINDS = ("logistic", "hist_gradient_boosting")
"""Parts that read columns only and answer fast; asked where a model has them."""


def column_importance(model: RiskModel, frame: FeatureFrame, seed: int) -> NDArray[np.float64]:
    """(D,) mean |change of the log-odds| when a column is shuffled among users; sums to 1."""
    rng = np.random.default_rng(seed)
    rows = frame.take(np.sort(rng.permutation(len(frame))[:ROWS]))
    parts = [part for part in model.components if part.kind in PLAIN_KINDS] or model.components
    before = [part.log_odds(rows) for part in parts]
    moved = np.zeros(len(model.columns))
    for column in range(len(model.columns)):
        values = rows.values.copy()
        values[:, column] = rng.permutation(values[:, column])
        shuffled = replace(rows, values=values)
        moved[column] = sum(
            np.abs(part.log_odds(shuffled) - old).mean()
            for part, old in zip(parts, before, strict=True)
        )
    total = moved.sum()
    return moved / total if total else moved

"""Choose a setting for each family, their mix and its calibration, from out-of-fold scores.

All three are read off the same scores, so none of them flatters a model by rows that taught it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.blend import BLEND
from engine.models.calibration import Calibration, log_loss
from engine.models.forest import ForestModel
from engine.models.logistic import LogisticModel
from engine.models.trees import TreeModel
from engine.training.calibrate import fit_calibration

Floats = NDArray[np.float64]

Mix = Mapping[str, float]
"""Kind of a family -> its share of the log-odds; the shares add up to 1."""


def _mixes(*logistic: float) -> tuple[Mix, ...]:
    shares = ({LogisticModel.kind: share, TreeModel.kind: 1 - share} for share in logistic)
    return tuple({kind: share for kind, share in mix.items() if share} for mix in shares)


CHOICES: Mapping[str, tuple[Mix, ...]] = {
    "auto": _mixes(0.5, 0.25, 0.75, 0.0, 1.0),
    BLEND: _mixes(0.5, 0.25, 0.75),
    TreeModel.kind: _mixes(0.0),
    LogisticModel.kind: _mixes(1.0),
    ForestModel.kind: ({ForestModel.kind: 1.0},),
}
"""Model asked for -> the mixes that may become it; at equal loss the first is taken."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What out-of-fold scores chose."""

    settings: Mapping[str, Any]  # kind -> its setting
    scores: Mapping[str, Floats]  # kind -> (S,) out-of-fold log-odds of that setting
    label: NDArray[np.float32]  # (S,)
    weight: NDArray[np.float32]  # (S,)

    def calibrated(self, mix: Mix) -> tuple[Calibration, float]:
        """The calibration of a mix and its mean loss."""
        return _calibrated(mixed(mix, self.scores), self.label, self.weight)

    def best(self, mixes: Sequence[Mix]) -> tuple[Mix, Calibration]:
        """The mix of the lowest loss, and its calibration."""
        tried = [self.calibrated(mix) for mix in mixes]
        first = min(range(len(mixes)), key=lambda place: tried[place][1])
        return mixes[first], tried[first][0]


def select(
    scores: Mapping[str, Mapping[Any, Floats]],
    label: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> Selected:
    """The setting of the lowest calibrated loss of every family.

    `scores` maps kind and setting to out-of-fold log-odds (S,) of the rows of `label` (S,).
    """
    settings = {
        kind: min(tried, key=lambda setting: _calibrated(tried[setting], label, weight)[1])
        for kind, tried in scores.items()
    }
    chosen = {kind: tried[settings[kind]] for kind, tried in scores.items()}
    return Selected(settings, chosen, label, weight)


def mixed(mix: Mix, scores: Mapping[str, Floats]) -> Floats:
    """The log-odds of a mix, shape (N,)."""
    return np.asarray(np.sum([share * scores[kind] for kind, share in mix.items()], axis=0))


def _calibrated(
    scores: Floats, label: NDArray[np.float32], weight: NDArray[np.float32]
) -> tuple[Calibration, float]:
    calibration = fit_calibration(scores, label, weight)
    losses = log_loss(calibration.apply(scores), label)
    return calibration, float(np.average(losses, weights=weight))

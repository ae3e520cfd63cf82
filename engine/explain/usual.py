"""What each group of features usually adds, so that what sets one user apart can be told first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.explain.attribute import PANEL_SIZE, attribute
from engine.features.frame import FeatureFrame
from engine.features.spec import FeatureSpec
from engine.models.cross_fit import ServedModel, parts

USUAL = "usual_contributions"
"""Where a model's metadata keep them: group -> (mean, standard deviation), log-odds."""

MOST_ROWS = 1_000
"""Users measured: what befalls one in a hundred is then seen about ten times."""

Usual = Mapping[str, tuple[float, float]]
Floats = NDArray[np.float64]


def usual_contributions(
    model: ServedModel,
    frame: FeatureFrame,
    specs: Iterable[FeatureSpec],
    *,
    seed: int,
    most_rows: int = MOST_ROWS,
    panel_size: int = PANEL_SIZE,
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of every group's contribution among the users of `frame`.

    At most `most_rows` of them are drawn. They must not be those that the model is judged on.
    """
    drawn = np.random.default_rng(seed).permutation(len(frame))[:most_rows]
    asked = frame.take(np.sort(drawn))
    groups = {spec.name: spec.group for spec in specs}
    found: dict[str, Floats] = {}
    for rows, member in parts(model, asked):
        own = attribute(member, asked.take(rows), groups, panel_size=panel_size)
        for name, contributions in zip(own.groups, own.contributions.T, strict=True):
            found.setdefault(name, np.zeros(len(asked)))[rows] = contributions
    return {name: (float(all_.mean()), float(all_.std())) for name, all_ in found.items()}


def above_usual(contributions: Floats, groups: Sequence[str], usual: Usual) -> Floats:
    """(N, G) how many standard deviations each contribution (N, G) lies above its usual one.

    NaN where that is not known: in a model that was trained without, and for a group that never
    moves.
    """
    mean, spread = np.full((2, len(groups)), np.nan)
    for place, name in enumerate(groups):
        if name in usual and usual[name][1] > 0:
            mean[place], spread[place] = usual[name]
    return np.asarray((contributions - mean) / spread)

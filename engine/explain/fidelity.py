"""Are the reasons true to the model? Deletion: without the first reason the risk must fall."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from engine.explain.attribute import PANEL_SIZE, attribute, panel_rows
from engine.explain.components import SEQUENCE, TEXT
from engine.features.frame import FeatureFrame
from engine.features.spec import FeatureSpec
from engine.models.blend import RiskModel


@dataclass(frozen=True, slots=True)
class Deletion:
    """What setting the first reason's columns to those of retained users did."""

    tested: int  # users with a risk-raising reason made of columns
    lowered: int
    mean_drop: float  # of the log-odds


def deletion(
    model: RiskModel,
    frame: FeatureFrame,
    specs: Iterable[FeatureSpec],
    *,
    panel_size: int = PANEL_SIZE,
) -> Deletion:
    """Replace each user's strongest risk-raising group by the panel users' values, one after the
    other, and compare the mean log-odds with the user's own.

    The groups `sequence` and `text` have no columns and are passed over. Costs N × panel_size
    predictions.
    """
    groups = {spec.name: spec.group for spec in specs}
    found = attribute(model, frame, groups, panel_size=panel_size)
    kept = [i for i, name in enumerate(found.groups) if name not in (SEQUENCE, TEXT)]
    shares = found.contributions[:, kept]
    tested = np.flatnonzero(shares.max(axis=1, initial=0.0) > 0)
    owner = np.array([groups[name] for name in frame.columns])
    drops = []
    for row in tested.tolist():
        first = found.groups[kept[int(shares[row].argmax())]]
        peers = panel_rows(model, str(frame.segments[row]), panel_size)
        mixed = np.repeat(frame.values[[row]], len(peers), axis=0)
        mixed[:, owner == first] = model.panel.values[peers][:, owner == first]
        without = replace(frame.take(np.full(len(peers), row)), values=mixed)
        drops.append(found.log_odds[row] - model.predict(without).log_odds.mean())
    return Deletion(
        len(tested), int((np.array(drops) > 0).sum()), float(np.mean(drops)) if drops else 0.0
    )

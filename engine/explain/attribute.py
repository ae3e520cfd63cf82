"""Reasons as numbers: what each group of features adds to a user's log-odds.

The comparison is always with a panel of retained users of the same segment, because that is the
question an operator asks: why this user and not those who stayed? Every part of the model is
explained by the method that is exact for it (trees: grouped Shapley values; logistic regression:
its terms) or as close as asked (net: integrated gradients); the parts are averaged and scaled
as the model itself averages and scales them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.explain.components import (
    SEQUENCE,
    TEXT,
    Peers,
    columns_read,
    explainers,
)
from engine.features.frame import FeatureFrame
from engine.models.base import check_columns, finite
from engine.models.blend import RiskModel
from engine.models.panel import EVERYONE

if TYPE_CHECKING:
    pass

PANEL_SIZE = 8
"""Panel users compared with, of each segment."""

NEARLY = 0.3
"""Of the hardest pull in a group: a column above it may speak for the group."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Attribution:
    """The log-odds of N users, dealt out to G groups.

    contributions.sum(axis=1) + remainder == log_odds - baseline_log_odds, to rounding.
    """

    groups: tuple[str, ...]
    contributions: Floats  # (N, G)
    log_odds: Floats  # (N,) calibrated
    baseline_log_odds: Floats  # (N,) mean of the panel users of the row's segment
    remainder: Floats  # (N,)
    leading: NDArray[np.int64]  # (N, G) the column that speaks for the group; -1: none does


def attribute(
    model: RiskModel,
    frame: FeatureFrame,
    groups: Mapping[str, str],
    *,
    directions: Mapping[str, int] | None = None,
    panel_size: int = PANEL_SIZE,
) -> Attribution:
    """What every group adds to each user's log-odds against retained users of the same segment.

    `groups` maps every column of the model to its group; a model that reads events has the group
    `sequence` besides, one that reads messages the group `text` (against who wrote nothing).
    `panel_size` panel users a segment are compared with: more of them steady the baseline and cost
    the net in proportion. The column that speaks for a group is one with a large contribution in
    the direction of the group's (for trees its Shapley value, columns as players, against the
    median retained user), if possible one that differs from the median in its usual direction:
    `directions` maps a column to +1 (a higher value usually raises the risk), -1 or 0.

    Raises `ModelError` for a column without a group and for a frame with other columns.
    """
    return Attributor(model, groups, directions=directions, panel_size=panel_size).of(frame)


class Attributor:
    """`attribute` for one frame after another: what they share is worked out once.

    A row's attribution does not depend on the rows beside it.
    """

    def __init__(
        self,
        model: RiskModel,
        groups: Mapping[str, str],
        *,
        directions: Mapping[str, int] | None = None,
        panel_size: int = PANEL_SIZE,
    ) -> None:
        for column in model.columns:
            if column not in groups:
                raise ModelError(
                    "no_group",
                    f"The column {column!r} of the model is in no group of features",
                    why="A reason needs a group and words from the feature catalogue",
                    next_step="Train a model on the present features",
                )
        usual = directions or {}
        order = [*sorted({groups[column] for column in model.columns}), TEXT, SEQUENCE]
        self._model = model
        self._panel_size = panel_size
        self._group_of = np.array([order.index(groups[column]) for column in model.columns])
        self._direction = np.array([usual.get(column, 0) for column in model.columns], np.int64)
        self._explainers = explainers(model, self._group_of, len(order))
        self._peers: dict[str, Peers] = {}
        read = np.zeros(len(order), dtype=np.bool_)
        for component in model.components:
            read[self._group_of[columns_read(component)]] = True
            read[-1] |= component.reads_sequences
            read[-2] |= component.reads_messages
        self._read = read  # (G,) groups that any component looks at
        self._groups = tuple(name for name, kept in zip(order, read, strict=True) if kept)

    def of(self, frame: FeatureFrame) -> Attribution:
        """The attribution of every row. Raises `ModelError` for a frame with other columns."""
        model = self._model
        check_columns(model.kind, model.columns, frame.columns)
        readings = [explain(frame) for explain in self._explainers]
        shape = (len(frame), len(self._read))
        contributions, baseline = np.zeros(shape), np.zeros(len(frame))
        leading = np.full(shape, -1, dtype=np.int64)
        calibration = model.calibration
        raw = model.mixed([reading.log_odds for reading in readings])
        segments = frame.segments.astype(str)
        for segment in np.unique(segments):
            rows = np.flatnonzero(segments == segment)
            peers = self._peers_of(str(segment))
            parts = [reading.parts(rows, peers) for reading in readings]
            raw_baseline = model.mixed([part.baseline for part in parts])
            # Shares of a raw difference stay shares of it: each is stretched by the same slope.
            slope = calibration.slope(raw_baseline, raw[rows])[:, None]
            contributions[rows] = slope * model.mixed([part.groups for part in parts])
            baseline[rows] = calibration.apply(raw_baseline)
            columns = model.mixed([part.columns for part in parts])
            above = finite(frame.values[rows]) - peers.median
            leading[rows] = _leading(
                columns, contributions[rows], self._group_of, above, self._direction
            )
        log_odds = calibration.apply(raw)
        contributions = contributions[:, self._read]
        return Attribution(
            groups=self._groups,
            contributions=contributions,
            log_odds=log_odds,
            baseline_log_odds=baseline,
            remainder=log_odds - baseline - contributions.sum(axis=1),
            leading=leading[:, self._read],
        )

    def _peers_of(self, segment: str) -> Peers:
        panel = self._model.panel
        name = segment if segment in panel.median_segments else EVERYONE
        if name not in self._peers:
            rows = panel_rows(self._model, name, self._panel_size)
            median = panel.medians[panel.position_of(name)]
            self._peers[name] = Peers(name, panel.values[rows], panel.pooled[rows], median)
        return self._peers[name]


def panel_rows(model: RiskModel, segment: str, size: int) -> NDArray[np.int64]:
    """(B,) the panel users that `segment` is compared with: the first, at most `size`."""
    rows = model.panel.rows_of(segment)
    if not len(rows):
        raise ModelError(
            "no_panel",
            "The model has no retained users to compare with",
            why="Reasons are differences from users who stayed",
            next_step="Train the model anew",
        )
    return rows[:size]


def _leading(
    columns: Floats,
    contributions: Floats,
    group_of: NDArray[np.int64],
    above: NDArray[np.float32],
    direction: NDArray[np.int64],
) -> NDArray[np.int64]:
    """(n, G) the column that speaks for each group.

    `above` (n, D) is the value minus the median of retained users, `direction` (D,) the usual
    effect of a higher value. Among the columns that pull the group's way nearly as hard as the
    hardest, one is preferred whose value differs from the median in the way its words suggest:
    "0; users who stayed: 0" tells nobody anything.
    """
    leading = np.full(contributions.shape, -1, dtype=np.int64)
    differs = np.isnan(above) | (np.abs(above) > 1e-6)
    for group in range(contributions.shape[1]):
        own = np.flatnonzero(group_of == group)
        if not len(own):
            continue
        sign = np.where(contributions[:, [group]] < 0, -1, 1)
        toward = columns[:, own] * sign
        expected = np.sign(np.nan_to_num(above[:, own])) * direction[own] * sign >= 0
        strong = toward >= NEARLY * toward.max(axis=1, keepdims=True)
        rank = 4 * strong + 2 * differs[:, own] + 1 * (differs[:, own] & expected)
        best = np.where(rank == rank.max(axis=1, keepdims=True), toward, -np.inf)
        leading[:, group] = own[np.argmax(best, axis=1)]
    return leading

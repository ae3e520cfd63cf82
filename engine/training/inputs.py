"""Training rows as tensors, handed out in batches of rows of like length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import DataError
from engine.features.frame import LabelledFrame
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.encode import CHANNELS, EventBatch, EventReader
from engine.models.nets.hazard import bin_targets
from engine.training.augment import AugmentConfig, kept_events, noisy
from engine.training.team import Team

BUCKET_BATCHES = 16
"""Rows are drawn in groups of so many batches and sorted by length within a group."""


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """B rows ready for a step."""

    numbers: Tensor  # (B, P)
    events: EventBatch
    target: Tensor  # (B, K) of every bin
    counts: Tensor  # (B, K) 1 where the bin is part of the loss
    weight: Tensor  # (B,)


class TrainingRows:
    """The rows that teach `model`: those of positive weight."""

    def __init__(
        self,
        model: ChurnNet,
        rows: LabelledFrame,
        *,
        balanced: bool,
        augment: AugmentConfig,
        device: torch.device,
    ) -> None:
        rows = rows.take(np.flatnonzero(rows.weight > 0))
        target, counts = _targets(rows, model.config.bins)
        weight = balanced_weight(rows) if balanced else rows.weight
        self._numbers = torch.from_numpy(model.prepare(rows.frame.values))
        self._reader = EventReader(model.events, rows.frame) if model.reads_sequences else None
        self._target = torch.from_numpy(target)
        self._counts = torch.from_numpy(counts)
        self._weight = torch.from_numpy(weight.astype(np.float32))
        self._augment = augment
        self._device = device

    def __len__(self) -> int:
        return len(self._target)

    def batches(
        self, rng: np.random.Generator, *, rows: int, size: int, team: Team
    ) -> Iterator[TrainingBatch]:
        """An epoch: `rows` of the rows in random batches of `size`, of each this process's part."""
        order = rng.permutation(len(self))[:rows]
        length = np.zeros(len(self), np.int64) if self._reader is None else self._reader.length
        for batch in bucketed(order, length, size, rng):
            own, counted = team.share(batch)
            index = torch.from_numpy(own)
            yield TrainingBatch(
                noisy(self._numbers[index].to(self._device), self._augment),
                self._events(own, rng).to(self._device),
                self._target[index].to(self._device),
                self._counts[index].to(self._device),
                self._weight[index].to(self._device) * counted,
            )

    def _events(self, rows: NDArray[np.int64], rng: np.random.Generator) -> EventBatch:
        if self._reader is None:
            return no_events(len(rows))
        return self._reader.batch(rows, kept_events(self._reader.length[rows], self._augment, rng))


def bucketed(
    order: NDArray[np.int64], length: NDArray[np.int64], size: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Batches of rows of like length, in random order: little padding, still random enough."""
    batches = []
    for start in range(0, len(order), size * BUCKET_BATCHES):
        group = order[start : start + size * BUCKET_BATCHES]
        group = group[np.argsort(length[group], kind="stable")]
        batches += [group[i : i + size] for i in range(0, len(group), size)]
    for position in rng.permutation(len(batches)):
        yield batches[position]


def balanced_weight(rows: LabelledFrame) -> NDArray[np.float64]:
    """(N,) the weights of the rows, scaled so that both classes weigh half of the whole."""
    weight = rows.weight.astype(np.float64)
    churned = rows.label > 0.5
    for own in (churned, ~churned):
        if weight[own].sum() > 0:
            weight[own] *= rows.weight.sum() / (2 * weight[own].sum())
    return weight


def no_events(rows: int) -> EventBatch:
    """The batch of a net that reads none."""
    none = torch.zeros((rows, 1), dtype=torch.int64)
    return EventBatch(none, none, torch.zeros((rows, 1, CHANNELS)), none[:, 0])


def _targets(
    rows: LabelledFrame, bins: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if not bins:
        return rows.label.astype(np.float32)[:, None], np.ones((len(rows), 1), np.float32)
    if rows.times is None:
        raise DataError(
            "no_event_times",
            "The rows do not tell the day on which a user left or came back",
            why="A hazard over days learns from that day; given labels have none",
            next_step="Train another model, or use a churn rule that is derived from the data",
        )
    return bin_targets(rows.times, bins)

"""Training rows made a little different each time they are seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """What is changed; nothing by default."""

    event_dropout: float = 0.0  # chance of each event to be left out
    slices: float = 0.0  # chance of a row to show only a slice of its events, at least half
    noise: float = 0.0  # standard deviation added to prepared numbers, which have one of 1

    @property
    def thins(self) -> bool:
        """Whether events may be left out."""
        return self.event_dropout > 0 or self.slices > 0


def kept_events(
    length: NDArray[np.int64], config: AugmentConfig, rng: np.random.Generator
) -> NDArray[np.bool_] | None:
    """(B, T) which events of rows of these lengths are read; None: all of them."""
    if not config.thins:
        return None
    place = np.arange(max(1, int(length.max(initial=0))))
    kept = rng.random((len(length), len(place))) >= config.event_dropout
    sliced = rng.random(len(length)) < config.slices
    left_out = np.where(sliced, rng.integers(0, length // 2 + 1), 0)
    first = rng.integers(0, left_out + 1)
    stop = length - (left_out - first)
    return np.asarray(kept & (place >= first[:, None]) & (place < stop[:, None]))


def noisy(numbers: Tensor, config: AugmentConfig) -> Tensor:
    """The prepared numbers (B, P), blurred."""
    if config.noise == 0:
        return numbers
    return numbers + config.noise * torch.randn_like(numbers)

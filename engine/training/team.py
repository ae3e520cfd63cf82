"""The processes that train one net together: each takes a part of every batch.

Gradients are summed over the processes and divided by the joined weight of the batch, so that the
step is the one that a single process would take on the whole batch. A process alone is a team of
one, for which all of this does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as processes
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Team:
    """The place of this process among `size` of them; the first one leads."""

    rank: int = 0
    size: int = 1

    @classmethod
    def of_this_process(cls) -> Team:
        """The team of torch's process group; a team of one where there is none."""
        if not (processes.is_available() and processes.is_initialized()):
            return cls()
        return cls(processes.get_rank(), processes.get_world_size())

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], bool]:
        """This process's part of a batch, and whether there is one.

        A batch smaller than the team gives its first row to those left without, for nothing.
        """
        own = rows[self.rank :: self.size]
        return (own, True) if len(own) else (rows[:1], False)

    def summed(self, numbers: Sequence[float], device: torch.device) -> list[float]:
        """Each number summed over the team."""
        if self.size == 1:
            return list(numbers)
        total = torch.tensor(numbers, dtype=torch.float64).to(device)
        processes.all_reduce(total)
        return [float(number) for number in total]

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Every process gets the sum of all gradients: one exchange a step."""
        if self.size == 1:
            return
        owners = list(parameters)
        parts = [torch.zeros_like(owner) if owner.grad is None else owner.grad for owner in owners]
        joined: Tensor = torch.cat([part.flatten() for part in parts])
        processes.all_reduce(joined)
        sizes = [owner.numel() for owner in owners]
        for owner, part in zip(owners, torch.split(joined, sizes), strict=True):
            owner.grad = part.view_as(owner).clone()

    def said(self, word: Any) -> Any:
        """What the leader says; the others' own word is not heard."""
        if self.size == 1:
            return word
        heard = [word]
        processes.broadcast_object_list(heard, src=0)
        return heard[0]

"""The pretraining loop: histories in pairs of one user, a few passes over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.features.histories import Histories
from engine.models.nets.encode import EventReader
from engine.models.nets.sequence_vector import EncoderConfig, SequenceVector
from engine.pretraining.objectives import Objectives
from engine.training.progress import Progress, ShouldStop, never, stop_if_asked, unheard

STAGE = "pretrain"

LEAST_HISTORIES = 512
"""Fewer teach an encoder nothing that would carry over."""


@dataclass(frozen=True, slots=True)
class PretrainingConfig:
    """What is learnt, and for how long; it is part of the key under which an encoder is kept."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    next_weeks: float = 1.0  # weights of the objectives; 0: not learnt
    next_event: float = 0.0  # did not help (docs/guides/pretraining.md)
    contrast: float = 0.0  # nor did this
    epochs: int = 5
    rows_per_epoch: int = 40_000
    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up_steps: int = 50
    last_rate: float = 0.05  # of the learning rate, at the end of the cosine
    clip: float = 1.0


@dataclass(frozen=True, slots=True)
class Pretrained:
    """An encoder and how its losses fell."""

    vector: SequenceVector
    learning: tuple[Mapping[str, float], ...]  # one an epoch: epoch and the mean of each loss


def pretrain(
    histories: Histories,
    config: PretrainingConfig,
    *,
    seed: int,
    progress: Progress = unheard,
    should_stop: ShouldStop = never,
    out_of_time: Callable[[], bool] = never,
) -> Pretrained | None:
    """Learn an encoder from `histories`; None when they are fewer than `LEAST_HISTORIES`.

    The same seed, histories and threads give the same weights, unless `out_of_time`, asked after
    every epoch, ends the run early. Raises `Cancelled` when `should_stop` says so.
    """
    if len(histories) < LEAST_HISTORIES:
        return None
    wished = {name: getattr(config, name) for name in ("next_event", "next_weeks", "contrast")}
    weights = {name: weight for name, weight in wished.items() if weight}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vector = SequenceVector.build(histories.frame, config.encoder)
        module = Objectives(vector.module, len(vector.events.kinds))
        reader = EventReader(vector.events, histories.frame)
        rng = np.random.default_rng(seed)
        pairs = Pairs(histories.user)
        rows_per_epoch = min(config.rows_per_epoch, len(histories))
        optimiser = torch.optim.AdamW(
            module.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        steps = -(-rows_per_epoch // config.batch) * config.epochs
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _rate(steps, config))
        learning: list[dict[str, float]] = []
        for epoch in range(1, config.epochs + 1):
            module.train()
            totals = dict.fromkeys(weights, 0.0)
            batches = list(pairs.batches(rng, rows_per_epoch, config.batch, reader.length))
            for done, rows in enumerate(batches, start=1):
                stop_if_asked(should_stop)
                losses = module(
                    reader.batch(rows),
                    torch.from_numpy(histories.user[rows]),
                    torch.from_numpy(histories.ahead[rows]),
                    weights,
                )
                loss = sum(weight * losses[name] for name, weight in weights.items())
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(module.parameters(), config.clip)
                optimiser.step()
                schedule.step()
                for name in totals:
                    totals[name] += float(losses[name].detach())
                share = (epoch - 1 + done / len(batches)) / config.epochs
                progress(STAGE, share, {"epoch": epoch, "of": config.epochs})
            learning.append(
                {"epoch": epoch, **{name: sum_ / len(batches) for name, sum_ in totals.items()}}
            )
            if out_of_time():
                break
        module.eval()
    return Pretrained(vector, tuple(learning))


class Pairs:
    """Batches in which users come twice, at two moments, and rows are of like length."""

    def __init__(self, user: NDArray[np.int64]) -> None:
        self._rows = np.argsort(user, kind="stable")
        owner = user[self._rows]
        self._first = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
        self._count = np.diff(np.append(self._first, len(owner)))

    def batches(
        self, rng: np.random.Generator, rows: int, size: int, length: NDArray[np.int64]
    ) -> Iterator[NDArray[np.int64]]:
        """About `rows` rows: of every drawn user two rows, or the only one twice.

        Users are drawn as often as they have rows. Those whose longer history is of like length
        come together, in random order: little padding, and strangers that are hard to tell apart.
        """
        drawn = rng.choice(len(self._count), rows // 2, p=self._count / self._count.sum())
        one = rng.integers(0, self._count[drawn])
        other = (one + rng.integers(1, np.maximum(self._count[drawn], 2))) % self._count[drawn]
        pair = self._rows[self._first[drawn, None] + np.stack([one, other], axis=1)]
        order = np.argsort(length[pair].max(axis=1), kind="stable")
        starts = np.arange(0, len(order), size // 2)
        for start in rng.permutation(starts):
            yield pair[order[start : start + size // 2]].ravel()


def _rate(steps: int, config: PretrainingConfig) -> Callable[[int], float]:
    def factor(step: int) -> float:
        warm = min(1.0, (step + 1) / config.warm_up_steps)
        cosine = 0.5 * (1 + np.cos(np.pi * min(1.0, step / max(1, steps))))
        return float(warm * (config.last_rate + (1 - config.last_rate) * cosine))

    return factor

"""The training loop of the net: AdamW, warm-up and cosine, early stopping on later rows."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.errors import DataError
from engine.features.frame import LabelledFrame
from engine.models.calibration import log_loss
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.encode import EventReader
from engine.models.nets.fusion import NetConfig
from engine.training.progress import Progress, ShouldStop, never, stop_if_asked, unheard

STAGE = "churn_net"

BUCKET_BATCHES = 16
"""Rows are drawn in groups of so many batches and sorted by length within a group."""


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How the net is trained."""

    max_epochs: int = 12
    patience: int = 2  # epochs without a lower validation loss
    batch: int = 512
    least_steps: int = 60  # an epoch of a small data set has smaller batches, to have this many
    rows_per_epoch: int = 40_000  # a fresh random subset each epoch when there are more rows
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.05  # share of all steps
    last_rate: float = 0.05  # of the peak learning rate, at the last epoch
    clip: float = 1.0  # gradient norm


@dataclass(frozen=True, slots=True)
class NetFit:
    """A trained net and how it learned."""

    model: ChurnNet
    epochs: int  # of the weights kept
    learning: tuple[dict[str, float], ...]  # epoch, train_loss, valid_loss (NaN without rows)


def use_threads(threads: int) -> int:
    """Set torch's threads; 0: one less than the machine has, at least one. Returns the number."""
    chosen = threads or max(1, (os.cpu_count() or 2) - 1)
    torch.set_num_threads(chosen)
    return chosen


def fit_net(
    rows: LabelledFrame,
    validate: LabelledFrame | None,
    net: NetConfig,
    config: FitConfig,
    *,
    seed: int,
    epochs: int | None = None,
    progress: Progress = unheard,
    should_stop: ShouldStop = never,
    out_of_time: Callable[[], bool] = never,
) -> NetFit:
    """Train on `rows`; keep the weights of the epoch with the lowest loss on `validate`.

    `epochs` ends the run after that many epochs of the schedule of `max_epochs` (a refit repeats
    the course of the first fit). `out_of_time`, asked after every epoch, ends it early with the
    best weights so far. The same seed, rows and threads give the same weights.

    Raises `Cancelled` when `should_stop` says so, and `DataError` when the loss is not finite.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _run(
            ChurnNet.build(rows.frame, net),
            rows,
            validate,
            config,
            np.random.default_rng(seed),
            min(epochs or config.max_epochs, config.max_epochs),
            progress,
            should_stop,
            out_of_time,
        )


def _run(
    model: ChurnNet,
    rows: LabelledFrame,
    validate: LabelledFrame | None,
    config: FitConfig,
    rng: np.random.Generator,
    epochs: int,
    progress: Progress,
    should_stop: ShouldStop,
    out_of_time: Callable[[], bool],
) -> NetFit:
    module = model.module
    inputs = _Inputs(model, rows)
    size = _batch_size(inputs.rows_per_epoch(config), config)
    steps = -(-inputs.rows_per_epoch(config) // size)
    optimiser = torch.optim.AdamW(
        _decayed_apart(module, config.weight_decay), lr=config.learning_rate
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, _rate(steps * config.max_epochs, config)
    )
    early = validate is not None and len(validate) > 0
    best_loss, best_epoch, best = np.inf, 0, copy.deepcopy(module.state_dict())
    learning: list[dict[str, float]] = []
    for epoch in range(1, epochs + 1):
        module.train()
        total = weight_sum = 0.0
        batches = inputs.batches(rng, size, config)
        for done, (numbers, events, label, weight) in enumerate(batches, start=1):
            stop_if_asked(should_stop)
            logits = module(numbers, events)
            losses = functional.binary_cross_entropy_with_logits(
                logits, label.unsqueeze(1).expand_as(logits), reduction="none"
            ).mean(dim=1)
            mass = weight.sum()
            loss = (losses * weight).sum() / mass
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(module.parameters(), config.clip)
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * float(mass)
            weight_sum += float(mass)
            progress(STAGE, (epoch - 1 + done / steps) / epochs, {"epoch": epoch, "of": epochs})
        module.eval()
        train_loss = total / weight_sum
        _check_finite(train_loss, epoch)
        valid_loss = _loss(model, validate) if early and validate is not None else np.nan
        learning.append({"epoch": epoch, "train_loss": train_loss, "valid_loss": valid_loss})
        progress(STAGE, epoch / epochs, dict(learning[-1]))
        if not early or valid_loss < best_loss:
            best_loss, best_epoch = valid_loss, epoch
            best = copy.deepcopy(module.state_dict())
        if early and epoch - best_epoch >= config.patience:
            break
        if out_of_time():
            break
    module.load_state_dict(best)
    module.eval()
    return NetFit(model, best_epoch, tuple(learning))


class _Inputs:
    """Training rows as tensors, handed out in length-sorted batches."""

    def __init__(self, model: ChurnNet, rows: LabelledFrame) -> None:
        weighted = np.flatnonzero(rows.weight > 0)
        rows = rows.take(weighted)
        self.numbers = torch.from_numpy(model.prepare(rows.frame.values))
        self.events = EventReader(model.events, rows.frame)
        self.label = torch.from_numpy(rows.label.astype(np.float32))
        self.weight = torch.from_numpy(rows.weight.astype(np.float32))

    def rows_per_epoch(self, config: FitConfig) -> int:
        return min(len(self.label), config.rows_per_epoch)

    def batches(
        self, rng: np.random.Generator, size: int, config: FitConfig
    ) -> Iterator[tuple[Tensor, Any, Tensor, Tensor]]:
        order = rng.permutation(len(self.label))[: self.rows_per_epoch(config)]
        for rows in _bucketed(order, self.events.length, size, rng):
            index = torch.from_numpy(rows)
            yield (
                self.numbers[index],
                self.events.batch(rows),
                self.label[index],
                self.weight[index],
            )


def _bucketed(
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


def _batch_size(rows: int, config: FitConfig) -> int:
    return int(np.clip(rows // config.least_steps, 16, config.batch))


def _rate(total: int, config: FitConfig) -> Callable[[int], float]:
    warm_up = max(1, int(total * config.warm_up))

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        passed = (step - warm_up) / max(1, total - warm_up)
        return float(
            config.last_rate + (1 - config.last_rate) * 0.5 * (1 + np.cos(np.pi * min(1, passed)))
        )

    return factor


def _decayed_apart(module: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices only: decayed biases and scalings would pull towards nothing."""
    matrices = [p for name, p in module.named_parameters() if p.ndim > 1 and name != "scaling"]
    others = [p for name, p in module.named_parameters() if p.ndim <= 1 or name == "scaling"]
    return [
        {"params": matrices, "weight_decay": decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _loss(model: ChurnNet, rows: LabelledFrame) -> float:
    losses = log_loss(model.log_odds(rows.frame), rows.label)
    return float(np.average(losses, weights=rows.weight))


def _check_finite(loss: float, epoch: int) -> None:
    if not np.isfinite(loss):
        raise DataError(
            "loss_not_finite",
            f"The training loss is {loss} in epoch {epoch}",
            why="A label or weight is not a number, or the learning rate is too high",
            next_step="Run `retention check`, then train again with `--model "
            "hist_gradient_boosting`",
        )

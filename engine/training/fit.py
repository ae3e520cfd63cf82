"""The training loop of the net: AdamW, warm-up and cosine, early stopping on later rows."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import DataError
from engine.features.frame import LabelledFrame
from engine.models.calibration import log_loss
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.config import NetConfig
from engine.models.nets.fusion import FusionModule
from engine.models.nets.hazard import hazard_loss
from engine.training.augment import AugmentConfig
from engine.training.device import Device, choose_device
from engine.training.inputs import TrainingBatch, TrainingRows
from engine.training.progress import Progress, ShouldStop, never, stop_if_asked, unheard
from engine.training.team import Team

STAGE = "churn_net"


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
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    adversarial: float = 0.0  # step of the adversarial examples, half of the loss; 0: none
    balanced: bool = False  # both classes weigh the same; calibration undoes what it does to risk
    seeds: int = 1  # nets that differ in nothing else; their log-odds are averaged
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class NetFit:
    """A trained net and how it learned."""

    model: ChurnNet
    epochs: int  # of the weights kept
    learning: tuple[dict[str, float], ...]  # epoch, train_loss, valid_loss (NaN without rows)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the leader of a team asks of the others: to fit this net with it."""

    rows: LabelledFrame
    net: NetConfig
    config: FitConfig
    seed: int
    epochs: int | None


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

    In a process that leads a team (see `distributed`) the others are called to help.
    Raises `Cancelled` when `should_stop` says so, and `DataError` when the loss is not finite or
    when the rows lack what the bins of a hazard need.
    """
    team = Team.of_this_process()
    if team.leads:
        team.said(Assignment(rows, net, config, seed, epochs))
    if net.bins and rows.times is not None:
        net = net.for_labels(rows.times.event, rows.times.horizon_days)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ChurnNet.build(rows.frame, net)
        if not team.leads:
            torch.manual_seed(seed + team.rank)  # the same weights, dropout of its own
        return _run(
            model,
            rows,
            validate,
            config,
            np.random.default_rng(seed),
            min(epochs or config.max_epochs, config.max_epochs),
            progress,
            should_stop,
            out_of_time,
            team,
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
    team: Team,
) -> NetFit:
    device = choose_device(config.device)
    module = model.module.to(device)
    inputs = TrainingRows(
        model, rows, balanced=config.balanced, augment=config.augment, device=device
    )
    drawn = min(len(inputs), config.rows_per_epoch)
    size = _batch_size(drawn, config)
    steps = -(-drawn // size)
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
        batches = inputs.batches(rng, rows=drawn, size=size, team=team)
        for done, batch in enumerate(batches, start=1):
            _stop_if_any(team, should_stop, device)
            mass = batch.weight.sum()
            (joined,) = team.summed([float(mass)], device)
            loss = _batch_loss(module, batch, config.adversarial) / joined
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            team.sum_gradients(module.parameters())
            nn.utils.clip_grad_norm_(module.parameters(), config.clip)
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * joined
            weight_sum += float(mass)
            progress(STAGE, (epoch - 1 + done / steps) / epochs, {"epoch": epoch, "of": epochs})
        module.eval()
        total, weight_sum = team.summed([total, weight_sum], device)
        train_loss = total / weight_sum
        _check_finite(train_loss, epoch)
        valid_loss = _loss(model, validate) if early and validate is not None else np.nan
        learning.append({"epoch": epoch, "train_loss": train_loss, "valid_loss": valid_loss})
        progress(STAGE, epoch / epochs, dict(learning[-1]))
        if not early or valid_loss < best_loss:
            best_loss, best_epoch = valid_loss, epoch
            best = copy.deepcopy(module.state_dict())
        patient = not early or epoch - best_epoch < config.patience
        if team.said(not patient or out_of_time()):
            break
    module.load_state_dict(best)
    module.to("cpu").eval()
    return NetFit(model, best_epoch, tuple(learning))


def _batch_loss(module: FusionModule, batch: TrainingBatch, adversarial: float) -> Tensor:
    """The weighed sum of the rows' losses; half of it on adversarial inputs where they are asked
    for (fast gradient sign, Goodfellow et al. 2015): every prepared number and every embedded event
    moved by so much in the direction that hurts most."""
    numbers, events = batch.numbers, module.embed(batch.events)

    def loss(numbers: Tensor, events: Tensor) -> Tensor:
        bins = module.bins(numbers, module.pooled(events, batch.events.length))
        return (hazard_loss(bins, batch.target, batch.counts) * batch.weight).sum()

    if adversarial == 0:
        return loss(numbers, events)
    inputs = [numbers.requires_grad_()] + ([events] if events.shape[2] else [])
    clean = loss(numbers, events)
    worst = torch.autograd.grad(clean, inputs, retain_graph=True, allow_unused=True)
    moved = [
        part if slope is None else part + adversarial * slope.sign()
        for part, slope in zip(inputs, worst, strict=True)
    ]
    return (clean + loss(moved[0], moved[1] if len(moved) > 1 else events)) / 2


def _stop_if_any(team: Team, should_stop: ShouldStop, device: torch.device) -> None:
    """Raise `Cancelled` in every process of the team when it is asked of one."""
    if team.size == 1:
        stop_if_asked(should_stop)
        return
    (asked,) = team.summed([float(should_stop())], device)
    stop_if_asked(lambda: asked > 0)


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

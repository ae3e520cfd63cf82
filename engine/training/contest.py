"""Several models fitted on the same rows, one after another, with what each cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.models.blend import BLEND, RiskModel
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.config import NETS
from engine.models.trees import TreeModel
from engine.training.challenger import FIRST_FIT_SHARE, TrainingConfig, TrainingRun
from engine.training.fit import use_threads
from engine.training.progress import Progress, ShouldStop, never, unheard
from engine.training.rows import TrainingData, check_rows
from engine.training.single_fits import SingleFit

BASELINE = TreeModel.kind

BLENDED = ChurnNet.kind
"""The net that the blend mixes with the baseline."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A fitted model as a training run would serve it."""

    model: RiskModel
    valid_log_odds: NDArray[np.float64]  # (V,) of the first fit, which did not know these rows
    epochs: int  # of a net's first fit; 0 for others
    cpu_s: float  # of all fits of this model


def contest(
    data: TrainingData,
    names: Sequence[str],
    config: TrainingConfig,
    *,
    progress: Progress = unheard,
    should_stop: ShouldStop = never,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Contestant]:
    """The models `names`, each fitted as a training run fits it, and the baseline.

    `config.budget_s` is shared out among the nets. Raises `DataError` when the rows cannot train
    a model, `Cancelled` when `should_stop` says so.
    """
    check_rows(data)
    threads = use_threads(config.threads)
    with threadpool_limits(limits=threads):
        use_threads(threads)  # threadpoolctl also resets torch's own pool when that is OpenMP
        own = replace(config, threads=threads, model=BLEND)
        run = TrainingRun(data, own, unheard, should_stop, clock, clock())
        wanted = [BASELINE, *(name for name in names if name != BLEND)]
        needed = list(dict.fromkeys(wanted + (run.names() if BLEND in names else [])))
        nets = sum(name in NETS for name in needed)
        fitted: dict[str, SingleFit] = {}
        cpu_s: dict[str, float] = {}
        for place, name in enumerate(needed):
            progress(name, place / len(needed), {})
            deadline = clock() + FIRST_FIT_SHARE * config.budget_s / max(1, nets)
            begun_s = time.process_time()
            fitted[name] = run.fits.fit(
                name, 0.0, 1.0, out_of_time=partial(_passed, clock, deadline)
            )
            cpu_s[name] = time.process_time() - begun_s
        models = run.candidates(fitted, BLENDED if BLEND in names else None)
        found = {
            name: Contestant(
                run.recalibrated(models[name]), fit.valid_log_odds, _epochs(fit), cpu_s[name]
            )
            for name, fit in fitted.items()
        }
        if BLEND in names:
            blend = run.recalibrated(models[BLEND])
            found[BLEND] = _blended(blend, fitted, found)
    return found


def _blended(
    model: RiskModel, fitted: Mapping[str, SingleFit], found: Mapping[str, Contestant]
) -> Contestant:
    """The mix of the models whose components it holds: their shares, what they cost."""
    parts = {
        name: sum(
            share
            for share, part in zip(model.shares, model.components, strict=True)
            if any(part is own for own in fit.components)
        )
        for name, fit in fitted.items()
    }
    mixed = {name: share for name, share in parts.items() if share > 0}
    valid = np.sum([share * found[name].valid_log_odds for name, share in mixed.items()], axis=0)
    cpu_s = sum(found[name].cpu_s for name in mixed)
    return Contestant(model, np.asarray(valid), found[BLENDED].epochs, cpu_s)


def _epochs(fit: SingleFit) -> int:
    if not fit.learning:
        return 0
    return int(min(fit.learning, key=lambda epoch: epoch["valid_loss"])["epoch"])


def _passed(clock: Callable[[], float], deadline: float) -> bool:
    return clock() >= deadline

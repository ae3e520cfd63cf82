"""How each kind of single model is fitted: once to find its settings, again on the newest rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError, UsageError
from engine.features.frame import LabelledFrame
from engine.models.base import SingleModel
from engine.models.calibration import log_loss
from engine.models.forest import ForestConfig, ForestModel
from engine.models.logistic import LogisticModel
from engine.models.nets.config import NetConfig, net_named
from engine.models.purchases import PURCHASE_MODELS
from engine.models.sequence_trees import SequenceTrees
from engine.models.trees import TreeConfig, TreeModel
from engine.training.fit import FitConfig, NetFit, fit_net
from engine.training.progress import Progress, ShouldStop, stop_if_asked
from engine.training.rows import TrainingData, join

if TYPE_CHECKING:
    from engine.models.nets.sequence_vector import SequenceVector

Boosted = TreeModel | SequenceTrees

LOGISTIC_STRENGTHS = (0.001, 0.01, 0.1)
"""Tried on the validation rows; scikit-learn's C."""

FIRST_PART = 0.6
"""Of the progress of a net that is fitted twice."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """What the fits of one run have in common."""

    seed: int
    threads: int
    refit: bool
    net: NetConfig
    fit: FitConfig
    trees: TreeConfig
    window_days: float | None  # of a churn rule that asks for no payment: lead and horizon
    vector: SequenceVector | None = None  # of a pretrained encoder


@dataclass(frozen=True, slots=True)
class SingleFit:
    """A fitted model: its components weigh the same."""

    components: tuple[SingleModel, ...]  # several: nets of several seeds
    valid_log_odds: NDArray[np.float64]  # (V,) of the validation rows, before they taught
    learning: tuple[Mapping[str, float], ...] = ()  # of a net: epoch, train_loss, valid_loss
    first: tuple[SingleModel, ...] = ()  # the components before the refit; the same without one

    def log_odds(self, scores: Callable[[SingleModel], NDArray[np.float64]]) -> NDArray[np.float64]:
        """The mean of what `scores` says of each component."""
        return np.asarray(np.mean([scores(part) for part in self.components], axis=0))


class SingleFits:
    """Fits single models by name on the same rows."""

    def __init__(
        self,
        data: TrainingData,
        settings: FitSettings,
        *,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> None:
        self.data = data
        self.settings = settings
        self.progress = progress
        self.should_stop = should_stop
        self.recent = join(data.train, data.validate) if len(data.validate) else data.train

    def fit(
        self, name: str, start: float, stop: float, *, out_of_time: Callable[[], bool]
    ) -> SingleFit:
        """The model `name`; progress runs from `start` to `stop`.

        `out_of_time`, asked after every epoch of a net's first fit, ends that fit early.
        """
        stop_if_asked(self.should_stop)
        if name == LogisticModel.kind:
            return self._logistic()
        if name == TreeModel.kind:
            return self._trees()
        if name == SequenceTrees.kind:
            return self._sequence_trees()
        if name == ForestModel.kind:
            return self._forest()
        if name in PURCHASE_MODELS:
            return self._purchases(name)
        return self._net(net_named(name, self.settings.net), start, stop, out_of_time)

    def _logistic(self) -> SingleFit:
        validate = self.data.validate if len(self.data.validate) else self.data.train
        tried: dict[float, tuple[LogisticModel, NDArray[np.float64]]] = {}
        for strength in LOGISTIC_STRENGTHS:
            stop_if_asked(self.should_stop)
            model = LogisticModel.fit(self.data.train, strength=strength)
            tried[strength] = model, model.log_odds(validate.frame)

        def loss(strength: float) -> float:
            return float(validate.weight @ log_loss(tried[strength][1], validate.label))

        best = min(tried, key=loss)
        first, scores = tried[best]
        kept = LogisticModel.fit(self.recent, strength=best) if self.settings.refit else first
        return SingleFit((kept,), scores[: len(self.data.validate)], first=(first,))

    def _trees(self) -> SingleFit:
        seed, threads = self.settings.seed, self.settings.threads

        def fit(
            rows: LabelledFrame, validate: LabelledFrame | None, trees: TreeConfig
        ) -> TreeModel:
            return TreeModel.fit(rows, validate, trees, seed=seed, threads=threads)

        return self._boosted(fit)

    def _boosted(
        self, fit: Callable[[LabelledFrame, LabelledFrame | None, TreeConfig], Boosted]
    ) -> SingleFit:
        """Grown until the validation rows say stop, then so many trees on the newest rows."""
        trees = self.settings.trees
        first = fit(self.data.train, self.data.validate, trees)
        scores = first.log_odds(self.data.validate.frame)
        if not self.settings.refit:
            return SingleFit((first,), scores, first=(first,))
        stop_if_asked(self.should_stop)
        kept = replace(trees, max_trees=max(1, first.ensemble.trees))
        return SingleFit((fit(self.recent, None, kept),), scores, first=(first,))

    def _purchases(self, name: str) -> SingleFit:
        if self.settings.window_days is None:
            raise UsageError(
                "no_payment_rule",
                f"The model {name!r} cannot speak of this churn rule",
                why="It says who pays again in a window, and the rule asks something else",
                next_step="Choose another model, or a rule of the kind no_payment",
            )
        window_days = self.settings.window_days
        first = PURCHASE_MODELS[name].fit(self.data.train, window_days=window_days)
        scores = first.log_odds(self.data.validate.frame)
        if not self.settings.refit:
            return SingleFit((first,), scores, first=(first,))
        kept = PURCHASE_MODELS[name].fit(self.recent, window_days=window_days)
        return SingleFit((kept,), scores, first=(first,))

    def _sequence_trees(self) -> SingleFit:
        vector = self.settings.vector
        if vector is None:
            raise DataError(
                "too_few_histories",
                "There are too few histories to learn a sequence encoder from",
                why="Trees that read sequences need an encoder learnt beforehand",
                next_step="Load a longer history, or choose another model",
            )
        seed, threads = self.settings.seed, self.settings.threads

        def fit(
            rows: LabelledFrame, validate: LabelledFrame | None, trees: TreeConfig
        ) -> SequenceTrees:
            return SequenceTrees.fit(rows, validate, trees, vector, seed=seed, threads=threads)

        return self._boosted(fit)

    def _forest(self) -> SingleFit:
        settings: dict[str, Any] = {"seed": self.settings.seed, "threads": self.settings.threads}
        first = ForestModel.fit(self.data.train, ForestConfig(), **settings)
        scores = first.log_odds(self.data.validate.frame)
        if not self.settings.refit:
            return SingleFit((first,), scores, first=(first,))
        stop_if_asked(self.should_stop)
        kept = ForestModel.fit(self.recent, ForestConfig(), **settings)
        return SingleFit((kept,), scores, first=(first,))

    def _net(
        self, net: NetConfig, start: float, stop: float, out_of_time: Callable[[], bool]
    ) -> SingleFit:
        seeds = range(self.settings.seed, self.settings.seed + self.settings.fit.seeds)
        width = (stop - start) / len(seeds)
        kept: list[NetFit] = []
        begun: list[SingleModel] = []
        scores: list[NDArray[np.float64]] = []
        learning: tuple[Mapping[str, float], ...] = ()
        for place, seed in enumerate(seeds):
            begin = start + place * width
            said, first, last = self._net_of(net, seed, begin, begin + width, out_of_time)
            scores.append(said)
            begun.append(first)
            kept.append(last)
            learning = learning or last.learning
        nets = tuple(fit.model for fit in kept)
        return SingleFit(nets, np.mean(scores, axis=0), learning, tuple(begun))

    def _net_of(
        self, net: NetConfig, seed: int, start: float, stop: float, out_of_time: Callable[[], bool]
    ) -> tuple[NDArray[np.float64], SingleModel, NetFit]:
        """What the first fit says of the validation rows, its net, and the fit to keep."""
        censored = self.data.censored if net.bins else None
        train, recent = self.data.train, self.recent
        if censored is not None:
            train, recent = join(train, censored.early), join(recent, censored.late)
        twice = self.settings.refit and len(self.data.validate) > 0
        middle = start + FIRST_PART * (stop - start) if twice else stop
        first = fit_net(
            train,
            self.data.validate,
            net,
            self.settings.fit,
            seed=seed,
            progress=part(self.progress, start, middle),
            should_stop=self.should_stop,
            out_of_time=out_of_time,
        )
        scores = first.model.log_odds(self.data.validate.frame)
        if not twice:
            return scores, first.model, first
        again = fit_net(
            recent,
            None,
            net,
            self.settings.fit,
            seed=seed,
            epochs=first.epochs,
            progress=part(self.progress, middle, stop),
            should_stop=self.should_stop,
        )
        return scores, first.model, replace(again, learning=first.learning)


def part(progress: Progress, start: float, stop: float) -> Progress:
    """Progress of a step, scaled into its part of the whole."""

    def report(stage: str, done: float, detail: Mapping[str, object]) -> None:
        progress(stage, start + (stop - start) * done, detail)

    return report

"""Fit a model where there is no time to split by: folds of users, each scored by the others' model.

For every fold k the whole procedure runs on the other folds alone: settings, the mix of logistic
regression and trees, and calibration are chosen on inner out-of-fold scores, and then both parts
are fitted on all of these rows. An inner score of a row in fold j comes from a model that saw
neither j nor k; that model serves the pair (j, k) both ways, so K (K - 1) / 2 inner fits suffice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.errors import DataError, UsageError
from engine.features.frame import LabelledFrame
from engine.models.base import SingleModel
from engine.models.blend import BLEND, RiskModel
from engine.models.calibration import Calibration, log_loss, sigmoid
from engine.models.cross_fit import CrossFitted, fold_of
from engine.models.logistic import LogisticModel
from engine.models.panel import Panel, draw_panel
from engine.models.trees import TreeConfig, TreeEnsemble, TreeModel
from engine.training.calibrate import fit_calibration
from engine.training.progress import Progress, ShouldStop, never, stop_if_asked, unheard

FOLDS = 5

LEAST_OF_A_CLASS = 5
"""In every fold: with fewer neither a fit nor a measurement means anything."""

STRENGTHS = (0.003, 0.03, 0.3, 3.0, 30.0)
"""Of logistic regression, scikit-learn's C."""

TREES = (
    TreeConfig(max_leaves=5, min_rows_in_leaf=40, l2=5.0, features=0.5),
    TreeConfig(max_leaves=31, min_rows_in_leaf=10, l2=1.0, features=0.5),
)
"""Shallow trees for tables where columns act one by one, deep ones where they act together."""

COUNTS = (25, 50, 75, 100, 150, 200, 300, 400)
"""Of trees that may be kept."""

FEW_ROWS = 1_000
MOST_FOR_FEW = 100
"""Trees grown for fewer rows than `FEW_ROWS`: more only learn them by heart."""

LOGISTIC_SHARES = (0.5, 0.25, 0.75, 0.0, 1.0)
"""Of logistic regression in the mix; at equal loss the first is taken."""

SELECTION_ROWS = 50_000
"""Settings, mix and calibration are chosen on at most so many rows, drawn at random."""

CHOICES: Mapping[str, tuple[float, ...]] = {
    "auto": LOGISTIC_SHARES,
    BLEND: (0.5, 0.25, 0.75),
    TreeModel.kind: (0.0,),
    LogisticModel.kind: (1.0,),
}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CrossFitConfig:
    """How a cross-fitted model is trained; the same config and rows give the same model."""

    model: str = "auto"  # one of CHOICES
    seed: int = 7
    threads: int = 0  # 0: one less than the machine has, at least one
    folds: int = FOLDS
    strengths: tuple[float, ...] = STRENGTHS
    trees: tuple[TreeConfig, ...] = TREES
    counts: tuple[int, ...] = COUNTS
    share_columns: frozenset[str] = frozenset()  # 0/1 columns whose comparison is a share
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON, goes into the model as it is


@dataclass(frozen=True, slots=True)
class CrossFit:
    """What training made, and what it says of the rows that taught it."""

    model: CrossFitted
    fold: NDArray[np.int64]  # (N,)
    risk: Floats  # (N,) out of fold: by the member that has not seen the row
    singles: Mapping[str, Floats]  # kind -> (N,) the same of each part alone, calibrated alike
    seconds: float


@dataclass(frozen=True, slots=True)
class _Settings:
    """What the inner scores chose for one fold."""

    strength: float
    trees: TreeConfig
    logistic: Floats  # (S,) inner log-odds of the selected rows outside the fold
    boosted: Floats  # (S,)
    label: NDArray[np.float32]  # (S,)


def cross_fit(
    rows: LabelledFrame,
    config: CrossFitConfig,
    *,
    progress: Progress = unheard,
    should_stop: ShouldStop = never,
    clock: Callable[[], float] = time.monotonic,
) -> CrossFit:
    """Fit one member a fold.

    Raises `UsageError` for a model that needs events, `DataError` for too few users of a class,
    `Cancelled` when `should_stop` says so.
    """
    if config.model not in CHOICES:
        raise UsageError(
            "no_sequences",
            f"The model {config.model!r} cannot learn from a table without a time axis",
            why="It reads the order of events, and the table has none",
            next_step=f"Choose one of {', '.join(CHOICES)}",
        )
    started = clock()
    fold = fold_of(rows.frame.user_ids, config.folds)
    _check(rows.label, fold, config.folds)
    most = MOST_FOR_FEW if len(rows) < FEW_ROWS else max(config.counts)
    chosen = replace(
        config,
        threads=config.threads or max(1, (os.cpu_count() or 2) - 1),
        counts=tuple(dict.fromkeys(min(count, most) for count in config.counts)),
    )
    with threadpool_limits(limits=chosen.threads):
        run = _Run(rows, fold, chosen, progress, should_stop)
        run.score_inside()
        members = [run.member(number) for number in range(config.folds)]
    return CrossFit(
        CrossFitted(tuple(members), dict(config.metadata)),
        fold,
        run.risks["chosen"],
        {kind: run.risks[kind] for kind in (LogisticModel.kind, TreeModel.kind)},
        clock() - started,
    )


def _check(label: NDArray[np.float32], fold: NDArray[np.int64], folds: int) -> None:
    for name, value in (("left", 1), ("stayed", 0)):
        fewest = int(np.bincount(fold[label == value], minlength=folds).min())
        if fewest < LEAST_OF_A_CLASS:
            raise DataError(
                "too_few_labels",
                f"{int((label == value).sum()):,} of {len(label):,} labelled users {name}",
                why=f"Each of the {folds} folds needs {LEAST_OF_A_CLASS} of them to learn from "
                f"and to measure with; one has {fewest}",
                next_step="Load more labelled users, and check what the mapping calls a label",
            )


class _Run:
    """One cross-fit; holds what its steps share."""

    def __init__(
        self,
        rows: LabelledFrame,
        fold: NDArray[np.int64],
        config: CrossFitConfig,
        progress: Progress,
        should_stop: ShouldStop,
    ) -> None:
        self.rows = rows
        self.fold = fold
        self.config = config
        self.progress = progress
        self.should_stop = should_stop
        rng = np.random.default_rng(config.seed)
        self.selected = np.sort(rng.permutation(len(rows))[:SELECTION_ROWS])
        shape = (len(self.selected), config.folds)
        # Candidate -> inner log-odds: row i, column k is by a model that saw neither fold.
        self.logistic = {strength: np.zeros(shape) for strength in config.strengths}
        self.trees = {
            (place, count): np.zeros(shape)
            for place in range(len(config.trees))
            for count in config.counts
        }
        self.risks = {
            kind: np.zeros(len(rows)) for kind in ("chosen", LogisticModel.kind, TreeModel.kind)
        }
        self.steps = config.folds * (config.folds - 1) // 2 + config.folds
        self.done = 0

    def score_inside(self) -> None:
        """Fill the inner scores of every candidate, a pair of folds at a time."""
        fold = self.fold[self.selected]
        for pair in combinations(range(self.config.folds), 2):
            outside = np.isin(fold, pair)
            teach = self.rows.take(self.selected[~outside])
            judged = np.flatnonzero(outside)
            frame = self.rows.frame.take(self.selected[judged])
            other = np.where(fold[judged] == pair[0], pair[1], pair[0])
            self._step(CrossFitted.kind)
            for strength, scores in self.logistic.items():
                model = LogisticModel.fit(teach, strength=strength)
                scores[judged, other] = model.log_odds(frame)
            for place, trees in enumerate(self.config.trees):
                grown = replace(trees, max_trees=max(self.config.counts))
                boosted = self._boosted(teach, grown)
                staged = staged_log_odds(boosted.ensemble, frame.values, self.config.counts)
                for at_count, count in enumerate(self.config.counts):
                    self.trees[place, count][judged, other] = staged[:, at_count]

    def member(self, number: int) -> RiskModel:
        """The model of fold `number`: chosen, fitted and calibrated on the other folds."""
        self._step("calibrate")
        settings = self._settings(number)
        teach = self.rows.take(self.fold != number)
        judged = np.flatnonzero(self.fold == number)
        frame = self.rows.frame.take(judged)
        fitted: dict[str, SingleModel] = {
            LogisticModel.kind: LogisticModel.fit(teach, strength=settings.strength),
            TreeModel.kind: self._boosted(teach, settings.trees),
        }
        scores = [model.log_odds(frame) for model in fitted.values()]
        for share, kind in ((1.0, LogisticModel.kind), (0.0, TreeModel.kind)):
            calibration, _ = _calibrated(settings, share)
            self.risks[kind][judged] = _risk(calibration, scores, share)
        share, calibration = self._share(settings)
        self.risks["chosen"][judged] = _risk(calibration, scores, share)
        kept = {kind: part for kind, part in zip(fitted, (share, 1 - share), strict=True) if part}
        return RiskModel(
            kind=BLEND if len(kept) > 1 else next(iter(kept)),
            components=tuple(fitted[kind] for kind in kept),
            calibration=calibration,
            panel=self._panel(teach),
            metadata={
                "fold": number,
                "rows": len(teach),
                "strength": settings.strength,
                "trees": settings.trees.max_trees,
                "leaves": settings.trees.max_leaves,
                "seed": self.config.seed,
            },
            shares=tuple(kept.values()),
        )

    def _settings(self, number: int) -> _Settings:
        inside = self.fold[self.selected] != number
        label = self.rows.label[self.selected[inside]]

        def loss(scores: Floats) -> float:
            own = scores[inside, number]
            return float(log_loss(fit_calibration(own, label).apply(own), label).mean())

        strength = min(self.logistic, key=lambda key: loss(self.logistic[key]))
        place, count = min(self.trees, key=lambda key: loss(self.trees[key]))
        return _Settings(
            strength,
            replace(self.config.trees[place], max_trees=count),
            self.logistic[strength][inside, number],
            self.trees[place, count][inside, number],
            label,
        )

    def _share(self, settings: _Settings) -> tuple[float, Calibration]:
        """The share of logistic regression with the lowest inner loss, and its calibration."""
        tried = {share: _calibrated(settings, share) for share in CHOICES[self.config.model]}
        best = min(tried, key=lambda share: tried[share][1])
        return best, tried[best][0]

    def _boosted(self, teach: LabelledFrame, trees: TreeConfig) -> TreeModel:
        stop_if_asked(self.should_stop)
        return TreeModel.fit(teach, None, trees, seed=self.config.seed, threads=self.config.threads)

    def _panel(self, teach: LabelledFrame) -> Panel:
        """Retained users to compare with; of a level, what compares is how many of them have it."""
        _, panel = draw_panel(teach, np.random.default_rng(self.config.seed))
        columns = [
            place
            for place, name in enumerate(teach.frame.columns)
            if name in self.config.share_columns
        ]
        medians = panel.medians.copy()
        retained = teach.frame.values[teach.label < 0.5][:, columns]
        # A level of which nothing is known stays without a comparison.
        known = ~np.isnan(retained)
        count = known.sum(axis=0)
        share = np.where(known, retained, 0).sum(axis=0) / np.maximum(count, 1)
        medians[:, columns] = np.where(count > 0, share, np.nan)
        return replace(panel, medians=medians)

    def _step(self, stage: str) -> None:
        stop_if_asked(self.should_stop)
        self.progress(stage, 0.98 * self.done / self.steps, {})
        self.done += 1


def _calibrated(settings: _Settings, share: float) -> tuple[Calibration, float]:
    """The calibration of a mix and its loss, on the inner scores."""
    mixed = share * settings.logistic + (1 - share) * settings.boosted
    calibration = fit_calibration(mixed, settings.label)
    return calibration, float(log_loss(calibration.apply(mixed), settings.label).mean())


def _risk(calibration: Calibration, scores: list[Floats], share: float) -> Floats:
    return sigmoid(calibration.apply(share * scores[0] + (1 - share) * scores[1]))


def staged_log_odds(
    ensemble: TreeEnsemble, values: NDArray[np.float32], counts: tuple[int, ...]
) -> Floats:
    """(N, len(counts)) the log-odds by the first `counts` trees; all of them where it has fewer."""
    result = np.empty((len(values), len(counts)))
    at = np.minimum(np.array(counts), ensemble.trees) - 1
    for start in range(0, len(values), 1_000):
        part = slice(start, start + 1_000)
        added = ensemble.value.take(ensemble.leaves(values[part]))
        result[part] = ensemble.base + added.cumsum(axis=1)[:, at]
    return result

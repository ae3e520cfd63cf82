"""Fit a model where there is no time to split by: folds of users, each scored by the others' model.

For every fold k the whole procedure runs on the other folds alone: settings, the mix of logistic
regression and trees, and calibration are chosen on inner out-of-fold scores, and then both parts
are fitted on all of these rows. An inner score of a row in fold j comes from a model that saw
neither j nor k; that model serves the pair (j, k) both ways, so K (K - 1) / 2 inner fits suffice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.errors import DataError, UsageError
from engine.features.frame import LabelledFrame
from engine.models.base import SingleModel
from engine.models.blend import BLEND, RiskModel
from engine.models.calibration import Calibration, sigmoid
from engine.models.cross_fit import CrossFitted, fold_of
from engine.models.forest import ForestModel
from engine.models.logistic import LogisticModel
from engine.models.panel import Panel, draw_panel
from engine.models.trees import TreeConfig
from engine.training.families import (
    COUNTS,
    STRENGTHS,
    TREES,
    Family,
    ForestFamily,
    LogisticFamily,
    TreeFamily,
    counts_for,
)
from engine.training.progress import Progress, ShouldStop, never, stop_if_asked, unheard
from engine.training.selection import CHOICES, Mix, Selected, mixed, select

FOLDS = 5

LEAST_OF_A_CLASS = 5
"""In every fold: with fewer neither a fit nor a measurement means anything."""

SELECTION_ROWS = 50_000
"""Settings, mix and calibration are chosen on at most so many rows, drawn at random."""

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
            why="Its sequences, or the later rows that end its training, are not there",
            next_step=f"Choose one of {', '.join(CHOICES)}",
        )
    started = clock()
    fold = fold_of(rows.frame.user_ids, config.folds)
    _check(rows.label, fold, config.folds)
    threads = config.threads or max(1, (os.cpu_count() or 2) - 1)
    families: list[Family] = [
        LogisticFamily(config.strengths),
        TreeFamily(config.seed, threads, config.trees, counts_for(len(rows), config.counts)),
    ]
    if config.model == ForestModel.kind:
        families.append(ForestFamily(config.seed, threads))
    with threadpool_limits(limits=threads):
        run = _Run(rows, fold, config, families, progress, should_stop)
        run.score_inside()
        members = [run.member(number) for number in range(config.folds)]
    return CrossFit(
        CrossFitted(tuple(members), dict(config.metadata)),
        fold,
        run.risks["chosen"],
        {family.kind: run.risks[family.kind] for family in families},
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
        families: Sequence[Family],
        progress: Progress,
        should_stop: ShouldStop,
    ) -> None:
        self.rows = rows
        self.fold = fold
        self.config = config
        self.families = families
        self.progress = progress
        self.should_stop = should_stop
        rng = np.random.default_rng(config.seed)
        self.selected = np.sort(rng.permutation(len(rows))[:SELECTION_ROWS])
        shape = (len(self.selected), config.folds)
        # Kind, setting -> inner log-odds: row i, column k is by a model that saw neither fold.
        self.scores = {
            family.kind: {setting: np.zeros(shape) for setting in family.settings}
            for family in families
        }
        kinds = [family.kind for family in families]
        self.risks = {name: np.zeros(len(rows)) for name in ("chosen", *kinds)}
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
            for family in self.families:
                stop_if_asked(self.should_stop)
                for setting, scores in family.scores(teach, frame).items():
                    self.scores[family.kind][setting][judged, other] = scores

    def member(self, number: int) -> RiskModel:
        """The model of fold `number`: chosen, fitted and calibrated on the other folds."""
        self._step("calibrate")
        selected = self._select(number)
        teach = self.rows.take(self.fold != number)
        judged = np.flatnonzero(self.fold == number)
        frame = self.rows.frame.take(judged)
        fitted: dict[str, SingleModel] = {}
        for family in self.families:
            stop_if_asked(self.should_stop)
            fitted[family.kind] = family.fit(teach, selected.settings[family.kind])
        scores = {kind: model.log_odds(frame) for kind, model in fitted.items()}
        for kind in fitted:
            alone = {kind: 1.0}
            self.risks[kind][judged] = _risk(selected.calibrated(alone)[0], alone, scores)
        mix, calibration = selected.best(CHOICES[self.config.model])
        self.risks["chosen"][judged] = _risk(calibration, mix, scores)
        described = [family.described(selected.settings[family.kind]) for family in self.families]
        return RiskModel(
            kind=BLEND if len(mix) > 1 else next(iter(mix)),
            components=tuple(fitted[kind] for kind in mix),
            calibration=calibration,
            panel=self._panel(teach, fitted[LogisticModel.kind]),
            metadata={
                "fold": number,
                "rows": len(teach),
                "seed": self.config.seed,
                **{name: value for setting in described for name, value in setting.items()},
            },
            shares=tuple(mix.values()),
        )

    def _select(self, number: int) -> Selected:
        """What the inner scores choose for fold `number`."""
        inside = self.fold[self.selected] != number
        rows = self.selected[inside]
        scores = {
            kind: {setting: values[inside, number] for setting, values in tried.items()}
            for kind, tried in self.scores.items()
        }
        return select(scores, self.rows.label[rows], self.rows.weight[rows])

    def _panel(self, teach: LabelledFrame, linear: SingleModel) -> Panel:
        """Retained users to compare with; of a level, what compares is how many of them have it."""
        rng = np.random.default_rng(self.config.seed)
        _, panel = draw_panel(teach, rng, cast(LogisticModel, linear))
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


def _risk(calibration: Calibration, mix: Mix, scores: Mapping[str, Floats]) -> Floats:
    return sigmoid(calibration.apply(mixed(mix, scores)))

"""Train a challenger: the single models, their blend, calibration, and the choice among them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.errors import UsageError
from engine.features.frame import LabelledFrame
from engine.models.base import SingleModel
from engine.models.blend import BLEND, RiskModel
from engine.models.calibration import Calibration, log_loss
from engine.models.forest import ForestModel
from engine.models.logistic import LogisticModel
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.config import NETS, SHIPPED_NET, NetConfig
from engine.models.panel import Panel, draw_panel
from engine.models.purchases import PURCHASE_MODELS, BgNbdModel, teachable
from engine.models.sequence_trees import SequenceTrees
from engine.models.text import TextModel
from engine.models.trees import TreeConfig, TreeModel
from engine.training.calibrate import choose_calibration, fit_calibration
from engine.training.choice import choose, mix_share, net_share
from engine.training.first_fits import FirstFits
from engine.training.fit import FitConfig, use_threads
from engine.training.progress import Progress, ShouldStop, never, unheard
from engine.training.rows import TrainingData, check_rows
from engine.training.single_fits import FitSettings, SingleFit, SingleFits
from engine.training.text import fit_text
from engine.training.trial import PartnerTrial, partner_trial

if TYPE_CHECKING:
    from engine.models.nets.sequence_vector import SequenceVector

__all__ = [
    "MODEL_CHOICES",
    "Challenger",
    "TrainingConfig",
    "TrainingData",
    "train_challenger",
]

MODEL_CHOICES = (
    "auto",
    "blend",
    *NETS,
    "hist_gradient_boosting",
    "logistic",
    "random_forest",
    SequenceTrees.kind,
    *PURCHASE_MODELS,
)

PARTNER = BgNbdModel.kind
"""Joins the blend where the churn rule asks for no payment."""

PARTNER_SHARES = (0.25, 0.0, 0.5)
"""Of that partner in the blend; the first is taken unless another is better."""

FIRST_FIT_SHARE = 0.6
"""Of the budget: the net's first fit ends there, so that the refit has time."""


SHIPPED_TREES = TreeConfig(seeds=2)
"""Two draws of columns vary less than one; a third would make risks and reasons dearer still."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How a challenger is trained; the same config, data and threads give the same model."""

    model: str = "auto"  # one of MODEL_CHOICES
    seed: int = 7
    threads: int = 0  # 0: one less than the machine has, at least one
    max_epochs: int = 12
    budget_s: float = 600.0  # the net stops after the epoch in which its share is spent
    refit: bool = True  # fit again on train + validate: the newest rows are worth the most
    net: NetConfig = SHIPPED_NET
    fit: FitConfig = field(default_factory=FitConfig)
    trees: TreeConfig = SHIPPED_TREES
    window_days: float | None = None  # of a churn rule that asks for no payment: lead and horizon
    vector: SequenceVector | None = None  # of a pretrained encoder; None: no trees read one
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON, goes into the model as it is

    @property
    def fit_settings(self) -> FitSettings:
        """What the fits of single models have in common."""
        fit = replace(self.fit, max_epochs=self.max_epochs)
        return FitSettings(
            self.seed,
            self.threads,
            self.refit,
            self.net,
            fit,
            self.trees,
            self.window_days,
            self.vector,
        )


@dataclass(frozen=True, slots=True)
class Challenger:
    """What training made."""

    model: RiskModel  # the one to register
    singles: Mapping[str, RiskModel]  # kind -> the single model, calibrated in the same way
    blend: RiskModel | None  # None when no net was trained
    losses: Mapping[str, float]  # kind -> log loss on the calibration rows, calibrated
    learning: tuple[Mapping[str, float], ...]  # of the net: epoch, train_loss, valid_loss
    seconds: float
    text: PartnerTrial | None = None  # None: no score of messages was tried
    vector: PartnerTrial | None = None  # None: no pretrained encoder was there
    first_fits: FirstFits | None = None  # None: not kept


def train_challenger(
    data: TrainingData,
    config: TrainingConfig,
    *,
    progress: Progress = unheard,
    should_stop: ShouldStop = never,
    clock: Callable[[], float] = time.monotonic,
) -> Challenger:
    """Fit, calibrate and choose.

    Logistic regression and gradient boosting are always trained (they are the baseline of the
    gate), a forest only when `config.model` names it, and a net unless it names one of these
    three: the one that it names, else `churn_net`. `auto` takes the blend, or a single model when
    its log loss on the calibration rows is lower by more than one standard error of the paired
    difference. The test rows are not read.

    Raises `DataError` when the rows cannot train a model, `UsageError` for an unknown model,
    `Cancelled` when `should_stop` says so.
    """
    if config.model not in MODEL_CHOICES:
        raise UsageError(
            "unknown_model",
            f"{config.model!r} is not a model",
            why=f"The models are {', '.join(MODEL_CHOICES)}",
        )
    check_rows(data)
    started = clock()
    threads = use_threads(config.threads)
    with threadpool_limits(limits=threads):
        # threadpoolctl also resets torch's own pool when that is OpenMP: set it once more.
        use_threads(threads)
        run = TrainingRun(
            data, replace(config, threads=threads), progress, should_stop, clock, started
        )
        return run.challenger()


class TrainingRun:
    """One training run; holds what its steps share."""

    def __init__(
        self,
        data: TrainingData,
        config: TrainingConfig,
        progress: Progress,
        should_stop: ShouldStop,
        clock: Callable[[], float],
        started: float,
    ) -> None:
        self.data = data
        self.config = config
        self.progress = progress
        self.should_stop = should_stop
        self.clock = clock
        self.started = started
        self.fits = SingleFits(
            data, config.fit_settings, progress=progress, should_stop=should_stop
        )
        self.recent = self.fits.recent
        self.scored: dict[int, NDArray[np.float64]] = {}  # id of a component -> its log-odds
        self.panel_pooled: dict[int, NDArray[np.float32]] = {}
        self.pairs: list[tuple[SingleModel, SingleModel]] = []  # as it ships, by its first fit

    def challenger(self) -> Challenger:
        """All steps in order."""
        names = self.names()
        shares = _shares(names)
        fitted: dict[str, SingleFit] = {}
        for name in names:
            self.progress(name, shares[name][0], {})
            fitted[name] = fit = self.fits.fit(name, *shares[name], out_of_time=self._out_of_time)
            self.pairs += zip(fit.components, fit.first, strict=True)
        self.progress("calibrate", shares[names[-1]][1], {})
        vector = self._vector(fitted)
        net = next((name for name in fitted if name in NETS), None)
        candidates = self.candidates(fitted, net)
        losses = {name: self._losses(model) for name, model in candidates.items()}
        self.progress("calibrate", 1.0, {})
        chosen = (
            choose(losses, self.data.calibrate.weight)
            if self.config.model == "auto"
            else self.config.model
        )
        # The choice is made with two parameters each: more of them would flatter on these rows.
        served = {name: self.recalibrated(model) for name, model in candidates.items()}
        text, tried = self._text(fitted)
        shipped = (
            served[chosen] if text is None else self.recalibrated(candidates[chosen].beside(text))
        )
        return Challenger(
            shipped,
            {name: served[name] for name in fitted},
            served.get(BLEND),
            {name: self._mean(values) for name, values in losses.items()},
            fitted[net].learning if net else (),
            self.clock() - self.started,
            tried,
            vector,
            FirstFits(self.pairs, self.data.train, self.config.seed),
        )

    def _vector(self, fitted: dict[str, SingleFit]) -> PartnerTrial | None:
        """Whether the trees that read the vector are better; if not, they leave the contest.

        Asked of the validation rows and, since a plan has few of these, of the calibration rows:
        the first fits have not seen the former, no fit has seen the latter.
        """
        if SequenceTrees.kind not in fitted:
            return None
        plain, wide = fitted[TreeModel.kind], fitted[SequenceTrees.kind]
        calibrate = self.data.calibrate
        parts = [(calibrate, plain.log_odds(self._scores), wide.log_odds(self._scores))]
        if len(self.data.validate):
            parts.append((self.data.validate, plain.valid_log_odds, wide.valid_log_odds))
        tried = partner_trial(parts)
        if not tried.wins and self.config.model != SequenceTrees.kind:
            del fitted[SequenceTrees.kind]
        return tried

    def _text(
        self, fitted: Mapping[str, SingleFit]
    ) -> tuple[TextModel | None, PartnerTrial | None]:
        """The score of messages if it helps, and whether it did.

        It is learnt beside logistic regression, which cannot learn the training rows by heart, and
        tried beside the trees, on the rows that `_vector` asks. A model asked for by name stays
        alone.
        """
        if self.config.model not in ("auto", BLEND):
            return None, None
        logistic = _linear(fitted)
        first = fit_text(self.data.train, logistic.log_odds(self.data.train.frame))
        if first is None:
            return None, None
        trees = _grown(fitted)
        parts = [(self.data.calibrate, trees.log_odds(self._scores))]
        if len(self.data.validate):
            parts.append((self.data.validate, trees.valid_log_odds))
        tried = partner_trial(
            [(rows, alone, alone + first.log_odds(rows.frame)) for rows, alone in parts]
        )
        if not tried.wins:
            return None, tried
        kept: TextModel | None = first
        if self.config.refit:
            kept = fit_text(self.recent, logistic.log_odds(self.recent.frame))
        if kept is not None:
            self.pairs.append((kept, first))
        return kept, tried

    def candidates(self, fitted: Mapping[str, SingleFit], net: str | None) -> dict[str, RiskModel]:
        """The models fitted, calibrated with two parameters; with a net their blend too."""
        rng = np.random.default_rng(self.config.seed)
        self.panel_rows, panel = draw_panel(self.recent, rng, _linear(fitted))
        models = {
            name: self._calibrated(name, fit.components, panel) for name, fit in fitted.items()
        }
        return models if net is None else models | {BLEND: self._blend(fitted, net, panel)}

    def names(self) -> list[str]:
        """The single models of this run, in the order in which they are fitted."""
        plain = [LogisticModel.kind, TreeModel.kind]
        if self.config.model in plain:
            return plain
        if self.config.model in (SequenceTrees.kind, ForestModel.kind, *PURCHASE_MODELS):
            return [*plain, self.config.model]
        if self.config.vector is not None and self.config.model in ("auto", BLEND):
            plain.append(SequenceTrees.kind)
        if self.config.window_days is not None and teachable(self.recent.frame):
            plain.append(PARTNER)
        return [*plain, self.config.model if self.config.model in NETS else ChurnNet.kind]

    def _out_of_time(self) -> bool:
        return self.clock() - self.started >= FIRST_FIT_SHARE * self.config.budget_s

    def _blend(self, fitted: Mapping[str, SingleFit], net: str, panel: Panel) -> RiskModel:
        nets, trees = fitted[net], _grown(fitted)
        rows = self.data.calibrate
        share = net_share(
            nets.log_odds(self._scores), trees.log_odds(self._scores), rows.label, rows.weight
        )
        own = [share / len(nets.components)] * len(nets.components)
        components = (*nets.components, *trees.components)
        shares = (*own, 1 - share)
        if (partner := fitted.get(PARTNER)) is not None:
            mixed = share * nets.log_odds(self._scores) + (1 - share) * trees.log_odds(self._scores)
            alone = partner.log_odds(self._scores)
            part = mix_share(alone, mixed, rows.label, rows.weight, PARTNER_SHARES)
            if part:
                components = (*partner.components, *components)
                shares = (part, *((1 - part) * one for one in shares))
        return self._calibrated(BLEND, components, panel, shares)

    def _calibrated(
        self,
        kind: str,
        components: tuple[SingleModel, ...],
        panel: Panel,
        shares: tuple[float, ...] = (),
    ) -> RiskModel:
        calibrate = self.data.calibrate
        pooled = [
            self._pooled(part) for part in components if isinstance(part, ChurnNet | SequenceTrees)
        ]
        if pooled:
            panel = replace(panel, pooled=np.concatenate(pooled, axis=1))
        raw = RiskModel(kind, components, Calibration(), panel, self._metadata(), shares)
        scores = raw.mixed([self._scores(part) for part in components])
        return raw.with_calibration(fit_calibration(scores, calibrate.label, calibrate.weight))

    def recalibrated(self, model: RiskModel) -> RiskModel:
        """The model with the kind of calibration that is best on held-out users."""
        rows = self.data.calibrate
        scores = model.mixed([self._scores(part) for part in model.components])
        users = rows.frame.user_ids
        return model.with_calibration(
            choose_calibration(scores, rows.label, users, rows.weight, seed=self.config.seed)
        )

    def _losses(self, model: RiskModel) -> NDArray[np.float64]:
        raw = model.mixed([self._scores(part) for part in model.components])
        return log_loss(model.calibration.apply(raw), self.data.calibrate.label)

    def _scores(self, model: SingleModel) -> NDArray[np.float64]:
        """The model's log-odds on the calibration rows; many mixtures read them, one computes."""
        if id(model) not in self.scored:
            self.scored[id(model)] = model.log_odds(self.data.calibrate.frame)
        return self.scored[id(model)]

    def _pooled(self, net: ChurnNet | SequenceTrees) -> NDArray[np.float32]:
        """The vectors of the panel's users, as the net or the trees read them."""
        if id(net) not in self.panel_pooled:
            self.panel_pooled[id(net)] = net.encode(self.panel_rows.frame)[1]
        return self.panel_pooled[id(net)]

    def _mean(self, losses: NDArray[np.float64]) -> float:
        return float(np.average(losses, weights=self.data.calibrate.weight))

    def _metadata(self) -> dict[str, Any]:
        columns = self.data.train.frame.columns
        return {
            "seed": self.config.seed,
            "rows": len(self.recent if self.config.refit else self.data.train),
            "calibration_rows": len(self.data.calibrate),
            "calibration_base_rate": float(
                np.average(self.data.calibrate.label, weights=self.data.calibrate.weight)
            ),
            "cutoffs": {
                "train": _cutoffs(self.data.train),
                "validate": _cutoffs(self.data.validate),
                "calibrate": _cutoffs(self.data.calibrate),
            },
            "feature_version": hashlib.sha256("\n".join(columns).encode()).hexdigest()[:12],
            **self.config.metadata,
        }


def _grown(fitted: Mapping[str, SingleFit]) -> SingleFit:
    """The trees that read the vector where these are in the contest, else the plain ones."""
    return fitted[SequenceTrees.kind if SequenceTrees.kind in fitted else TreeModel.kind]


def _linear(fitted: Mapping[str, SingleFit]) -> LogisticModel:
    """The logistic regression that every run fits."""
    return cast(LogisticModel, fitted[LogisticModel.kind].components[0])


def _shares(names: list[str]) -> dict[str, tuple[float, float]]:
    """Start and end of every fit as a share of the whole run: the net takes most of the time."""
    weight = {
        LogisticModel.kind: 0.1,
        TreeModel.kind: 0.2,
        SequenceTrees.kind: 0.3,
        ForestModel.kind: 0.3,
    }
    ends = np.cumsum([weight.get(name, 1.7) for name in names])
    ends = 0.97 * ends / ends[-1]
    return {
        name: (float(stop - width), float(stop))
        for name, stop, width in zip(names, ends, np.diff(ends, prepend=0.0), strict=True)
    }


def _cutoffs(rows: LabelledFrame) -> list[str]:
    return [str(cutoff) for cutoff in np.unique(rows.frame.cutoffs.astype("datetime64[s]"))]

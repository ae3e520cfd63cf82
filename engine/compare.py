"""Kinds of model side by side on this workspace's data: what each is worth here, what it costs.

Nothing is registered. Every model is fitted as a training run fits it and measured on the same
rows: the validation rows by its first fit, which had not learned from them, the test rows after
refit and calibration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.data.summary import churn_rule
from engine.errors import UsageError
from engine.evaluation.alarms import stop_at_a_leak
from engine.evaluation.paired import paired_difference, statistic
from engine.features.frame import EventTimes, LabelledFrame
from engine.models.blend import RiskModel
from engine.models.nets.config import NETS, SEQUENCE_MODELS, TIMED_MODELS
from engine.phases import Rows, collect_rows
from engine.places import Places
from engine.registry import Registry
from engine.retrain import payment_window_days
from engine.served import Served, metrics_of, served
from engine.settings import Settings
from engine.store.lease import lease
from engine.timeless import without_time
from engine.types import Interval, Metrics

if TYPE_CHECKING:
    from engine.training.contest import Contestant

BASELINE = "hist_gradient_boosting"

BUYING = frozenset({"bg_nbd", "pareto_nbd"})
"""Models that speak of one churn rule only: no payment in the window."""

COMPARABLE = (BASELINE, "logistic", "random_forest", *NETS, "blend", *sorted(BUYING))
"""Names that `--models` takes."""

SAME = "gru"
"""The net `churn_net` under the name of its pool: left out unless it is asked for."""

COLLECTING = 0.15
"""Of the progress: reading features and labels."""

Progress = Callable[[str, float, Mapping[str, object]], None]


@dataclass(frozen=True, slots=True)
class HorizonRisk:
    """What a hazard says of one horizon and what came: means over the test rows."""

    days: int
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class ComparedModel:
    """One model of a comparison."""

    name: str
    valid_log_loss: float  # of the first fit, not calibrated
    valid_roc_auc: float
    test: Metrics
    log_loss_difference: Interval | None  # minus that of `Comparison.against`; None: it is that
    roc_auc_difference: Interval | None
    epochs: int  # of a net's first fit; 0 for others
    cpu_s: float  # of all fits of this model
    horizons: tuple[HorizonRisk, ...]  # of a hazard


@dataclass(frozen=True, slots=True)
class Comparison:
    """The models in the order asked for, all measured on the same rows."""

    against: str  # the champion's id, or the baseline where there is none to compare with
    train_rows: int
    test_rows: int
    cutoffs: tuple[datetime, ...]  # of the test
    models: tuple[ComparedModel, ...]


def compare_models(
    places: Places,
    settings: Settings,
    *,
    names: Sequence[str] | None = None,
    budget_s: float | None = None,
    as_of: datetime | None = None,
    progress: Progress,
    should_stop: Callable[[], bool],
) -> Comparison:
    """Fit the models `names` (None: all that the churn rule allows) and measure them.

    `budget_s` is shared out among the nets. Raises `UsageError` for an unknown name and for tables
    without a time axis, `DataError` for rows that cannot train a model, `Cancelled` when
    `should_stop` says so.
    """
    from engine.training.challenger import TrainingConfig, TrainingData
    from engine.training.contest import contest

    _check(names)
    if without_time(places):
        raise UsageError(
            "no_time_axis",
            "A table without a time axis has no later rows to compare models on",
            why="Its users have no dates",
            next_step="Run `retention train`: its card measures the models out of fold",
        )
    wanted = tuple(dict.fromkeys(names)) if names is not None else _all(places)
    registry = Registry(places.models, places.ledger)
    champion_id = registry.champion_id()
    champion = None if champion_id is None else registry.load(champion_id)
    rows = collect_rows(
        places,
        settings,
        as_of=as_of,
        progress=lambda stage, done: progress(stage, COLLECTING * done, {}),
        sequences=not SEQUENCE_MODELS.isdisjoint(wanted)
        or (champion is not None and champion.reads_sequences),
        times=not TIMED_MODELS.isdisjoint(wanted),
    )
    stop_at_a_leak(rows.train, accepted=settings.training.accept_features)
    fitted = contest(
        TrainingData(rows.train, rows.validate, rows.calibrate, rows.test.rows, rows.censored),
        wanted,
        TrainingConfig(
            seed=settings.training.seed,
            max_epochs=settings.training.max_epochs,
            threads=settings.training.threads,
            budget_s=budget_s or settings.training.budget_s,
            window_days=payment_window_days(rows.rule),
        ),
        progress=lambda stage, done, detail: progress(
            stage, COLLECTING + (0.97 - COLLECTING) * done, detail
        ),
        should_stop=should_stop,
    )
    progress("evaluate", 0.97, {})
    champion_said = None if champion is None else served(champion, rows.test)
    said = {name: _said(one, rows) for name, one in fitted.items()}
    against = BASELINE if champion_said is None or champion_id is None else champion_id
    opponent = (champion_said or said[BASELINE]).risk
    measure = partial(_measured, rows=rows, settings=settings, opponent=opponent)
    return Comparison(
        against,
        len(rows.train),
        len(rows.test.rows),
        rows.plan.test,
        tuple(
            measure(name, fitted[name], said[name].risk, itself=name == against) for name in wanted
        ),
    )


def _check(names: Sequence[str] | None) -> None:
    unknown = [name for name in names or () if name not in COMPARABLE]
    if unknown or (names is not None and not names):
        raise UsageError(
            "unknown_model",
            f"{unknown[0]!r} is not a model that can be compared" if unknown else "No model named",
            why=f"The models are {', '.join(COMPARABLE)}",
        )


def _all(places: Places) -> tuple[str, ...]:
    with lease(places.behaviour) as connection:
        rule = churn_rule(connection)
    unfit = {SAME}
    if rule.kind == "label":
        unfit |= TIMED_MODELS
    if payment_window_days(rule) is None:
        unfit |= BUYING
    return tuple(name for name in COMPARABLE if name not in unfit)


def _said(one: Contestant, rows: Rows) -> Served:
    said = served(one.model, rows.test)
    if said is None:
        raise AssertionError("a model trained on these rows does not know their columns")
    return said


def _measured(
    name: str,
    one: Contestant,
    risk: NDArray[np.float64],
    *,
    rows: Rows,
    settings: Settings,
    opponent: NDArray[np.float64],
    itself: bool,
) -> ComparedModel:
    from engine.models.calibration import sigmoid

    test, validate = rows.test.rows, rows.validate
    weight = validate.weight.astype(np.float64)
    early = sigmoid(one.valid_log_odds)
    difference = partial(
        paired_difference,
        test.label,
        risk,
        opponent,
        test.frame.user_ids,
        seed=settings.training.seed,
        weight=test.weight,
    )
    return ComparedModel(
        name=name,
        valid_log_loss=statistic(validate.label, early, "log_loss")(weight),
        valid_roc_auc=statistic(validate.label, early, "roc_auc")(weight),
        test=metrics_of(name, rows.test, risk),
        log_loss_difference=None if itself else difference(metric="log_loss"),
        roc_auc_difference=None if itself else difference(metric="roc_auc"),
        epochs=one.epochs,
        cpu_s=one.cpu_s,
        horizons=_horizons(one.model, test),
    )


def _horizons(model: RiskModel, rows: LabelledFrame) -> tuple[HorizonRisk, ...]:
    """One calibration for all horizons keeps their order, and the last of them as it is served
    where no newer base rate moves it."""
    from engine.models.calibration import sigmoid
    from engine.models.nets.churn_net import ChurnNet

    nets = [part for part in model.components if isinstance(part, ChurnNet)]
    by_days = [net.horizon_log_odds(rows.frame) for net in nets]
    if rows.times is None or len(model.components) > len(nets):
        return ()
    found = []
    for days in by_days[0]:
        log_odds = model.mixed([own[days] for own in by_days])
        risk = sigmoid(model.calibration.apply(log_odds))
        churned = happened(rows.times, rows.label, days)
        found.append(HorizonRisk(days, float(risk.mean()), float(churned.mean())))
    return tuple(found)


def happened(times: EventTimes, label: NDArray[np.float32], days: int) -> NDArray[np.bool_]:
    """(N,) who had churned, were the horizon so many days."""
    if days >= times.horizon_days:
        return label > 0.5
    return times.day < days if times.event == "leave" else times.day >= days

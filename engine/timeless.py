"""Tables without a time axis: training, measuring and scoring where a label has no date.

Rows are users, columns are their attributes. What is measured is out of fold: each user by the
member of the model that has not seen him (see `engine.training.cross_fit`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.data.summary import nothing_loaded, summary
from engine.evaluation.alarms import stop_at_a_leak
from engine.evaluation.coverage import interval_coverage
from engine.evaluation.gate import gate
from engine.evaluation.metrics import metrics
from engine.evaluation.paired import MetricName, metric_interval
from engine.evaluation.reasons import reasons_hold
from engine.explain.fidelity import faithfulness
from engine.explain.usual import USUAL, usual_contributions
from engine.features.attributes.frames import labelled_users
from engine.features.attributes.schema import Attribute, columns_of, learn_attributes, timeless
from engine.features.attributes.served import (
    ATTRIBUTES,
    attributes_of,
    no_other_time,
    other_data,
)
from engine.features.attributes.words import attribute_specs
from engine.features.compile import fingerprint
from engine.features.frame import LabelledFrame
from engine.horizons import HORIZONS, IntervalCoverage
from engine.outreach.log import contacts
from engine.places import Places
from engine.registry import Registry
from engine.settings import Settings
from engine.store.codec import to_json
from engine.store.lease import lease
from engine.types import GateVerdict, LabelCounts, Metrics, ModelCard, Words

if TYPE_CHECKING:
    from engine.models.cross_fit import CrossFitted
    from engine.models.intervals import RiskIntervals
    from engine.training.cross_fit import CrossFit

Progress = Callable[[str, float, Mapping[str, object]], None]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Table:
    """The labelled users of the loaded table."""

    rows: LabelledFrame
    attributes: tuple[Attribute, ...]
    as_of: datetime


def without_time(places: Places) -> bool:
    """Whether the loaded data are a table without a time axis."""
    with lease(places.behaviour) as connection:
        return summary(connection) is not None and timeless(connection)


def retrain_timeless(
    places: Places,
    settings: Settings,
    *,
    model: str,
    as_of: datetime | None,
    now: datetime,
    actor: str,
    progress: Progress,
    should_stop: Callable[[], bool],
) -> ModelCard:
    """Cross-fit a challenger, compare it with the champion out of fold, register it.

    Nothing is promoted here. Raises `UsageError` for an `as_of` and `Cancelled` when `should_stop`
    says so: nothing is kept then.
    """
    from engine.training.cross_fit import CrossFitConfig, cross_fit

    if as_of is not None:
        raise no_other_time()
    progress("features", 0.0, {})
    table = _read(places)
    rows, attributes = table.rows, table.attributes
    stop_at_a_leak(rows, accepted=settings.training.accept_features)
    config = CrossFitConfig(
        model=model,
        seed=settings.training.seed,
        threads=settings.training.threads,
        share_columns=frozenset(
            spec.name for spec in attribute_specs(attributes) if spec.unit == "level"
        ),
        metadata={
            "feature_version": fingerprint(*columns_of(attributes)),
            ATTRIBUTES: to_json(attributes),
        },
    )
    fit = cross_fit(
        rows,
        config,
        progress=lambda stage, done, detail: progress(stage, 0.05 + 0.85 * done, detail),
        should_stop=should_stop,
    )
    progress("evaluate", 0.9, {})
    registry = Registry(places.models, places.ledger)
    champion_id, champion = _champion(places, registry, table)
    risks = {"challenger": fit.risk, **fit.singles}
    if champion is not None:
        risks[f"champion {champion_id}"] = champion
    counts = _contacted(places, rows.frame.user_ids, table.as_of)
    specs, seed = attribute_specs(attributes), settings.training.seed
    usual = usual_contributions(fit.model, rows.frame, specs, seed=seed)
    faithful = faithfulness(
        fit.model,
        rows.frame,
        {spec.name: spec.group for spec in specs},
        risk=fit.risk,
        seed=seed,
        usual=usual,
    )
    verdict = gate(
        rows.label,
        rows.frame.user_ids,
        challenger=fit.risk,
        champion=champion,
        baseline=fit.singles["hist_gradient_boosting"],
        seed=settings.training.seed,
        labels=counts,
        incomparable=champion_id != "" and champion is None,
        reasons=reasons_hold(faithful, settings.reasons),
    )
    measured = {
        name: _measure(name, rows.label, risk, table.as_of, settings)
        for name, risk in risks.items()
    }
    kind = fit.model.kind
    intervals, coverage = _intervals(fit.model, rows, seed=settings.training.seed)
    measured_once = {HORIZONS: to_json(intervals), USUAL: usual}
    kept = replace(fit.model, metadata={**fit.model.metadata, **measured_once})
    card = ModelCard(
        model_id=f"{now:%Y%m%d-%H%M%S}-{kind.replace('_', '-')}",
        kind=kind,
        state="candidate",
        created_at=now,
        trained_until=table.as_of,
        rows=len(rows),
        columns=len(rows.frame.columns),
        test=replace(measured.pop("challenger"), model=kind),
        peers=tuple(measured.values()),
        verdict=_with_folds(verdict, rows, fit, settings),
        labels=counts,
        seconds=fit.seconds,
        seed=settings.training.seed,
        faithfulness=faithful,
        coverage=coverage,
    )
    progress("writing", 0.99, {})
    registry.save(kept, card, now=now, actor=actor)
    return card


def _intervals(
    model: CrossFitted, rows: LabelledFrame, *, seed: int
) -> tuple[RiskIntervals, IntervalCoverage]:
    """Intervals of out-of-fold risks, and how well those of one half of the users hold the other.

    Nothing drifts: there is no later time.
    """
    from engine.training.intervals import fit_intervals, half_of_users

    log_odds = model.predict(rows.frame).log_odds
    half = half_of_users(rows.frame.user_ids, seed)
    fitted = [
        fit_intervals(log_odds[own], rows.take(own), lead_days=0, drift=(0.0, 0.0))
        for own in (half, np.ones(len(rows), np.bool_))
    ]
    return fitted[1], interval_coverage(fitted[0], log_odds[~half], rows.take(~half))


def remeasure_timeless(
    places: Places, settings: Settings, champion: ModelCard
) -> tuple[Metrics, NDArray[np.float32], Floats]:
    """The champion out of fold on the labels of today; these labels and its risks, both (N,)."""
    model = Registry(places.models, places.ledger).load(champion.model_id)
    rows, as_of = rows_of(places, model.metadata)
    risk = model.predict(rows.frame).risk
    measured = _measure(champion.kind, rows.label, risk, as_of, settings)
    return measured, rows.label, risk


def rows_of(places: Places, metadata: Mapping[str, Any]) -> tuple[LabelledFrame, datetime]:
    """The labelled users of today in the columns of the model with these `metadata`; the time.

    Raises `ModelError` for a model of data with a time axis.
    """
    attributes = attributes_of(metadata)
    if not attributes:
        raise other_data()
    table = _read(places, attributes)
    return table.rows, table.as_of


def _read(places: Places, attributes: tuple[Attribute, ...] | None = None) -> _Table:
    with lease(places.behaviour) as connection:
        loaded = summary(connection)
        if loaded is None:
            raise nothing_loaded()
        schema = learn_attributes(connection) if attributes is None else attributes
        rows = labelled_users(connection, schema, loaded.as_of)
    return _Table(rows, schema, loaded.as_of)


def _champion(places: Places, registry: Registry, table: _Table) -> tuple[str, Floats | None]:
    """The model in service and its out-of-fold risks (N,) of the same users, by its own columns.

    None without one, or where it was trained on data of another kind.
    """
    model_id = registry.champion_id()
    if model_id is None:
        return "", None
    model = registry.load(model_id)
    attributes = attributes_of(model.metadata)
    if not attributes:
        return model_id, None
    with lease(places.behaviour) as connection:
        rows = labelled_users(connection, attributes, table.as_of)
    return model_id, model.predict(rows.frame).risk


def _contacted(places: Places, user_ids: NDArray[np.object_], as_of: datetime) -> LabelCounts:
    """Whom we had written to: without a date of leaving, before or after cannot be told apart."""
    log = contacts(places.ledger)
    sent = log.sent_at < np.datetime64(as_of)
    touched = int(np.isin(user_ids.astype(str), log.user_ids[sent].astype(str)).sum())
    return LabelCounts(untreated=len(user_ids) - touched, treated_before=touched)


def _measure(
    name: str, label: NDArray[np.float32], risk: Floats, as_of: datetime, settings: Settings
) -> Metrics:
    return metrics(name, label, risk, cutoffs=(as_of,), capacity=settings.risk.capacity)


_OF_THE_FOLDS: tuple[tuple[MetricName, Words, Callable[[list[float]], float]], ...] = (
    ("roc_auc", Words("ROC-AUC", "ROC-AUC"), min),
    ("average_precision", Words("平均精度", "average precision"), min),
    ("log_loss", Words("对数损失", "log loss"), max),
)
"""What is said of the folds, and which of them is the worst."""


def _with_folds(
    verdict: GateVerdict, rows: LabelledFrame, fit: CrossFit, settings: Settings
) -> GateVerdict:
    """The verdict with what the folds say: intervals over all users, mean and worst fold."""
    statements = []
    for metric, title, worst in _OF_THE_FOLDS:
        whole = metric_interval(
            rows.label,
            fit.risk,
            rows.frame.user_ids,
            metric=metric,
            seed=settings.training.seed,
        )
        folds = [
            getattr(metrics("", rows.label[own], fit.risk[own], cutoffs=(), capacity=1.0), metric)
            for own in (fit.fold == number for number in range(len(fit.model.members)))
        ]
        numbers = f"{whole.estimate:.4f} [{whole.low:.4f}, {whole.high:.4f}]"
        mean, least = f"{np.mean(folds):.4f}", f"{worst(folds):.4f}"
        statements.append(
            Words(
                f"{len(folds)} 折交叉验证，{title.zh} {numbers}；各折平均 {mean}，最差 {least}。",
                f"Out of fold in {len(folds)} folds, {title.en} {numbers}; "
                f"mean of the folds {mean}, worst {least}.",
            )
        )
    return replace(verdict, statements=(*verdict.statements, *statements))

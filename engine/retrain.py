"""Retraining: rows at the cutoffs, honest labels, a challenger, its comparison and registration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.data.summary import churn_rule, nothing_loaded, summary
from engine.effects.honest_labels import HonestLabels, honest_labels
from engine.evaluation.alarms import cutoff_shift, stop_at_a_leak
from engine.evaluation.gate import gate
from engine.evaluation.metrics import metrics
from engine.features.build import FEATURE_VERSION, build_labelled
from engine.features.catalogue import SPECS
from engine.features.frame import FeatureFrame, LabelledFrame, concatenate
from engine.features.labels import given_cutoffs
from engine.features.snapshots import workspace_snapshots
from engine.outreach.log import contacts
from engine.places import Places
from engine.registry import Registry
from engine.settings import Settings
from engine.store.lease import lease
from engine.store.memory import limit_memory
from engine.timeless import remeasure_timeless, retrain_timeless, without_time
from engine.timeline import ChurnRule, CutoffPlan, plan_cutoffs
from engine.types import LabelCounts, Metrics, ModelCard

if TYPE_CHECKING:
    from engine.models.cross_fit import ServedModel

Progress = Callable[[str, float, Mapping[str, object]], None]

WITHOUT_NET = ("hist_gradient_boosting", "logistic")
"""Choices of a model that train no net: nobody reads the sequences then."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The four phases of one retraining, labels made honest."""

    plan: CutoffPlan
    rule: ChurnRule
    train: LabelledFrame
    validate: LabelledFrame
    calibrate: LabelledFrame
    test: LabelledFrame
    labels: LabelCounts


@dataclass(frozen=True, slots=True)
class Remeasured:
    """Metrics with the labels and risks that they were taken from, for the curves of a report."""

    metrics: Metrics
    label: NDArray[np.float32]  # (N,)
    risk: NDArray[np.float64]  # (N,)


def collect_rows(
    places: Places,
    settings: Settings,
    *,
    as_of: datetime | None,
    progress: Callable[[str, float], None],
    sequences: bool = True,
) -> Rows:
    """Features and labels at every cutoff, in one read lease; the log decides which rows count.

    `sequences`: with the last events, for models that read them.
    Raises `DataError` when the history is too short for the churn rule.
    """
    with lease(places.behaviour) as connection:
        limit_memory(connection, settings.data.memory_limit_gb)
        loaded = summary(connection)
        if loaded is None:
            raise nothing_loaded()
        rule = churn_rule(connection)
        plan = plan_cutoffs(
            rule,
            first_at=loaded.first_at,
            as_of=as_of or loaded.as_of,
            cutoffs=settings.training.cutoffs,
            every_days=settings.training.cutoff_every_days,
            test_cutoffs=settings.training.test_cutoffs,
            given=given_cutoffs(connection) if rule.kind == "label" else (),
        )
        frames = build_labelled(
            connection,
            rule,
            plan.all,
            sequences=sequences,
            snapshots=workspace_snapshots(places, settings),
            progress=progress,
        )
    log = contacts(places.ledger)
    honest = {
        cutoff: honest_labels(rows.frame.user_ids, cutoff, log, rule.lead + rule.horizon)
        for cutoff, rows in frames.items()
    }

    def phase(cutoffs: Sequence[datetime], *, weighted: bool) -> LabelledFrame:
        return concatenate([_honest(frames[c], honest[c], weighted=weighted) for c in cutoffs])

    return Rows(
        plan=plan,
        rule=rule,
        train=phase(plan.train, weighted=False),
        validate=phase([plan.validate], weighted=False),
        calibrate=phase([plan.calibrate], weighted=True),
        test=phase(plan.test, weighted=True),
        labels=_total([labels.counts for labels in honest.values()]),
    )


def _honest(rows: LabelledFrame, labels: HonestLabels, *, weighted: bool = True) -> LabelledFrame:
    if weighted:
        rows = replace(rows, weight=labels.weight.astype(np.float32))
    return rows.take(labels.training_mask)


def _total(counts: Sequence[LabelCounts]) -> LabelCounts:
    return LabelCounts(
        untreated=sum(count.untreated for count in counts),
        holdout=sum(count.holdout for count in counts),
        treated_inside=sum(count.treated_inside for count in counts),
        treated_before=sum(count.treated_before for count in counts),
        dropped=sum(count.dropped for count in counts),
    )


def retrain(
    places: Places,
    settings: Settings,
    *,
    model: str = "auto",
    budget_s: float | None = None,
    as_of: datetime | None = None,
    now: datetime,
    actor: str,
    progress: Progress,
    should_stop: Callable[[], bool],
) -> ModelCard:
    """Fit a challenger, compare it with the champion on the test cutoffs, register it.

    Nothing is promoted here. Raises `Cancelled` when `should_stop` says so: nothing is kept then.
    """
    from engine.training.challenger import TrainingConfig, TrainingData, train_challenger

    if without_time(places):
        return retrain_timeless(
            places,
            settings,
            model=model,
            as_of=as_of,
            now=now,
            actor=actor,
            progress=progress,
            should_stop=should_stop,
        )
    registry = Registry(places.models, places.ledger)
    champion_id = registry.champion_id()
    champion = None if champion_id is None else registry.load(champion_id)
    rows = collect_rows(
        places,
        settings,
        as_of=as_of,
        progress=lambda stage, done: progress(stage, 0.25 * done, {}),
        sequences=model not in WITHOUT_NET or (champion is not None and champion.reads_sequences),
    )
    stop_at_a_leak(rows.train, accepted=settings.training.accept_features)
    config = TrainingConfig(
        model=model,
        seed=settings.training.seed,
        max_epochs=settings.training.max_epochs,
        threads=settings.training.threads,
        budget_s=budget_s or settings.training.budget_s,
        metadata={"feature_version": FEATURE_VERSION},
    )
    data = TrainingData(rows.train, rows.validate, rows.calibrate, rows.test)
    challenger = train_challenger(
        data,
        config,
        progress=lambda stage, done, detail: progress(stage, 0.25 + 0.65 * done, detail),
        should_stop=should_stop,
    )
    progress("evaluate", 0.9, {})
    label, users = rows.test.label, rows.test.frame.user_ids
    risks = {"challenger": challenger.model.predict(rows.test.frame).risk}
    compared = None if champion is None else champion_risk(champion, rows.test.frame)
    if compared is not None:
        risks["champion"] = compared
    for name, single in challenger.singles.items():
        risks[name] = single.predict(rows.test.frame).risk

    def measure(name: str, model_name: str) -> Metrics:
        return metrics(
            model_name,
            label,
            risks[name],
            cutoffs=rows.plan.test,
            capacity=settings.risk.capacity,
            weight=rows.test.weight,
        )

    verdict = gate(
        label,
        users,
        challenger=risks["challenger"],
        champion=risks.get("champion"),
        baseline=risks.get("hist_gradient_boosting"),
        seed=settings.training.seed,
        weight=rows.test.weight,
        labels=rows.labels,
        incomparable=champion is not None and compared is None,
    )
    test = measure("challenger", challenger.model.kind)
    card = ModelCard(
        model_id=f"{now:%Y%m%d-%H%M%S}-{challenger.model.kind.replace('_', '-')}",
        kind=challenger.model.kind,
        state="candidate",
        created_at=now,
        trained_until=max(rows.rule.matures_at(c) for c in (*rows.plan.train, rows.plan.calibrate)),
        rows=len(rows.train),
        columns=len(challenger.model.columns),
        test=test,
        peers=tuple(
            measure(name, name if name != "champion" else f"champion {champion_id}")
            for name in risks
            if name != "challenger"
        ),
        verdict=verdict,
        labels=rows.labels,
        seconds=challenger.seconds,
        seed=settings.training.seed,
        learning=challenger.learning,
        shift=cutoff_shift(
            rows.train.frame,
            rows.test.frame,
            ignored=[spec.name for spec in SPECS if spec.group == "calendar"],
            seed=settings.training.seed,
        ),
    )
    progress("writing", 0.99, {})
    registry.save(challenger.model, card, now=now, actor=actor)
    return card


def champion_risk(champion: ServedModel, frame: FeatureFrame) -> NDArray[np.float64] | None:
    """What the champion says of `frame` (N,), by its own columns; None where some are not there.

    Columns come and go with versions and with the data: then the two cannot be compared, and a
    challenger must still be possible.
    """
    place = {name: position for position, name in enumerate(frame.columns)}
    if not place.keys() >= set(champion.columns):
        return None
    values = frame.values[:, [place[name] for name in champion.columns]]
    said = champion.predict(replace(frame, columns=champion.columns, values=values))
    return said.risk


def remeasure(places: Places, settings: Settings, champion: ModelCard) -> Remeasured:
    """The champion on its test cutoffs again, from the data and the log of today.

    On unchanged data this equals the card: a check that training and scoring see the same rows.
    """
    if without_time(places):
        return Remeasured(*remeasure_timeless(places, settings, champion))
    with lease(places.behaviour) as connection:
        limit_memory(connection, settings.data.memory_limit_gb)
        rule = churn_rule(connection)
        frames = build_labelled(
            connection,
            rule,
            champion.test.cutoffs,
            snapshots=workspace_snapshots(places, settings),
        )
    log = contacts(places.ledger)
    rows = concatenate(
        [
            _honest(part, honest_labels(part.frame.user_ids, cutoff, log, rule.lead + rule.horizon))
            for cutoff, part in frames.items()
        ]
    )
    model = Registry(places.models, places.ledger).load(champion.model_id)
    risk = model.predict(rows.frame).risk
    measured = metrics(
        champion.kind,
        rows.label,
        risk,
        cutoffs=champion.test.cutoffs,
        capacity=settings.risk.capacity,
        weight=rows.weight,
    )
    return Remeasured(measured, rows.label, risk)

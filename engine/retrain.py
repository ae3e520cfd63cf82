"""Retraining: a challenger on the rows of the phases, its comparison and registration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError
from engine.evaluation.alarms import cutoff_shift, stop_at_a_leak
from engine.evaluation.coverage import interval_coverage
from engine.evaluation.gate import baseline_chosen, baseline_shipped, gate
from engine.evaluation.reasons import reasons_hold
from engine.explain.fidelity import faithfulness
from engine.explain.usual import USUAL, Usual, usual_contributions
from engine.faithfulness import Faithfulness
from engine.features.build import FEATURE_VERSION
from engine.features.catalogue import SPECS
from engine.features.frame import concatenate
from engine.features.spec import FeatureSpec
from engine.horizons import HORIZONS
from engine.models.nets.config import SEQUENCE_MODELS, TIMED_MODELS
from engine.monitor.fairness import same_for_groups
from engine.phases import Rows, collect_rows, rejudged_rows
from engine.places import Places
from engine.registry import Registry
from engine.served import Served, evaluation, metrics_of, other_columns, served
from engine.settings import Settings
from engine.store.codec import to_json
from engine.timeless import remeasure_timeless, retrain_timeless, without_time
from engine.timeline import ChurnRule
from engine.types import Evaluation, GateVerdict, ModelCard, Words

if TYPE_CHECKING:
    from engine.models.blend import RiskModel
    from engine.models.cross_fit import ServedModel
    from engine.models.intervals import RiskIntervals
    from engine.training.challenger import Challenger

Progress = Callable[[str, float, Mapping[str, object]], None]

BASELINE = "hist_gradient_boosting"
"""The plain model that the gate compares with."""


SEQUENCE_TREES = "sequence_trees"
"""The choice of a model that asks for pretraining whatever the settings say."""

VECTOR = Words("预训练的序列向量", "The pretrained sequence vector")
MESSAGES = Words("留言文字", "What users wrote")
"""What the card calls the partners that were tried."""


@dataclass(frozen=True, slots=True)
class Remeasured:
    """An evaluation with the labels and risks it was taken from, for the curves of a report."""

    evaluation: Evaluation
    label: NDArray[np.float32]  # (N,)
    risk: NDArray[np.float64]  # (N,)


def retrain(
    places: Places,
    settings: Settings,
    *,
    model: str = "auto",
    budget_s: float | None = None,
    pretraining: bool | None = None,
    search_s: float | None = None,
    as_of: datetime | None = None,
    now: datetime,
    actor: str,
    progress: Progress,
    should_stop: Callable[[], bool],
) -> ModelCard:
    """Fit a challenger, compare it with the champion on the test cutoffs, register it.

    `search_s`: seconds to search for settings first, on training and validation rows.
    `pretraining`: whether an encoder of sequences learns from all histories first; None: as the
    settings say.
    Nothing is promoted here. Raises `Cancelled` when `should_stop` says so: nothing is kept then.
    """
    from engine.training.challenger import TrainingConfig, TrainingData, train_challenger

    if without_time(places):
        if search_s is not None:
            raise no_search_without_time()
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
        sequences=model in (*SEQUENCE_MODELS, SEQUENCE_TREES)
        or (champion is not None and champion.reads_sequences),
        times=model in TIMED_MODELS,
    )
    stop_at_a_leak(rows.train, accepted=settings.training.accept_features)
    budget_s = budget_s or settings.training.budget_s
    wished = settings.training.pretraining if pretraining is None else pretraining
    vector = None
    if model == SEQUENCE_TREES or (wished and model in ("auto", "blend")):
        from engine.pretraining.encoder import workspace_encoder

        vector = workspace_encoder(
            places,
            settings,
            rows.plan.train[-1],
            budget_s=budget_s,
            progress=lambda stage, done, detail: progress(stage, 0.25 + 0.15 * done, detail),
            should_stop=should_stop,
        )
    begun = 0.25 if vector is None else 0.4
    config = TrainingConfig(
        model=model,
        seed=settings.training.seed,
        max_epochs=settings.training.max_epochs,
        threads=settings.training.threads,
        budget_s=budget_s,
        vector=vector,
        window_days=payment_window_days(rows.rule),
        metadata={"feature_version": FEATURE_VERSION},
    )
    if search_s is not None:
        from engine.training.search import with_settings_found

        config = with_settings_found(
            config,
            rows.train,
            rows.validate,
            budget_s=search_s,
            progress=lambda stage, done, detail: progress(stage, begun + 0.2 * done, detail),
            should_stop=should_stop,
        )
        begun += 0.2
    data = TrainingData(rows.train, rows.validate, rows.calibrate, rows.test.rows, rows.censored)
    challenger = train_challenger(
        data,
        config,
        progress=lambda stage, done, detail: progress(stage, begun + (0.9 - begun) * done, detail),
        should_stop=should_stop,
    )
    progress("evaluate", 0.9, {})
    judgement = judged(rows, challenger, champion, model, settings)
    chosen, verdict, said = judgement.model, judgement.verdict, judgement.said
    partners = []
    if (vector_trial := challenger.vector) is not None:
        partners.append(vector_trial.words(VECTOR, asked_for=model == SEQUENCE_TREES))
    text = challenger.text
    if text is not None and (chosen.reads_messages or not text.wins):
        partners.append(text.words(MESSAGES))
    verdict = replace(verdict, statements=(*verdict.statements, *partners))
    intervals = measured_intervals(chosen, rows, seed=settings.training.seed)
    kept = {HORIZONS: to_json(intervals), USUAL: judgement.usual}
    chosen = replace(chosen, metadata={**chosen.metadata, **kept})
    coverage = interval_coverage(intervals, said["challenger"].log_odds, rows.test.rows)
    tested = evaluation(chosen, rows.test, said.pop("challenger"))
    named = {"champion": f"champion {champion_id}"}
    card = ModelCard(
        model_id=f"{now:%Y%m%d-%H%M%S}-{chosen.kind.replace('_', '-')}",
        kind=chosen.kind,
        state="candidate",
        created_at=now,
        trained_until=max(rows.rule.matures_at(c) for c in (*rows.plan.train, rows.plan.calibrate)),
        rows=len(rows.train),
        columns=len(chosen.columns),
        test=tested.metrics,
        peers=tuple(
            metrics_of(named.get(name, name), rows.test, one.risk) for name, one in said.items()
        ),
        verdict=verdict,
        labels=rows.labels,
        seconds=challenger.seconds,
        seed=settings.training.seed,
        learning=challenger.learning,
        shift=cutoff_shift(
            rows.train.frame,
            rows.test.rows.frame,
            ignored=[spec.name for spec in SPECS if spec.group == "calendar"],
            seed=settings.training.seed,
        ),
        by_cutoff=tested.by_cutoff,
        calibration=tested.calibration,
        coverage=coverage,
        faithfulness=judgement.faithfulness,
    )
    progress("writing", 0.99, {})
    registry.save(chosen, card, now=now, actor=actor)
    return card


def measured_intervals(model: RiskModel, rows: Rows, *, seed: int) -> RiskIntervals:
    """What intervals of the model's risks need, from the rows before the test."""
    from engine.training.intervals import fit_intervals, rehearsed_drift

    past = concatenate([rows.train, rows.validate, rows.calibrate])
    return fit_intervals(
        model.predict(rows.calibrate.frame).log_odds,
        rows.calibrate,
        lead_days=rows.rule.lead_days,
        drift=rehearsed_drift(past, rows.rule.matures_at, seed=seed),
    )


def no_search_without_time() -> UsageError:
    """A search was asked for where every member of the model makes its own."""
    return UsageError(
        "no_search",
        "A table without a time axis needs no search",
        why="Settings are chosen on inner folds in every training of such a table",
        next_step="Leave --search away",
    )


def payment_window_days(rule: ChurnRule) -> float | None:
    """Lead and horizon of a rule that asks for no payment; None for any other rule."""
    return rule.lead_days + rule.horizon_days if rule.kind == "no_payment" else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The model to register, the verdict on it, and what every model would have served."""

    model: RiskModel
    verdict: GateVerdict
    said: dict[str, Served]
    usual: Usual  # what the model's reasons usually add
    faithfulness: Faithfulness  # of these reasons


def judged(
    rows: Rows,
    challenger: Challenger,
    champion: ServedModel | None,
    wished: str,
    settings: Settings,
    *,
    specs: Sequence[FeatureSpec] = SPECS,
) -> Judgement:
    """The model to register is the challenger; where nobody wished for a certain model and the
    plain baseline is provably better, it is the baseline, judged in its place.

    `specs` name the group that explains each column.
    """
    candidates = {"challenger": challenger.model, "champion": champion, **challenger.singles}
    asked = {name: served(one, rows.test) for name, one in candidates.items() if one is not None}
    said = {name: one for name, one in asked.items() if one is not None}
    tested = rows.test.rows

    def alike(risk: NDArray[np.float64]) -> tuple[bool, Words] | None:
        return same_for_groups(risk, tested.frame, tested.label, rows.groups, settings)

    def reasons_of(model: RiskModel, name: str) -> tuple[Usual, Faithfulness]:
        seed = settings.training.seed
        usual = usual_contributions(model, rows.calibrate.frame, specs, seed=seed)
        found = faithfulness(
            model,
            tested.frame,
            {spec.name: spec.group for spec in specs},
            risk=said[name].risk,
            seed=seed,
            usual=usual,
            second=None if challenger.first_fits is None else challenger.first_fits.of(model),
        )
        return usual, found

    judge = partial(
        gate,
        rows.test.rows.label,
        rows.test.rows.frame.user_ids,
        champion=said["champion"].risk if "champion" in said else None,
        seed=settings.training.seed,
        weight=rows.test.rows.weight,
        labels=rows.labels,
        incomparable=champion is not None and "champion" not in said,
        economics=rows.test.economics,
    )
    usual, found = reasons_of(challenger.model, "challenger")
    verdict = judge(
        challenger=said["challenger"].risk,
        baseline=said[BASELINE].risk,
        groups=alike(said["challenger"].risk),
        reasons=reasons_hold(found, settings.reasons),
    )
    kind = challenger.model.kind
    if wished != "auto" or not (verdict.baseline_wins or kind == BASELINE):
        return Judgement(challenger.model, verdict, said, usual, found)
    if kind == BASELINE:
        chosen = (*verdict.statements, baseline_chosen())
        verdict = replace(verdict, statements=chosen, baseline_wins=True)
        return Judgement(challenger.model, verdict, said, usual, found)
    baseline = challenger.singles[BASELINE]
    usual, found = reasons_of(baseline, BASELINE)
    again = judge(
        challenger=said[BASELINE].risk,
        baseline=None,
        groups=alike(said[BASELINE].risk),
        reasons=reasons_hold(found, settings.reasons),
    )
    shipped = (*again.statements, baseline_shipped(kind))
    beaten = {f"{kind} (beaten)": said["challenger"], "challenger": said[BASELINE]}
    verdict = replace(again, statements=shipped, baseline_wins=True)
    return Judgement(baseline, verdict, said | beaten, usual, found)


def remeasure(places: Places, settings: Settings, champion: ModelCard) -> Remeasured:
    """The champion on its test cutoffs again, from the data and the log of today.

    On unchanged data this equals the card: a check that training and scoring see the same rows.
    """
    if without_time(places):
        measured, label, risk = remeasure_timeless(places, settings, champion)
        return Remeasured(Evaluation(measured, (), None), label, risk)
    model = Registry(places.models, places.ledger).load(champion.model_id)
    test, _ = rejudged_rows(places, settings, champion.test.cutoffs)
    said = served(model, test)
    if said is None:
        raise other_columns(champion.model_id)
    return Remeasured(evaluation(model, test, said), test.rows.label, said.risk)

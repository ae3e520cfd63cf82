"""One look at the model in service: its newest scoring run against the past cutoffs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.data.summary import churn_rule
from engine.errors import StateError
from engine.evaluation.metrics import top
from engine.features.attributes.schema import timeless
from engine.features.build import build_frame
from engine.features.catalogue import specs_named
from engine.features.frame import LabelledFrame
from engine.features.snapshots import workspace_snapshots
from engine.models.cross_fit import CrossFitted
from engine.monitor.drift import measure_drift
from engine.monitor.estimate import check, estimate
from engine.monitor.fairness import FairnessRows, measure_fairness
from engine.monitor.groups import read_groups
from engine.monitor.importance import column_importance
from engine.monitor.past import (
    judged_rows,
    past_cutoffs,
    past_values,
    served_risks,
)
from engine.monitor.report import Drift, Estimate, Fairness, MonitorReport
from engine.monitor.stress import measure_stress
from engine.monitor.watched import ScoredRun, Watched
from engine.places import Places
from engine.registry import Registry
from engine.settings import Settings
from engine.store.lease import lease
from engine.types import ModelCard

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from engine.models.blend import RiskModel

SAMPLED_USERS = 50_000
"""Of the present run, for the estimates: their noise is then far below that of labels."""
Floats = NDArray[np.float64]


def monitor(
    places: Places,
    settings: Settings,
    *,
    fairness: bool = False,
    stress: bool = False,
    timer: Callable[[], float],
) -> MonitorReport:
    """Drift and estimates of the newest scoring run of the model in service.

    `fairness` adds the figures by group, `stress` those under disturbed inputs; `timer` gives
    seconds. Raises `StateError` when no model is in service, when it has not scored, or on a table
    without a time axis.
    """
    began = timer()
    run, card, model = _in_service(places)
    with lease(places.behaviour) as connection:
        watched = _watched(connection, places, settings, run, card, model)
        rows = judged_rows(
            connection, places, settings, watched.rule, watched.model, watched.cutoffs
        )
        risks = served_risks(connection, places, settings, watched.rule, watched.model, rows)
        drift = _drift(watched, risks)
        by_group = _fairness(watched, rows, risks) if fairness else None
        shaken = measure_stress(watched, rows, risks) if stress else None
    return MonitorReport(
        card.model_id,
        run.run_id,
        run.cutoff,
        drift,
        _estimate(watched, rows, risks),
        by_group,
        shaken,
        timer() - began,
    )


def columns_drift(places: Places, settings: Settings) -> Drift:
    """Drift of the columns alone: no risk is computed, so it is quick. Raises as `monitor`."""
    run, card, model = _in_service(places)
    with lease(places.behaviour) as connection:
        return _drift(_watched(connection, places, settings, run, card, model), {})


def _in_service(places: Places) -> tuple[ScoredRun, ModelCard, RiskModel]:
    registry = Registry(places.models, places.ledger)
    model_id = registry.champion_id()
    if model_id is None:
        raise StateError(
            "no_champion",
            "No model is in service in this workspace",
            next_step="Run `retention train`, look at the verdict, then `retention promote ID`",
        )
    card = next(one for one in registry.cards() if one.model_id == model_id)
    run = _newest_run(places, model_id)
    model = registry.load(model_id)
    if isinstance(model, CrossFitted):
        raise _no_time_axis()
    return run, card, model


def _watched(
    connection: duckdb.DuckDBPyConnection,
    places: Places,
    settings: Settings,
    run: ScoredRun,
    card: ModelCard,
    model: RiskModel,
) -> Watched:
    if timeless(connection):
        raise _no_time_axis()
    rule = churn_rule(connection)
    cutoffs = past_cutoffs(connection, settings, rule, model, card, run.cutoff)
    return Watched(connection, places, settings, rule, model, card, run, cutoffs)


def _no_time_axis() -> StateError:
    return StateError(
        "no_time_axis",
        "A table without a time axis has no past to compare with",
        why="Its columns say how users are now, not how they were",
        next_step="Look at the data with `retention check`, and measure anew with `retention "
        "evaluate`",
    )


def _newest_run(places: Places, model_id: str) -> ScoredRun:
    with lease(places.ledger) as connection:
        row = connection.execute(
            "SELECT scoring_run_id, cutoff FROM scoring_run WHERE model_id = ? "
            "ORDER BY created_at DESC, scoring_run_id DESC LIMIT 1",
            [model_id],
        ).fetchone()
        if row is None:
            raise StateError(
                "not_scored",
                f"The model in service, {model_id}, has not scored yet",
                next_step="Run `retention score`",
            )
        scores = connection.execute(
            "SELECT user_id, risk, segment FROM score WHERE scoring_run_id = ? ORDER BY user_id",
            [row[0]],
        ).fetchnumpy()
    return ScoredRun(
        row[0],
        row[1],
        np.asarray(scores["user_id"], dtype=object),
        np.asarray(scores["risk"], np.float64),
        np.asarray(scores["segment"], dtype=object),
    )


def _drift(watched: Watched, risks: Mapping[datetime, Floats]) -> Drift:
    seed = watched.settings.training.seed
    now = build_frame(
        watched.connection,
        watched.rule,
        watched.run.cutoff,
        columns=watched.model.columns,
        sequences=False,
        messages=False,
        snapshots=workspace_snapshots(watched.places, watched.settings),
    )
    if not len(now):
        raise StateError(
            "other_data",
            f"Nobody is eligible at {watched.run.cutoff:%Y-%m-%d} in the data loaded now",
            why="The newest scoring run was made on other data",
            next_step="Run `retention score`",
        )
    past = past_values(
        watched.connection,
        watched.places,
        watched.settings,
        watched.rule,
        watched.model.columns,
        watched.cutoffs,
    )
    importance = column_importance(watched.model, now, seed)
    return measure_drift(
        {cutoff: frame.values for cutoff, frame in past.items()},
        now.values,
        {
            spec.name: (place, spec.label, float(importance[place]))
            for place, spec in enumerate(specs_named(watched.model.columns))
            # Where the year stands shifts by design.
            if spec.group != "calendar"
        },
        past_risk=list(risks.values()),
        risk=watched.run.risk,
        seed=seed,
    )


def _estimate(
    watched: Watched, rows: Mapping[datetime, LabelledFrame], risks: Mapping[datetime, Floats]
) -> Estimate:
    capacity, seed = watched.settings.risk.capacity, watched.settings.training.seed
    checked = [
        one
        for cutoff in watched.cutoffs.unseen
        if cutoff in rows
        for one in check(cutoff, rows[cutoff].label, risks[cutoff], capacity)
    ]
    risk = watched.run.risk
    if len(risk) > SAMPLED_USERS:
        risk = np.random.default_rng(seed).choice(risk, SAMPLED_USERS, replace=False)
    return estimate(risk, capacity, checked, seed=seed)


def _fairness(
    watched: Watched, rows: Mapping[datetime, LabelledFrame], risks: Mapping[datetime, Floats]
) -> Fairness:
    run, settings = watched.run, watched.settings
    known, capacity = read_groups(watched.connection, run.cutoff), settings.risk.capacity
    now = FairnessRows(
        run.user_ids,
        known.of(run.user_ids, run.segments),
        top(run.risk, capacity),
        run.risk,
        discount=_discounts(watched.places, run.user_ids),
    )
    unseen = [cutoff for cutoff in watched.cutoffs.unseen if cutoff in rows]
    past = None
    if unseen:
        users = np.concatenate([rows[cutoff].frame.user_ids for cutoff in unseen])
        segments = np.concatenate([rows[cutoff].frame.segments for cutoff in unseen])
        past = FairnessRows(
            users,
            known.of(users, segments),
            np.concatenate([top(risks[cutoff], capacity) for cutoff in unseen]),
            np.concatenate([risks[cutoff] for cutoff in unseen]),
            label=np.concatenate([rows[cutoff].label for cutoff in unseen]).astype(np.float64),
        )
    return measure_fairness(
        now,
        past,
        limit=settings.monitor.most_group_gap,
        smallest_group=settings.monitor.smallest_group,
        seed=settings.training.seed,
    )


def _discounts(places: Places, user_ids: NDArray[np.object_]) -> Floats:
    """(N,) the worst-case cost of the discounts that each user was given."""
    with lease(places.ledger) as connection:
        given = dict(
            connection.execute(
                "SELECT user_id, sum(expected_cost) FROM intervention "
                "WHERE arm = 'treat' AND offer_percent > 0 GROUP BY user_id"
            ).fetchall()
        )
    return np.array([given.get(user, 0.0) for user in user_ids.tolist()], np.float64)

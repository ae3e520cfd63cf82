"""A scoring run: the champion's risk, value and reasons for every eligible user at one cutoff."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.data.summary import churn_rule, nothing_loaded, summary
from engine.errors import DataError, StateError
from engine.features.attributes.schema import timeless
from engine.features.attributes.served import rows_to_score
from engine.features.build import build_frame
from engine.features.catalogue import SPECS
from engine.features.frame import FeatureFrame
from engine.features.spec import FeatureSpec
from engine.places import Places
from engine.registry import Registry
from engine.settings import RiskSettings, Settings
from engine.store.codec import to_text
from engine.store.lease import lease
from engine.types import Band, Explanation, ScoringRun

if TYPE_CHECKING:
    import duckdb

Progress = Callable[[str, float], None]

REVENUE_WINDOW_DAYS = 365
"""Revenue a day is taken over this window, unless the running plan brings more."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What scoring reads of the eligible users besides features, aligned with the frame."""

    value: NDArray[np.float64]  # expected margin over the value horizon, in currency
    last_active_at: tuple[datetime | None, ...]


def score(
    places: Places,
    settings: Settings,
    *,
    as_of: datetime | None,
    now: datetime,
    progress: Progress,
) -> ScoringRun:
    """Score the eligible users at `as_of` (None: the end of the data) and keep the run.

    The same champion on the same data and cutoff gives the same run: it is returned, not doubled.
    Raises `StateError` when there is no champion and `DataError` when nobody is eligible.
    """
    registry = Registry(places.models, places.ledger)
    model_id = registry.champion_id()
    if model_id is None:
        raise StateError(
            "no_champion",
            "No model is in service in this workspace",
            next_step="Run `retention train`, look at the verdict, then `retention promote ID`",
        )
    progress("features", 0.0)
    with lease(places.behaviour) as connection:
        loaded = summary(connection)
        if loaded is None:
            raise nothing_loaded()
        cutoff = as_of or loaded.as_of
        run_id = _run_id(model_id, cutoff, _fingerprint(connection), settings.risk)
        existing = _existing(places, run_id)
        if existing is not None:
            return existing
        rule = churn_rule(connection)
        model = registry.load(model_id)
        if timeless(connection):
            frame, specs = rows_to_score(connection, model.metadata, cutoff, loaded.as_of)
        else:
            frame = build_frame(connection, rule, cutoff, columns=model.columns)
            specs = SPECS
        if len(frame) == 0:
            raise DataError(
                "nobody_eligible",
                f"Nobody is eligible at {cutoff:%Y-%m-%d}",
                why=f"The rule {rule.kind} asks for activity within {rule.active_within_days} days",
                next_step="Score at an earlier date with --as-of, or load newer data",
            )
        standing = _standing(connection, frame, cutoff, settings.risk)
    progress("risk", 0.3)
    from engine.explain.reasons import explain

    explanations = explain(model, frame, specs, currency=loaded.currency, model_id=model_id)
    progress("writing", 0.9)
    kept = _keep(
        places, run_id, loaded.currency, settings.risk, standing, explanations, specs, now=now
    )
    progress("done", 1.0)
    return kept


def band_of(risk: float, settings: RiskSettings) -> Band:
    """The named range that `risk` falls in."""
    if risk >= settings.critical:
        return Band.CRITICAL
    if risk >= settings.high:
        return Band.HIGH
    return Band.MEDIUM if risk >= settings.medium else Band.LOW


def _run_id(model_id: str, cutoff: datetime, fingerprint: str, settings: RiskSettings) -> str:
    content = json.dumps([model_id, cutoff.isoformat(), fingerprint, settings.model_dump()])
    return f"{cutoff:%Y%m%d}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute("SELECT fingerprint FROM load_run").fetchone()
    if row is None:
        raise nothing_loaded()
    return str(row[0])


def _existing(places: Places, run_id: str) -> ScoringRun | None:
    with lease(places.ledger) as connection:
        return run_of(connection, run_id)


def _standing(
    connection: duckdb.DuckDBPyConnection,
    frame: FeatureFrame,
    cutoff: datetime,
    settings: RiskSettings,
) -> _Standing:
    sql = (resources.files("engine") / "standing.sql").read_text("utf-8")
    found = connection.execute(
        sql, {"cutoff": cutoff, "window_days": REVENUE_WINDOW_DAYS}
    ).fetchall()
    by_user = {record[0]: record[1:] for record in found}
    factor = settings.value_horizon_days * settings.margin
    rows = [by_user.get(user_id, (0.0, None)) for user_id in frame.user_ids.tolist()]
    return _Standing(
        value=np.array([max(0.0, rate) * factor for rate, _ in rows], dtype=np.float64),
        last_active_at=tuple(moment for _, moment in rows),
    )


def _keep(
    places: Places,
    run_id: str,
    currency: str,
    settings: RiskSettings,
    standing: _Standing,
    explanations: Sequence[Explanation],
    specs: Sequence[FeatureSpec],
    *,
    now: datetime,
) -> ScoringRun:
    import pandas as pd

    actionable = {spec.group for spec in specs if spec.actionable} | {"sequence"}
    risk = np.array([explanation.risk for explanation in explanations])
    at_risk = risk * standing.value
    user_ids = np.array([explanation.user_id for explanation in explanations], dtype=object)
    order = np.lexsort((user_ids.astype(str), -risk, -at_risk))
    first = explanations[0]
    bands = [band_of(value, settings) for value in risk]
    records = [
        (
            run_id,
            rank,
            explanations[i].user_id,
            float(risk[i]),
            str(bands[i]),
            float(standing.value[i]),
            float(at_risk[i]),
            explanations[i].segment,
            standing.last_active_at[i],
            explanations[i].log_odds,
            explanations[i].baseline_log_odds,
            *_headline(explanations[i], actionable),
            to_text(explanations[i].reasons),
            explanations[i].remainder,
        )
        for rank, i in enumerate(order.tolist(), start=1)
    ]
    run = ScoringRun(
        scoring_run_id=run_id,
        model_id=first.model_id,
        cutoff=first.cutoff,
        created_at=now,
        users=len(explanations),
        by_band={str(band): count for band, count in sorted(Counter(bands).items())},
        value_at_risk=float(at_risk.sum()),
        currency=currency,
    )
    scores = pd.DataFrame.from_records(records, columns=list(_SCORE_COLUMNS))
    scores["last_active_at"] = pd.to_datetime(scores["last_active_at"])
    with lease(places.ledger, write=True) as connection:
        # Another process may have scored the same meanwhile: the run row decides.
        inserted = connection.execute(
            "INSERT INTO scoring_run BY NAME SELECT ? AS scoring_run_id, ? AS model_id, "
            "? AS cutoff, ? AS created_at, ? AS users, ? AS value_at_risk, ? AS currency, "
            "? AS by_band ON CONFLICT DO NOTHING RETURNING scoring_run_id",
            [
                run.scoring_run_id,
                run.model_id,
                run.cutoff,
                run.created_at,
                run.users,
                run.value_at_risk,
                run.currency,
                json.dumps(run.by_band),
            ],
        ).fetchall()
        if inserted:
            connection.register("new_scores", scores)
            connection.execute("INSERT INTO score BY NAME SELECT * FROM new_scores ORDER BY rank")
            connection.unregister("new_scores")
    return run


_SCORE_COLUMNS = (
    "scoring_run_id",
    "rank",
    "user_id",
    "risk",
    "band",
    "value",
    "value_at_risk",
    "segment",
    "last_active_at",
    "log_odds",
    "baseline_log_odds",
    "reason_group",
    "reason_zh",
    "reason_en",
    "reasons",
    "remainder",
)


def _headline(explanation: Explanation, actionable: Set[str]) -> tuple[str, str, str]:
    """Group and words of the first reason that raises the risk.

    One of the groups that an operator can do something about, `actionable`, comes first.
    """
    raising = [reason for reason in explanation.reasons if reason.contribution > 0]
    possible = [reason for reason in raising if reason.group in actionable]
    reason = (possible or raising or list(explanation.reasons))[0]
    return reason.group, reason.words.zh, reason.words.en


def run_of(connection: duckdb.DuckDBPyConnection, run_id: str | None = None) -> ScoringRun | None:
    """The scoring run `run_id`, or the newest one; None when there is none."""
    record = connection.execute(
        "SELECT scoring_run_id, model_id, cutoff, created_at, users, by_band, value_at_risk, "
        "currency FROM scoring_run WHERE $run_id IS NULL OR scoring_run_id = $run_id "
        "ORDER BY created_at DESC, scoring_run_id DESC LIMIT 1",
        {"run_id": run_id},
    ).fetchone()
    if record is None:
        return None
    return ScoringRun(
        scoring_run_id=record[0],
        model_id=record[1],
        cutoff=record[2],
        created_at=record[3],
        users=record[4],
        by_band=json.loads(record[5]),
        value_at_risk=record[6],
        currency=record[7],
    )

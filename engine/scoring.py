"""A scoring run: the champion's risk, value and reasons for every eligible user at one cutoff."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence, Set
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.base_rate import prior_shift_at
from engine.calibrated import PriorShift
from engine.data.summary import churn_rule, nothing_loaded, summary
from engine.errors import DataError, StateError
from engine.explain.order import raising_first
from engine.features.attributes.schema import timeless
from engine.features.attributes.served import rows_to_score
from engine.features.build import build_frame
from engine.features.catalogue import SPECS
from engine.features.earlier import earlier_frame
from engine.features.frame import FeatureFrame
from engine.features.snapshots import workspace_snapshots
from engine.outreach.log import contacts
from engine.places import Places
from engine.registry import Registry
from engine.settings import RiskSettings, Settings
from engine.standing import Standing, standing
from engine.store.codec import from_text, to_text
from engine.store.lease import lease
from engine.store.memory import limit_memory
from engine.store.scratch import scratch
from engine.types import Band, Explanation, ScoringRun

if TYPE_CHECKING:
    import duckdb

    from engine.explain.reasons import Explainer

Progress = Callable[[str, float], None]

CHUNK_ROWS = 20_480
"""Users explained at once: with the words of all their reasons some 200 megabytes."""


def score(
    places: Places,
    settings: Settings,
    *,
    as_of: datetime | None,
    now: datetime,
    progress: Progress,
    chunk_rows: int = CHUNK_ROWS,
) -> ScoringRun:
    """Score the eligible users at `as_of` (None: the end of the data) and keep the run.

    The same champion on the same data and cutoff gives the same run: it is returned, not doubled.
    Reasons are told for `chunk_rows` users at a time and lie in a draft until all are there.
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
        limit_memory(connection, settings.data.memory_limit_gb)
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
        shift, earlier = None, None
        if timeless(connection):
            frame, specs = rows_to_score(connection, model.metadata, cutoff, loaded.as_of)
        else:
            if settings.risk.follow_base_rate:
                shift = prior_shift_at(connection, rule, cutoff, model, contacts(places.ledger))
            frame = build_frame(
                connection,
                rule,
                cutoff,
                columns=model.columns,
                sequences=model.reads_sequences,
                messages=model.reads_messages,
                snapshots=workspace_snapshots(places, settings),
            )
            earlier = earlier_frame(
                connection,
                rule,
                cutoff,
                model.columns,
                snapshots=workspace_snapshots(places, settings),
            )
            specs = SPECS
        if len(frame) == 0:
            raise DataError(
                "nobody_eligible",
                f"Nobody is eligible at {cutoff:%Y-%m-%d}",
                why=f"The rule {rule.kind} asks for activity within {rule.active_within_days} days",
                next_step="Score at an earlier date with --as-of, or load newer data",
            )
        worth = standing(connection, frame.user_ids, cutoff, settings.risk)
    progress("risk", 0.3)
    from engine.explain.reasons import Explainer
    from engine.models.blend import RiskModel

    if shift is not None and isinstance(model, RiskModel):
        model = model.with_calibration(model.calibration.moved(shift.shift))
    explainer = Explainer(
        model, specs, currency=loaded.currency, model_id=model_id, earlier=earlier
    )
    actionable = {spec.group for spec in specs if spec.actionable} | {"sequence", "text"}
    with scratch(places.ledger, "scores-") as draft:
        risk = _explain(explainer, frame, draft, actionable, chunk_rows, progress)
        at_risk = risk * worth.value
        bands = [band_of(value, settings.risk) for value in risk]
        run = ScoringRun(
            scoring_run_id=run_id,
            model_id=model_id,
            cutoff=cutoff,
            created_at=now,
            users=len(frame),
            by_band={str(band): count for band, count in sorted(Counter(bands).items())},
            value_at_risk=float(at_risk.sum()),
            currency=loaded.currency,
            prior_shift=shift,
        )
        order = np.lexsort((frame.user_ids.astype(str), -risk, -at_risk))
        progress("writing", 0.9)
        _keep(places, draft, run, worth, at_risk, bands, order)
    progress("done", 1.0)
    return run


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


def _explain(
    explainer: Explainer,
    frame: FeatureFrame,
    draft: Path,
    actionable: Set[str],
    chunk_rows: int,
    progress: Progress,
) -> NDArray[np.float64]:
    """The risk of every row (N,); what else is told of them goes to the database `draft`."""
    import pandas as pd
    from threadpoolctl import threadpool_limits

    risk = np.empty(len(frame))
    with (
        # The pieces are small: a second thread waits in a loop for the first and doubles the cost.
        threadpool_limits(limits=1),
        lease(draft, write=True, transaction=False) as connection,
    ):
        connection.execute(_text("explained.sql"))
        for start in range(0, len(frame), chunk_rows):
            rows = np.arange(start, min(len(frame), start + chunk_rows))
            told = explainer.of(frame.take(rows))
            risk[rows] = [explanation.risk for explanation in told]
            connection.register(
                "told",
                pd.DataFrame.from_records(
                    [
                        (
                            row,
                            explanation.user_id,
                            explanation.risk,
                            explanation.segment,
                            explanation.log_odds,
                            explanation.baseline_log_odds,
                            *_headline(explanation, actionable),
                            to_text(explanation.reasons),
                            explanation.remainder,
                        )
                        for row, explanation in zip(rows.tolist(), told, strict=True)
                    ]
                ),
            )
            connection.execute("INSERT INTO explained SELECT * FROM told")
            connection.unregister("told")
            progress("risk", 0.3 + 0.6 * (start + len(rows)) / len(frame))
    return risk


def _keep(
    places: Places,
    draft: Path,
    run: ScoringRun,
    worth: Standing,
    at_risk: NDArray[np.float64],
    bands: Sequence[Band],
    order: NDArray[np.int64],
) -> None:
    import pandas as pd

    ranked = pd.DataFrame(
        {
            "rank": np.arange(1, run.users + 1),
            "row": order,
            "band": np.array([str(band) for band in bands], dtype=object)[order],
            "value": worth.value[order],
            "value_at_risk": at_risk[order],
            "last_active_at": worth.last_active_at[order],
        }
    )
    with lease(places.ledger, write=True, attach={"draft": draft}) as connection:
        # Another process may have scored the same meanwhile: the run row decides.
        inserted = connection.execute(
            "INSERT INTO scoring_run BY NAME SELECT ? AS scoring_run_id, ? AS model_id, "
            "? AS cutoff, ? AS created_at, ? AS users, ? AS value_at_risk, ? AS currency, "
            "? AS by_band, ? AS prior_shift ON CONFLICT DO NOTHING RETURNING scoring_run_id",
            [
                run.scoring_run_id,
                run.model_id,
                run.cutoff,
                run.created_at,
                run.users,
                run.value_at_risk,
                run.currency,
                json.dumps(run.by_band),
                None if run.prior_shift is None else to_text(run.prior_shift),
            ],
        ).fetchall()
        if inserted:
            connection.register("ranked", ranked)
            connection.execute(
                "INSERT INTO score BY NAME "
                "SELECT $scoring_run_id AS scoring_run_id, * EXCLUDE (row) "
                "FROM draft.explained INNER JOIN ranked USING (row) ORDER BY rank",
                {"scoring_run_id": run.scoring_run_id},
            )
            connection.unregister("ranked")


def _headline(explanation: Explanation, actionable: Set[str]) -> tuple[str, str, str]:
    """Group and words of the first reason told that raises the risk.

    One of the groups that an operator can do something about, `actionable`, comes first.
    """
    raising = raising_first(explanation.reasons)
    possible = [reason for reason in raising if reason.group in actionable]
    reason = (possible or raising or explanation.reasons)[0]
    return reason.group, reason.words.zh, reason.words.en


def _text(name: str) -> str:
    return (resources.files("engine") / name).read_text("utf-8")


def run_of(connection: duckdb.DuckDBPyConnection, run_id: str | None = None) -> ScoringRun | None:
    """The scoring run `run_id`, or the newest one; None when there is none."""
    record = connection.execute(
        "SELECT scoring_run_id, model_id, cutoff, created_at, users, by_band, value_at_risk, "
        "currency, prior_shift FROM scoring_run WHERE $run_id IS NULL OR scoring_run_id = $run_id "
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
        prior_shift=None if record[8] is None else from_text(PriorShift, record[8]),
    )

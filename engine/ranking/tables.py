"""The risk list and its reasons as flat tables for exports, in the order of a view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.places import Places
from engine.ranking.filters import compile_filter
from engine.ranking.pages import SCORES, not_scored, order_of
from engine.scoring import run_of
from engine.store.codec import from_text
from engine.store.lease import lease
from engine.types import RankQuery, Reason, ScoringRun

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]

_RANKING = (
    "rank", "user_id", "name", "risk", "band", "value", "value_at_risk", "segment",
    "last_active_at", "reason_group", "reason_zh", "reason_en", "scoring_run_id", "model_id",
    "cutoff",
)  # fmt: skip
_REASONS = (
    "rank", "user_id", "risk", "position", "group", "feature", "contribution", "share", "value",
    "comparison", "words_zh", "words_en", "scoring_run_id", "model_id", "cutoff",
)  # fmt: skip


def ranking_table(places: Places, query: RankQuery) -> Table:
    """One row a user."""
    run, records = _records(
        places,
        query,
        "s.rank, s.user_id, u.name, s.risk, s.band, s.value, s.value_at_risk, s.segment, "
        "s.last_active_at, s.reason_group, s.reason_zh, s.reason_en",
    )
    tail = (run.scoring_run_id, run.model_id, run.cutoff)
    return _RANKING, [(*record, *tail) for record in records]


def reasons_table(places: Places, query: RankQuery) -> Table:
    """One row a user and reason, largest contribution first."""
    run, records = _records(places, query, "s.rank, s.user_id, s.risk, s.reasons")
    tail = (run.scoring_run_id, run.model_id, run.cutoff)
    return _REASONS, [
        (
            rank,
            user_id,
            risk,
            position,
            reason.group,
            reason.feature,
            reason.contribution,
            reason.share,
            reason.value,
            reason.comparison,
            reason.words.zh,
            reason.words.en,
            *tail,
        )
        for rank, user_id, risk, reasons in records
        for position, reason in enumerate(from_text(tuple[Reason, ...], reasons), start=1)
    ]


def _records(
    places: Places, query: RankQuery, columns: str
) -> tuple[ScoringRun, list[tuple[Any, ...]]]:
    if not places.ledger.exists():
        raise not_scored()
    condition = compile_filter(query.filter)
    order = order_of(query)
    with lease(places.ledger, attach={"behaviour": places.behaviour}) as connection:
        run = run_of(connection)
        if run is None:
            raise not_scored()
        records = connection.execute(
            f"SELECT {columns} {SCORES} AND {condition.sql} ORDER BY {order}",
            [run.scoring_run_id, *condition.parameters],
        ).fetchall()
    return run, records

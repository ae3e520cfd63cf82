"""From the risk list to whom a plan may write: users in rank order, with what the score said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.explain.order import raising_first
from engine.outreach.decision import Candidate
from engine.places import Places
from engine.ranking.filters import compile_filter
from engine.ranking.pages import SCORES, not_scored
from engine.scoring import run_of
from engine.store.codec import from_text
from engine.store.lease import lease
from engine.types import Reason, ScoringRun

if TYPE_CHECKING:
    import duckdb

_SELECT = f"SELECT s.user_id, s.risk, s.value, s.reasons {SCORES}"


def candidates(
    places: Places, *, user_ids: Sequence[str], filter_text: str, limit: int | None
) -> tuple[Candidate, ...]:
    """The named users, or those that the filter selects, best first.

    A named user without a score is a candidate without a risk: an operator may know better.
    Raises `StateError` when nothing is scored and no user is named.
    """
    with lease(places.ledger, attach={"behaviour": places.behaviour}) as connection:
        run = run_of(connection)
        if run is None:
            if user_ids:
                return tuple(Candidate(user_id) for user_id in user_ids)
            raise not_scored()
        if user_ids:
            return _named(connection, run, user_ids)
        condition = compile_filter(filter_text)
        found = connection.execute(
            f"{_SELECT} AND {condition.sql} ORDER BY s.rank LIMIT ?",
            [run.scoring_run_id, *condition.parameters, limit],
        ).fetchall()
    return tuple(_candidate(record, run) for record in found)


def _named(
    connection: duckdb.DuckDBPyConnection, run: ScoringRun, user_ids: Sequence[str]
) -> tuple[Candidate, ...]:
    found = connection.execute(
        f"{_SELECT} AND s.user_id IN (SELECT unnest(?))", [run.scoring_run_id, list(user_ids)]
    ).fetchall()
    scored = {record[0]: _candidate(record, run) for record in found}
    return tuple(scored.get(user_id, Candidate(user_id)) for user_id in user_ids)


def _candidate(record: tuple[Any, ...], run: ScoringRun) -> Candidate:
    user_id, risk, value, reasons = record
    return Candidate(
        user_id=user_id,
        risk=risk,
        value=value,
        reason_groups=raising_groups(reasons),
        reasons=reasons,
        model_id=run.model_id,
        scoring_run_id=run.scoring_run_id,
        cutoff=run.cutoff,
    )


def raising_groups(reasons: str) -> tuple[str, ...]:
    """The groups of a stored explanation that raise the risk, in the order told."""
    return tuple(reason.group for reason in raising_first(from_text(tuple[Reason, ...], reasons)))

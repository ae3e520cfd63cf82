"""One user: profile, risk and reasons as shown, timeline, past contacts."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from engine.data.attributes import attributes_of_user
from engine.data.summary import churn_rule
from engine.errors import ModelError, UsageError
from engine.horizons import RiskByDay
from engine.outreach.log import contacts_of
from engine.places import Places
from engine.profile.unscored import NOT_YET, why_unscored
from engine.ranking.pages import ROW_COLUMNS, risk_row
from engine.registry import Registry
from engine.scoring import run_of
from engine.store.codec import from_text
from engine.store.lease import lease
from engine.types import Explanation, Reason, RiskRow, ScoringRun, TimelineEntry, UserDetail, Words

if TYPE_CHECKING:
    import duckdb

    from engine.models.intervals import RiskIntervals

TIMELINE_ENTRIES = 200
"""How many of the newest facts the user screen holds."""


class Users:
    """Reads single users of a workspace."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._intervals: dict[str, RiskIntervals | None] = {}  # a saved model does not change

    def detail(self, user_id: str) -> UserDetail:
        """Everything known of `user_id`.

        Raises `UsageError` when there is no such user.
        """
        with lease(self._places.behaviour) as connection:
            person = connection.execute(_sql("person.sql"), {"user_id": user_id}).fetchone()
            if person is None:
                raise UsageError(
                    "unknown_user",
                    f"There is no user {user_id!r} in this workspace",
                    next_step="Look the id up with `retention rank --filter NAME`",
                )
            timeline = connection.execute(
                _sql("timeline.sql"), {"user_id": user_id, "entries": TIMELINE_ENTRIES}
            ).fetchall()
            attributes = attributes_of_user(connection, user_id)
        row, explanation, by_day = None, None, None
        with lease(self._places.ledger, attach={"behaviour": self._places.behaviour}) as connection:
            contacts = contacts_of(connection, user_id)
            run = run_of(connection)
            if run is not None:
                row, explanation = _risk(connection, run, user_id)
        if run is not None and explanation is not None:
            by_day = self._by_day(run.model_id, explanation.log_odds)
        unscored = self._unscored(run, user_id) if row is None else None
        return UserDetail(
            user_id=person[0],
            name=person[1] or "",
            email=person[2] or "",
            channel=person[3] or "",
            city=person[4] or "",
            locale=person[5] or "",
            signed_up_at=person[6],
            marketing_consent=person[7],
            plan=person[8] or "",
            plan_ends_at=person[9],
            auto_renew=person[10],
            row=row,
            explanation=explanation,
            timeline=tuple(_entry(record) for record in timeline),
            contacts=contacts,
            attributes=attributes,
            by_day=by_day,
            unscored=unscored,
        )

    def _unscored(self, run: ScoringRun | None, user_id: str) -> Words:
        if run is None:
            return NOT_YET
        with lease(self._places.behaviour) as connection:
            return why_unscored(connection, churn_rule(connection), run.cutoff, user_id)

    def _by_day(self, model_id: str, log_odds: float) -> RiskByDay | None:
        if model_id not in self._intervals:
            registry = Registry(self._places.models, self._places.ledger)
            try:
                self._intervals[model_id] = registry.intervals(model_id)
            except (ModelError, UsageError):
                # The run's risks and reasons are kept and shown, whatever became of its model.
                return None
        intervals = self._intervals[model_id]
        return None if intervals is None else intervals.of(log_odds)


def _risk(
    connection: duckdb.DuckDBPyConnection, run: ScoringRun, user_id: str
) -> tuple[RiskRow | None, Explanation | None]:
    record = connection.execute(
        f"SELECT {ROW_COLUMNS}, s.log_odds, s.baseline_log_odds, s.reasons, s.remainder "
        "FROM score s LEFT JOIN behaviour.users u ON u.user_id = s.user_id "
        "WHERE s.scoring_run_id = ? AND s.user_id = ?",
        [run.scoring_run_id, user_id],
    ).fetchone()
    if record is None:
        return None, None
    row = risk_row(record)
    log_odds, baseline, reasons, remainder = record[-4:]
    explanation = Explanation(
        user_id=user_id,
        risk=row.risk,
        log_odds=log_odds,
        baseline_log_odds=baseline,
        reasons=from_text(tuple[Reason, ...], reasons),
        remainder=remainder,
        segment=row.segment,
        model_id=run.model_id,
        cutoff=run.cutoff,
    )
    return row, explanation


def _entry(record: tuple[Any, ...]) -> TimelineEntry:
    occurred_at, kind, title, amount = record
    return TimelineEntry(occurred_at, kind, title, amount)


def _sql(name: str) -> str:
    return (resources.files("engine.profile") / name).read_text("utf-8")

"""The day on which a churn rule was decided: for models that learn from when, not only whether.

The rule `lapsed` is decided by the end of a membership, `inactive` and `no_payment` by the first
sign of staying. Given labels (`label`) have no day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import EventTimes, LabelledFrame, concatenate
from engine.features.labels import NEVER, decided_sql, parameters
from engine.timeline import ChurnRule, CutoffPlan

if TYPE_CHECKING:
    import duckdb

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Censored:
    """Rows whose window was not over when training stood there; their labels are NaN.

    `early` is told by what was known before the validation cutoff, `late` before the calibration
    cutoff, so that no later phase leaks into the fit.
    """

    early: LabelledFrame
    late: LabelledFrame


def event_times(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    user_ids: NDArray[np.object_],
    label: NDArray[np.float32],
    *,
    told_before: datetime = NEVER,
) -> EventTimes | None:
    """The times of eligible users (N,) with these labels; None: the rule has no day.

    `told_before` is the end of the data: a later one gives the whole window, an earlier one the
    days of it that were closed by then, less the grace that a membership may be renewed in.
    """
    sql = decided_sql(rule)
    if sql is None:
        return None
    start, _ = rule.window(cutoff)
    text = (
        "SELECT user_id, epoch(event_at - CAST($begun_at AS TIMESTAMP)) AS s "
        f"FROM ({sql}) AS decided"
    )
    values = parameters(sql, rule, cutoff, told_before=told_before)
    found = connection.execute(text, {**values, "begun_at": start}).fetchnumpy()
    second = dict(zip(found["user_id"], np.asarray(found["s"], np.float64), strict=True))
    day = np.array([second.get(user, np.inf) for user in user_ids], np.float64) / DAY_S
    leaves = rule.kind == "lapsed"
    if leaves:
        # Eligible, but in no membership of what is known by now: gone from the first day on.
        day = np.where(np.isinf(day) & (label > 0.5), 0.0, day)
    observed = float(rule.horizon_days)
    if told_before < rule.matures_at(cutoff):
        closed = told_before - start - (rule.grace if leaves else timedelta())
        # The last bin takes in the grace: without it that bin is never closed.
        observed = min(max(0.0, closed.total_seconds() / DAY_S), observed - 1)
    return EventTimes(
        "leave" if leaves else "return",
        rule.horizon_days,
        day.astype(np.float32),
        np.full(len(day), observed, np.float32),
    )


def with_times(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime, rows: LabelledFrame
) -> LabelledFrame:
    """The rows of `cutoff` with their times; as they are where they have them, or none exist."""
    if rows.times is not None:
        return rows
    users, label = rows.frame.user_ids, rows.label
    return replace(rows, times=event_times(connection, rule, cutoff, users, label))


def between(plan: CutoffPlan, every_days: int) -> tuple[datetime, ...]:
    """The cutoffs after the last training cutoff and before calibration, other than the plan's."""
    every = timedelta(days=every_days)
    steps = (plan.calibrate - plan.train[-1]) // every
    found = (plan.train[-1] + step * every for step in range(1, steps + 1))
    return tuple(moment for moment in found if moment < plan.calibrate and moment not in plan.all)


def censored_rows(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    plan: CutoffPlan,
    frames: Mapping[datetime, LabelledFrame],
) -> Censored | None:
    """The rows of the cutoffs `between` as two moments saw them; None: no bin could be closed."""

    def told(moments: Sequence[datetime], before: datetime) -> LabelledFrame:
        rows = [_told(connection, rule, cutoff, frames[cutoff], before) for cutoff in moments]
        # Nobody, where the first fit has no such cutoff: the columns and events are the same.
        return concatenate(rows) if rows else next(iter(frames.values())).take(np.arange(0))

    late = tuple(cutoff for cutoff in frames if cutoff + rule.lead < plan.calibrate)
    early = tuple(cutoff for cutoff in late if cutoff + rule.lead < plan.validate)
    return Censored(told(early, plan.validate), told(late, plan.calibrate)) if late else None


def _told(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    rows: LabelledFrame,
    before: datetime,
) -> LabelledFrame:
    unknown = np.full(len(rows), np.nan, np.float32)
    times = event_times(connection, rule, cutoff, rows.frame.user_ids, unknown, told_before=before)
    return replace(rows, label=unknown, times=times)

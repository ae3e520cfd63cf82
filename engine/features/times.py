"""The day on which a churn rule was decided: for models that learn from when, not only whether.

The rule `lapsed` is decided by the end of a membership, `inactive` and `no_payment` by the first
sign of staying. Given labels (`label`) have no day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import EventTimes
from engine.features.labels import NEVER, decided_sql, parameters
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb

DAY_S = 86_400


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

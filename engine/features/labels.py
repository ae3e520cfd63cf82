"""Who a churn rule speaks of at a cutoff, and what became of them.

Eligibility uses rows known before the cutoff; the label uses what happened in the window, by all
rows loaded now. A user is labelled 1 unless a `<rule>_stayed.sql` finds a sign of staying.
"""

from __future__ import annotations

import functools
import re
from datetime import datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb

_PARAMETER = re.compile(r"\$([a-z_]+)")


def eligible(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime
) -> NDArray[np.object_]:
    """The user ids (N,) that `rule` can speak of at `cutoff`, ascending."""
    sql = f"SELECT user_id FROM ({eligible_sql(rule)}) AS eligible ORDER BY user_id"
    rows = connection.execute(sql, parameters(sql, rule, cutoff)).fetchnumpy()
    return np.asarray(rows["user_id"], dtype=object)


def labels(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime
) -> tuple[NDArray[np.object_], NDArray[np.float32]]:
    """The eligible users (N,), ascending, and 1 (churned) or 0 for each."""
    sql = (
        f"SELECT user_id, stayed.user_id IS NULL AS churned "
        f"FROM ({eligible_sql(rule)}) AS eligible "
        f"LEFT JOIN ({_rule_sql(rule, 'stayed')}) AS stayed USING (user_id) ORDER BY user_id"
    )
    rows = connection.execute(sql, parameters(sql, rule, cutoff)).fetchnumpy()
    return np.asarray(rows["user_id"], dtype=object), np.asarray(rows["churned"], dtype=np.float32)


def given_cutoffs(connection: duckdb.DuckDBPyConnection) -> tuple[datetime, ...]:
    """The dates for which the table `outcomes` gives labels, ascending."""
    rows = connection.execute(
        "SELECT DISTINCT as_of FROM outcomes WHERE as_of IS NOT NULL ORDER BY as_of"
    ).fetchall()
    return tuple(row[0] for row in rows)


def eligible_sql(rule: ChurnRule) -> str:
    """A SELECT of user_id; its parameters are filled by `parameters`."""
    return _rule_sql(rule, "eligible")


def parameters(sql: str, rule: ChurnRule, cutoff: datetime) -> dict[str, datetime | int]:
    """Values for those of the rule's named parameters that `sql` uses."""
    window_start, window_stop = rule.window(cutoff)
    values: dict[str, datetime | int] = {
        "cutoff": cutoff,
        "active_since": cutoff - timedelta(days=rule.active_within_days),
        "window_start": window_start,
        "window_stop": window_stop,
        "grace_days": rule.grace_days,
    }
    return {name: values[name] for name in set(_PARAMETER.findall(sql))}


def _rule_sql(rule: ChurnRule, part: str) -> str:
    return _read(f"{rule.kind}_{part}.sql")


@functools.cache
def _read(name: str) -> str:
    text = (resources.files("engine.features") / "rules" / name).read_text("utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))

"""Who a churn rule speaks of at a cutoff, and what became of them.

Eligibility uses rows known before the cutoff; the label uses what happened in the window and in the
grace after it, by all rows loaded now. A user is labelled 1 unless `<rule>_stayed.sql` finds a sign
of staying. The files of `engine/features/rules` are fragments: a name in braces stands for another
fragment, a name after a dollar for a bound parameter.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.features.views import without_comments
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb

Parameter = datetime | int | list[str]

NEVER = datetime(9999, 12, 31)
"""Labels are told by rows known before this instant: by all of them."""

_PARAMETER = re.compile(r"\$([a-z_]+)")

_THEN = "CAST($cutoff AS TIMESTAMP)"
_NOW = "CAST($told_before AS TIMESTAMP)"


def eligible(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime
) -> NDArray[np.object_]:
    """The user ids (N,) that `rule` can speak of at `cutoff`, ascending."""
    sql = f"SELECT user_id FROM ({eligible_sql(rule)}) AS eligible ORDER BY user_id"
    rows = connection.execute(sql, parameters(sql, rule, cutoff)).fetchnumpy()
    return np.asarray(rows["user_id"], dtype=object)


def labels(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    *,
    told_before: datetime = NEVER,
) -> tuple[NDArray[np.object_], NDArray[np.float32]]:
    """The eligible users (N,), ascending, and 1 (churned) or 0 for each.

    Told by rows known before `told_before`: all that are loaded, unless an earlier day is asked.
    """
    sql = labelled_sql(rule) + " ORDER BY user_id"
    values = parameters(sql, rule, cutoff, told_before=told_before)
    rows = connection.execute(sql, values).fetchnumpy()
    return np.asarray(rows["user_id"], dtype=object), np.asarray(rows["churned"], dtype=np.float32)


def stayed(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    user_ids: Sequence[str],
    *,
    told_before: datetime,
) -> frozenset[str]:
    """Those of `user_ids` with a sign of staying after `cutoff`, by rows known before
    `told_before`."""
    sql = (
        "SELECT asked.user_id FROM (SELECT unnest(CAST($asked AS VARCHAR[])) AS user_id) AS asked "
        f"WHERE asked.user_id IN (SELECT user_id FROM ({stayed_sql(rule)}) AS stayed)"
    )
    values = parameters(sql, rule, cutoff, told_before=told_before)
    rows = connection.execute(sql, {**values, "asked": list(user_ids)}).fetchall()
    return frozenset(row[0] for row in rows)


def given_cutoffs(connection: duckdb.DuckDBPyConnection) -> tuple[datetime, ...]:
    """The dates for which the table `outcomes` gives labels, ascending."""
    rows = connection.execute(
        "SELECT DISTINCT as_of FROM outcomes WHERE as_of IS NOT NULL ORDER BY as_of"
    ).fetchall()
    return tuple(row[0] for row in rows)


def eligible_sql(rule: ChurnRule) -> str:
    """A SELECT of user_id; its parameters are filled by `parameters`."""
    parts = [_filled("eligible", rule, _THEN)]
    derived = rule.kind in ("inactive", "no_payment")
    if derived and not (rule.include_trials and rule.include_paused):
        parts.append(_filled("without_left_out", rule, _THEN))
    if rule.minimum_history_days:
        parts.append(_filled("with_history", rule, _THEN))
    if rule.minimum_payments:
        parts.append(_filled("with_payments", rule, _THEN))
    return "\n".join(parts)


def users_before_sql(rule: ChurnRule) -> str:
    """A SELECT of user_id: of those eligible at `$asked_at`, the users at the earlier `$cutoff`."""
    asked = eligible_sql(rule).replace("$cutoff", "$asked_at")
    return _text("users_before").format(asked=asked)


def stayed_sql(rule: ChurnRule) -> str:
    """A SELECT of the users with a sign of staying; its parameters are filled by `parameters`."""
    return _filled(f"{rule.kind}_stayed", rule, _NOW)


def labelled_sql(rule: ChurnRule) -> str:
    """A SELECT of user_id and churned (true or false) of everyone eligible."""
    return (
        "SELECT user_id, stayed.user_id IS NULL AS churned "
        f"FROM ({eligible_sql(rule)}) AS eligible "
        f"LEFT JOIN (SELECT DISTINCT user_id FROM ({stayed_sql(rule)}) AS signs) AS stayed "
        "USING (user_id)"
    )


def decided_sql(rule: ChurnRule) -> str | None:
    """A SELECT of user_id and event_at, the instant that decided; None: given labels have none."""
    return None if rule.kind == "label" else _filled(f"{rule.kind}_decided", rule, _NOW)


def away_sql(rule: ChurnRule) -> str | None:
    """A SELECT of the users who had left before the cutoff once; None: the rule cannot tell."""
    return None if rule.kind == "label" else _filled(f"{rule.kind}_away", rule, _THEN)


def came_back_sql(rule: ChurnRule) -> str | None:
    """A SELECT of the users who are there again within a horizon after the window; None: the rule
    cannot tell. It speaks of those who are labelled 1."""
    if rule.kind == "lapsed":
        return _filled("lapsed_came_back", rule, _NOW)
    if rule.kind == "label":
        return None
    return stayed_sql(rule)


def after_window(rule: ChurnRule) -> ChurnRule:
    """The rule whose window is the horizon that follows the label's own: who came back in it?"""
    return replace(
        rule, lead_days=rule.lead_days + rule.horizon_days + rule.grace_days, grace_days=0
    )


def parameters(
    sql: str, rule: ChurnRule, cutoff: datetime, *, told_before: datetime = NEVER
) -> dict[str, Parameter]:
    """Values for those of the rule's named parameters that `sql` uses."""
    window_start, window_stop = rule.window(cutoff)
    active_since = cutoff - timedelta(days=rule.active_within_days)
    values: dict[str, Parameter] = {
        "cutoff": cutoff,
        "active_since": active_since,
        "away_since": active_since - rule.horizon,
        "running_since": cutoff - rule.grace,
        "signed_up_before": cutoff - timedelta(days=rule.minimum_history_days),
        "window_start": window_start,
        "window_stop": window_stop,
        "stayed_before": rule.matures_at(cutoff),
        "back_before": rule.matures_at(cutoff) + rule.horizon,
        "told_before": told_before,
        "grace_days": rule.grace_days,
        "minimum_payments": rule.minimum_payments,
        "kinds": list(rule.kinds),
        "statuses": list(rule.statuses),
    }
    return {name: values[name] for name in set(_PARAMETER.findall(sql)) & values.keys()}


_PAST = f"known_at < {_THEN} AND occurred_at < {_THEN}"
_LATELY = f"{_PAST} AND occurred_at >= CAST($active_since AS TIMESTAMP)"
_LATER = (
    f"known_at < {_NOW} AND occurred_at >= CAST($window_start AS TIMESTAMP) "
    "AND occurred_at < CAST($stayed_before AS TIMESTAMP)"
)


def _filled(name: str, rule: ChurnRule, moment: str) -> str:
    """The fragment `name` with those it names; `moment` bounds what is known of subscriptions."""
    return _text(name).format_map(_Fragments(rule, moment))


class _Fragments(dict[str, str]):
    """What a name in braces stands for under one rule; made when it is asked for."""

    def __init__(self, rule: ChurnRule, moment: str) -> None:
        super().__init__()
        self._rule = rule
        self._moment = moment

    def __missing__(self, name: str) -> str:
        rule = self._rule
        if name == "moment":
            return self._moment
        if name == "kinds":
            return "list_contains(CAST($kinds AS VARCHAR[]), kind)" if rule.kinds else "TRUE"
        if name == "counted":
            return "TRUE" if rule.include_trials else "NOT trial"
        if name == "unpaused":
            return "TRUE" if rule.include_paused else _UNPAUSED
        if name == "candidates":
            return _filled(f"{rule.kind}_candidates", rule, self._moment)
        if name == "refunds":
            return _filled("refunds" if rule.refunds_undo else "no_refunds", rule, self._moment)
        if name == "memberships_then":
            return _filled("memberships", rule, _THEN)
        if name in _PAYMENTS:
            kept = "payments_standing" if rule.refunds_undo else "payments_all"
            return _text(kept).format(bounds=_PAYMENTS[name])
        return _filled(name, rule, self._moment)


_PAYMENTS = {"payments": _PAST, "payments_lately": _LATELY, "payments_later": _LATER}

_UNPAUSED = f"(paused_from IS NULL OR paused_until <= {_THEN})"


@functools.cache
def _text(name: str) -> str:
    text = (resources.files("engine.features") / "rules" / f"{name}.sql").read_text("utf-8")
    return without_comments(text)

"""Reading the ledger: the log page by page, a user's contacts, and what effects are read from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.effects.honest_labels import Contacts
from engine.store.codec import from_json
from engine.store.lease import lease
from engine.types import InterventionRow, LogPage, Words

if TYPE_CHECKING:
    import duckdb

LOG_SCHEMA_VERSION = 1

_ROWS = """
    SELECT i.intervention_id, i.plan_id, c.name, i.user_id, i.template_id, i.locale, i.channel,
           i.arm, i.propensity, s.status, s.reason, i.decided_at,
           coalesce(d.sent_at, i.imported_sent_at), i.operator, i.risk, i.reason_groups,
           i.offer_percent, coalesce(o.outcome, ''), i.reasons
    FROM intervention AS i
    JOIN campaign AS c USING (campaign_id)
    JOIN intervention_status AS s USING (intervention_id)
    LEFT JOIN intervention_sent AS d USING (intervention_id)
    LEFT JOIN outcome AS o USING (intervention_id)
"""

_MATCHES = """
    WHERE ? = '' OR contains(lower(concat_ws(' ', i.user_id, c.name, i.template_id, i.arm,
                                             s.status, s.reason, i.operator, o.outcome)), ?)
"""

_EXPORT = """
    SELECT {version} AS log_schema_version,
           i.intervention_id, i.campaign_id, c.name AS campaign, i.step_no, i.plan_id AS batch_id,
           i.user_id AS user_key,
           i.decided_at, i.operator AS operator_id, a.operator AS approver_id,
           i.eligible_set_size, i.arm, i.propensity AS p_assign, i.p_by_arm, i.draw, i.salt_epoch,
           i.position AS rank, i.action_set,
           i.model_id, i.scoring_run_id, i.cutoff AS score_at, i.risk AS p_churn,
           i.value AS value_hat, i.reason_groups AS reason_codes, i.reasons,
           i.features_sha256, i.cutoff AS features_as_of,
           i.template_id, i.template_version, i.message_class, i.locale, i.subject_sha256,
           coalesce(s.rendered_sha256, i.rendered_sha256) AS rendered_sha256, i.channel,
           i.offer_percent AS offer_depth, i.currency, i.offer_valid_until AS valid_until,
           i.expected_cost,
           s.status, s.reason AS status_reason, s.happened_at AS status_at,
           coalesce(d.sent_at, i.imported_sent_at) AS sent_at, d.message_id,
           i.window_start, i.window_end, o.outcome, o.closed_at AS outcome_at,
           o.decided_by AS outcome_source
    FROM intervention AS i
    JOIN campaign AS c USING (campaign_id)
    JOIN intervention_status AS s USING (intervention_id)
    LEFT JOIN intervention_sent AS d USING (intervention_id)
    LEFT JOIN outcome AS o USING (intervention_id)
    LEFT JOIN (
        SELECT intervention_id, max(operator) AS operator
        FROM delivery_event
        WHERE status = 'approved'
        GROUP BY intervention_id
    ) AS a USING (intervention_id)
    ORDER BY i.decided_at, i.intervention_id
"""


@dataclass(frozen=True, slots=True)
class CampaignCounts:
    """Everyone as assigned whose outcome is known, for the read-out of a campaign's effect."""

    campaign_id: str
    campaign: str
    assigned_treated: int  # outcome known or not
    assigned_held_out: int
    treated: int
    treated_retained: int
    held_out: int
    held_out_retained: int
    planned_holdout: float | None  # mean logged probability of being held out


def page(ledger: Path, text: str, start: int, count: int) -> LogPage:
    """Rows `start` to `start + count` of the log, newest first; `text` in any visible column."""
    needle = text.strip().lower()
    with lease(ledger) as connection:
        total = connection.execute(
            f"SELECT count(*) FROM ({_ROWS} {_MATCHES}) AS found", [needle, needle]
        ).fetchall()[0][0]
        rows = connection.execute(
            f"{_ROWS} {_MATCHES} ORDER BY i.decided_at DESC, i.intervention_id DESC "
            "LIMIT ? OFFSET ?",
            [needle, needle, count, start],
        ).fetchall()
    return LogPage(tuple(_row(row) for row in rows), start, int(total))


def contacts_of(ledger: duckdb.DuckDBPyConnection, user_id: str) -> tuple[InterventionRow, ...]:
    """Everything that was decided for one user, newest first."""
    rows = ledger.execute(
        f"{_ROWS} WHERE i.user_id = ? ORDER BY i.decided_at DESC, i.intervention_id DESC",
        [user_id],
    ).fetchall()
    return tuple(_row(row) for row in rows)


def contacts_of_users(
    ledger: Path, user_ids: Sequence[str]
) -> dict[str, tuple[InterventionRow, ...]]:
    """The same for several users at once; those without any are left out."""
    with lease(ledger) as connection:
        rows = connection.execute(
            f"{_ROWS} WHERE i.user_id IN (SELECT unnest(CAST(? AS VARCHAR[]))) "
            "ORDER BY i.decided_at DESC, i.intervention_id DESC",
            [list(user_ids)],
        ).fetchall()
    found: dict[str, tuple[InterventionRow, ...]] = {}
    for row in map(_row, rows):
        found[row.user_id] = (*found.get(row.user_id, ()), row)
    return found


def contacts(ledger: Path) -> Contacts:
    """Every drawn decision as arrays, for honest labels: M rows, in the order of decision."""
    with lease(ledger) as connection:
        columns: Mapping[str, Any] = connection.execute(
            """
            SELECT i.user_id, i.decided_at, coalesce(d.sent_at, i.imported_sent_at) AS sent_at,
                   i.arm, i.propensity, i.draw
            FROM intervention AS i
            LEFT JOIN intervention_sent AS d USING (intervention_id)
            WHERE i.arm IN ('treat', 'holdout')
            ORDER BY i.decided_at, i.intervention_id
            """
        ).fetchnumpy()
    sent_at = np.ma.filled(columns["sent_at"], np.datetime64("NaT"))
    return Contacts(
        user_ids=np.asarray(columns["user_id"], dtype=np.object_),
        decided_at=np.asarray(columns["decided_at"]),
        sent_at=np.asarray(sent_at),
        arms=np.asarray(columns["arm"], dtype=np.object_),
        propensity=np.asarray(columns["propensity"], dtype=np.float64),
        draws=np.asarray(columns["draw"], dtype=np.object_),
    )


def campaign_counts(ledger: Path) -> tuple[CampaignCounts, ...]:
    """One row per campaign, newest first: intention to treat, everyone counted as assigned."""
    with lease(ledger) as connection:
        rows = connection.execute(
            """
            SELECT c.campaign_id, c.name,
                   count(*) FILTER (WHERE i.arm = 'treat'),
                   count(*) FILTER (WHERE i.arm = 'holdout'),
                   count(*) FILTER (WHERE i.arm = 'treat' AND o.outcome IN ('retained', 'churned')),
                   count(*) FILTER (WHERE i.arm = 'treat' AND o.outcome = 'retained'),
                   count(*) FILTER (
                       WHERE i.arm = 'holdout' AND o.outcome IN ('retained', 'churned')),
                   count(*) FILTER (WHERE i.arm = 'holdout' AND o.outcome = 'retained'),
                   avg(CASE i.arm WHEN 'holdout' THEN i.propensity ELSE 1 - i.propensity END)
            FROM campaign AS c
            JOIN intervention AS i USING (campaign_id)
            LEFT JOIN outcome AS o USING (intervention_id)
            WHERE i.arm IN ('treat', 'holdout') AND i.message_class = 'marketing'
            GROUP BY c.campaign_id, c.name, c.created_at
            ORDER BY c.created_at DESC, c.campaign_id DESC
            """
        ).fetchall()
    return tuple(CampaignCounts(*row) for row in rows)


def log_rows(ledger: Path) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Column names and rows of the whole log as exported: no name, no address, no text."""
    return _table(ledger, _EXPORT.format(version=LOG_SCHEMA_VERSION))


def audit_rows(ledger: Path) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Column names and rows of the audit trail."""
    return _table(ledger, "SELECT * FROM audit ORDER BY seq")


def _table(ledger: Path, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    with lease(ledger) as connection:
        cursor = connection.execute(sql)
        names = tuple(str(column[0]) for column in cursor.description or ())
        return names, cursor.fetchall()


def _row(row: Sequence[Any]) -> InterventionRow:
    groups: tuple[str, ...] = tuple(json.loads(row[15]))
    return InterventionRow(
        intervention_id=row[0],
        plan_id=row[1],
        campaign=row[2],
        user_id=row[3],
        name="",
        template_id=row[4],
        locale=row[5],
        channel=row[6],
        arm=row[7],
        propensity=row[8],
        status=row[9],
        status_reason=row[10],
        decided_at=row[11],
        sent_at=row[12],
        operator=row[13],
        risk=row[14],
        reason_groups=groups,
        offer_percent=row[16],
        outcome=row[17],
        told=_told(groups, row[18]),
    )


def _told(groups: tuple[str, ...], reasons: str) -> Words | None:
    """The words of the first of `groups` in the reasons kept with the decision."""
    words = {reason["group"]: reason["words"] for reason in json.loads(reasons)}
    first = words.get(groups[0]) if groups else None
    return None if first is None else from_json(Words, first)

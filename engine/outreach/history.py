"""Past campaigns from another system: read once, as facts, so that effects and labels know them."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import DataError
from engine.outreach import audit
from engine.outreach.rows import insert_rows
from engine.store.lease import lease

if TYPE_CHECKING:
    import duckdb

COLUMNS = (
    "intervention_id",
    "campaign",
    "user_id",
    "decided_at",
    "sent_at",
    "template_id",
    "channel",
    "arm",
    "propensity",
    "offer_percent",
    "status",
    "operator",
    "outcome",
    "window_start",
    "window_end",
)
"""What the file must hold; times are naive UTC, `propensity` is that of the arm taken."""


def import_history(ledger: Path, file: Path, *, operator: str, now: datetime) -> int:
    """Add the rows of a Parquet or CSV file to the log; returns how many were new.

    Running it again adds nothing: ids are kept. Raises `DataError` when a column is missing or a
    value cannot be read; then nothing is added.
    """
    if not file.exists():
        raise DataError(
            "missing_history", f"{file} does not exist", next_step="Correct the path of the log"
        )
    with lease(ledger, write=True) as connection:
        before = _count(connection)
        rows = _read(connection, file)
        campaigns = sorted({str(row["campaign"]) for row in rows})
        first = {
            name: min(r["decided_at"] for r in rows if r["campaign"] == name) for name in campaigns
        }
        insert_rows(
            connection,
            "campaign",
            [
                {
                    "campaign_id": _stable_id("campaign", name),
                    "name": name,
                    "created_at": first[name],
                    "operator": operator,
                    "source": "import",
                }
                for name in campaigns
            ],
        )
        known = dict(connection.execute("SELECT name, campaign_id FROM campaign").fetchall())
        interventions, events, outcomes = [], [], []
        for row in rows:
            intervention = _intervention(row, known[row["campaign"]])
            interventions.append(intervention)
            events.append(_event(row, intervention))
            if row["outcome"]:
                outcomes.append(
                    {
                        "intervention_id": intervention["intervention_id"],
                        "outcome": row["outcome"],
                        "decided_by": "import",
                        "closed_at": row["window_end"],
                        "as_of": row["window_end"],
                    }
                )
        insert_rows(connection, "intervention", interventions)
        insert_rows(connection, "delivery_event", events)
        insert_rows(connection, "outcome", outcomes)
        added = _count(connection) - before
        if added:
            audit.append(
                connection,
                operator=operator,
                action="import_history",
                subject=file.name,
                detail={"rows": len(rows), "added": added},
                now=now,
            )
    return added


def _read(connection: duckdb.DuckDBPyConnection, file: Path) -> list[dict[str, Any]]:
    import duckdb

    reader = (
        "read_csv" if file.suffix == ".csv" or file.name.endswith(".csv.gz") else "read_parquet"
    )
    literal = str(file).replace("'", "''")
    select = """
        SELECT intervention_id::VARCHAR, campaign::VARCHAR, user_id::VARCHAR,
               decided_at::TIMESTAMP, sent_at::TIMESTAMP, template_id::VARCHAR, channel::VARCHAR,
               arm::VARCHAR, propensity::DOUBLE, coalesce(offer_percent::DOUBLE, 0),
               status::VARCHAR, operator::VARCHAR, coalesce(outcome::VARCHAR, ''),
               window_start::TIMESTAMP, window_end::TIMESTAMP
    """
    try:
        found = connection.execute(f"{select} FROM {reader}('{literal}')").fetchall()
    except (
        duckdb.BinderException,
        duckdb.ConversionException,
        duckdb.InvalidInputException,
    ) as error:
        raise DataError(
            "history_columns",
            f"{file.name} is no intervention log: {str(error).splitlines()[0]}",
            why=f"It needs the columns {', '.join(COLUMNS)}",
            next_step="Correct the file and import it again; nothing was added",
        ) from error
    rows = [dict(zip(COLUMNS, values, strict=True)) for values in found]
    for row in rows:
        _check(file, row)
    return rows


def _check(file: Path, row: dict[str, Any]) -> None:
    arms = {"treat", "holdout"}
    empty = [name for name in COLUMNS if row[name] is None and name not in ("sent_at", "operator")]
    problem = ""
    if empty:
        problem = f"{empty[0]} is empty"
    elif row["arm"] not in arms:
        problem = f"arm = {row['arm']!r} is not one of {sorted(arms)}"
    elif not 0 < row["propensity"] <= 1:
        problem = f"propensity = {row['propensity']} is not above 0 and at most 1"
    elif row["window_end"] <= row["window_start"]:
        problem = "window_end is not after window_start"
    elif row["outcome"] not in ("", "retained", "churned", "converted", "censored"):
        problem = f"outcome = {row['outcome']!r} is not retained, churned, converted or censored"
    if problem:
        raise DataError(
            "history_row",
            f"{file.name}, intervention {row['intervention_id']}: {problem}",
            next_step="Correct the file and import it again; nothing was added",
        )


def _intervention(row: dict[str, Any], campaign_id: str) -> dict[str, Any]:
    arm, share = row["arm"], float(row["propensity"])
    other = "holdout" if arm == "treat" else "treat"
    rest = max(0.0, 1 - share)
    return {
        "intervention_id": _stable_id("intervention", row["intervention_id"]),
        "campaign_id": campaign_id,
        "plan_id": "",
        "user_id": row["user_id"],
        # One campaign of the past may have written to a user more than once.
        "step_no": _step_no(row["intervention_id"]),
        "decided_at": row["decided_at"],
        "operator": row["operator"] or "",
        "arm": arm,
        "propensity": share,
        "p_by_arm": f'{{"{arm}": {share}, "{other}": {rest}}}',
        # A decision at another time is another draw, also within one campaign.
        "draw": f"campaign:{campaign_id}:{row['decided_at']:%Y-%m-%dT%H:%M:%S}",
        "salt_epoch": "",
        "position": 0,
        "eligible_set_size": 0,
        "action_set": "[]",
        "reasons": "[]",
        "reason_groups": "[]",
        "template_id": row["template_id"],
        "template_version": "",
        "message_class": "marketing",
        "locale": "",
        "channel": row["channel"],
        "variables": "{}",
        "offer_percent": row["offer_percent"],
        "expected_cost": 0.0,
        "currency": "",
        "window_start": row["window_start"],
        "window_end": row["window_end"],
        "imported_sent_at": row["sent_at"],
    }


def _event(row: dict[str, Any], intervention: dict[str, Any]) -> dict[str, Any]:
    return {
        "intervention_id": intervention["intervention_id"],
        "seq": 1,
        "status": row["status"],
        "reason": "imported",
        "happened_at": row["sent_at"] or row["decided_at"],
        "operator": row["operator"] or "",
    }


def _stable_id(kind: str, name: str) -> str:
    """The same id for the same name at every import; an id that is one already is kept."""
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"retention:{kind}:{name}"))


def _step_no(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.execute("SELECT count(*) FROM intervention").fetchall()[0][0])

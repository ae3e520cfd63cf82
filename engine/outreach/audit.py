"""The audit trail: one hash-chained row per command, so that a change afterwards shows.

The chain proves that rows were not altered or removed in the middle; that the newest rows are
all there is proved only by a copy of the last hash kept elsewhere (`last_hash`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

GENESIS = "0" * 64


def append(
    connection: duckdb.DuckDBPyConnection,
    *,
    operator: str,
    action: str,
    subject: str,
    detail: Mapping[str, object],
    now: datetime,
) -> None:
    """Add a row inside the caller's write lease: it is kept exactly when the command is."""
    newest = connection.execute(
        "SELECT seq, row_hash FROM audit ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    seq, previous = (int(newest[0]) + 1, str(newest[1])) if newest else (1, GENESIS)
    text = json.dumps(detail, sort_keys=True, ensure_ascii=False, default=str)
    row_hash = _row_hash(seq, now, operator, action, subject, text, previous)
    connection.execute(
        "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [seq, now, operator, action, subject, text, previous, row_hash],
    )


def verify(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """What is wrong with the chain, one sentence each; empty when it holds."""
    problems: list[str] = []
    previous, expected_seq = GENESIS, 1
    rows = connection.execute(
        "SELECT seq, happened_at, operator, action, object, detail, prev_hash, row_hash "
        "FROM audit ORDER BY seq"
    ).fetchall()
    for seq, happened_at, operator, action, subject, detail, prev_hash, row_hash in rows:
        if seq != expected_seq:
            problems.append(f"Audit row {expected_seq} is missing.")
            expected_seq = seq
        if prev_hash != previous:
            problems.append(f"Audit row {seq} does not continue the row before it.")
        if row_hash != _row_hash(seq, happened_at, operator, action, subject, detail, prev_hash):
            problems.append(f"Audit row {seq} ({action} by {operator}) was altered.")
        previous = row_hash
        expected_seq += 1
    return tuple(problems)


def last_hash(connection: duckdb.DuckDBPyConnection) -> str:
    """The hash that stands for the whole trail: keep a copy outside this machine."""
    row = connection.execute("SELECT row_hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return str(row[0]) if row else GENESIS


def _row_hash(
    seq: int,
    happened_at: datetime,
    operator: str,
    action: str,
    subject: str,
    detail: str,
    previous: str,
) -> str:
    fields = [seq, happened_at.isoformat(), operator, action, subject, detail, previous]
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()

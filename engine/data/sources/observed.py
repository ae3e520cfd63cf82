"""Columns whose types show only in their values: those of SQLite and of workbooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

import duckdb

from engine.data.sources.staging import Staging, workplace

Observed: TypeAlias = str | bool | int | float | bytes | datetime | date | time | timedelta | None

_TYPES: dict[frozenset[type], tuple[str, ...]] = {
    frozenset({bool}): ("BOOLEAN",),
    frozenset({int}): ("BIGINT", "HUGEINT", "DOUBLE"),
    frozenset({float}): ("DOUBLE",),
    frozenset({int, float}): ("DOUBLE",),
    frozenset({timedelta}): ("DOUBLE",),
    frozenset({datetime}): ("TIMESTAMP",),
    frozenset({date}): ("DATE",),
    frozenset({date, datetime}): ("TIMESTAMP",),
    frozenset({time}): ("TIME",),
}
"""The kinds of values in a column -> its type; any other mixture is text."""


def copy_observed(
    connection: duckdb.DuckDBPyConnection,
    into: str,
    names: Sequence[str],
    batches: Iterable[Sequence[Sequence[Observed]]],
) -> None:
    """Fill the new table `into` from batches of rows."""
    kinds: list[set[type]] = [set() for _ in names]
    with workplace(connection) as folder:
        staging = Staging(connection, into, names, folder)
        for batch in batches:
            for seen, values in zip(kinds, zip(*batch, strict=True), strict=True):
                seen.update(map(type, values))
            staging.rows([[as_text(value) for value in row] for row in batch])
        staging.finish([_TYPES.get(frozenset(seen - {type(None)}), ()) for seen in kinds])


def as_text(value: Observed) -> str | None:
    """The value as the text that DuckDB casts to its type; a span of time in seconds."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, timedelta):
        return repr(value.total_seconds())
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return repr(value)

"""What the checks judge, measured in few passes: narrow scans, samples by user, no join of facts.

Numbers of rows are exact. Percentiles come from every n-th row and repeats from every n-th user of
a large table; both choices depend on the data alone, so that the same data give the same report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from typing import Any

import duckdb

from engine.data.attributes import attribute_names, pointer
from engine.data.checks import REASONS
from engine.data.compile import BLANKS
from engine.data.quality.report import ColumnQuality, QuarantineGroup
from engine.types import DataSummary

SAMPLED_ROWS = 1_000_000
"""So many rows tell percentiles and repeats well enough."""

OUTLIER_FACTOR = 10
"""A value above this many times the 99th percentile is an outlier."""

READ_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "users": ("signed_up_at", "name", "email", "locale", "city", "channel",
              "marketing_consent", "personalisation_allowed"),
    "events": ("kind", "content_id", "duration_s", "value", "device"),
    "payments": ("amount", "status", "product", "coupon_code"),
    "subscriptions": ("plan", "ends_at", "cancelled_at", "auto_renew", "price", "trial",
                      "paused_at", "resumes_at"),
    "contents": ("title", "topic", "author", "format", "minutes", "price", "published_at"),
    "messages": ("channel", "rating", "status", "resolved_at"),
}  # fmt: skip
"""What features or messages read, beside keys and times that every row has."""

NUMBERS: Mapping[str, tuple[str, ...]] = {
    "events": ("duration_s", "value"),
    "payments": ("amount",),
    "subscriptions": ("price",),
}
"""The columns whose outliers would distort sums."""


@dataclass(frozen=True, slots=True)
class Daily:
    """The days of one table, from its first up to the end of the data, empty days too."""

    first_day: date
    rows: tuple[int, ...]
    late: int

    @property
    def longest_gap_days(self) -> int:
        """Days in a row without a row, between the first and the last that have one."""
        longest = run = 0
        for rows in self.rows:
            if rows:
                longest, run = max(longest, run), 0
            else:
                run += 1
        return longest

    @property
    def silent_days(self) -> int:
        """Days without a row before the end of the data."""
        return next((n for n, rows in enumerate(reversed(self.rows)) if rows), len(self.rows))


@dataclass(frozen=True, slots=True)
class UserCounts:
    """The row of `users.sql`."""

    without_facts: int
    without_email: int
    without_consent: int
    sharing_email: int
    without_sign_up: int


@dataclass(frozen=True, slots=True)
class Hour:
    """Events in one hour of the day (UTC)."""

    hour: int
    rows: int
    on_the_hour: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was measured."""

    daily: Mapping[str, Daily]
    late_hours: tuple[tuple[int, int], ...]  # whole hours of delay, facts; ascending
    hours: tuple[Hour, ...]
    kinds: Mapping[str, int]  # of events, most frequent first
    columns: tuple[ColumnQuality, ...]
    users: UserCounts
    user_step: int  # repeats and long days are measured on one user in so many
    comparable: int  # sampled facts that carry a time of day
    repeated: int  # of them, those that say again what another says
    user_days: int  # sampled days of a user with events that last
    long_days: int  # of them, those that hold over 24 hours
    quarantine: tuple[QuarantineGroup, ...]


def measure(
    connection: duckdb.DuckDBPyConnection, loaded: DataSummary, *, examples: int
) -> Figures:
    """Measure the loaded data; of each reason of the quarantine, `examples` rows."""
    facts = sum(loaded.rows[name] for name in ("events", "payments", "messages"))
    step = {"step": -(-max(facts, 1) // SAMPLED_ROWS)}
    daily = _daily(connection, loaded)
    ((comparable, repeated),) = _rows(connection, "repeats", step)
    ((user_days, long_days),) = _rows(connection, "long_days", step)
    return Figures(
        daily=daily,
        late_hours=tuple(_rows(connection, "late")) if any(d.late for d in daily.values()) else (),
        hours=tuple(Hour(*row) for row in _rows(connection, "hours")),
        kinds=dict(
            connection.execute(
                "SELECT kind, count(*) FROM events GROUP BY kind ORDER BY count(*) DESC, kind"
            ).fetchall()
        ),
        columns=(
            *(
                column
                for table, names in READ_COLUMNS.items()
                if loaded.rows[table]
                for column in _columns(connection, table, names, loaded.rows[table])
            ),
            # Without a time axis the attributes are what features read.
            *(() if daily else _attributes(connection, loaded.users)),
        ),
        users=UserCounts(*_rows(connection, "users")[0]),
        user_step=step["step"],
        comparable=comparable,
        repeated=repeated,
        user_days=user_days,
        long_days=long_days,
        quarantine=tuple(
            QuarantineGroup(
                table, reason, REASONS[reason].refused, rows, REASONS[reason].words, tuple(shown)
            )
            for table, reason, rows, shown in _rows(
                connection, "quarantine", {"examples": examples}
            )
        ),
    )


def _rows(
    connection: duckdb.DuckDBPyConnection, name: str, parameters: Mapping[str, object] | None = None
) -> list[Any]:
    text = (resources.files("engine.data.quality") / f"{name}.sql").read_text("utf-8")
    return connection.execute(text, dict(parameters or {})).fetchall()


def _daily(connection: duckdb.DuckDBPyConnection, loaded: DataSummary) -> dict[str, Daily]:
    counted = connection.execute("SELECT table_name, day, rows, late FROM daily_rows").fetchall()
    end = loaded.as_of.date()
    by_table: dict[str, dict[date, tuple[int, int]]] = {}
    for table, day, rows, late in counted:
        if day < end:  # a subscription may be sold ahead
            by_table.setdefault(table, {})[day] = (rows, late)
    found = {}
    for table, days in sorted(by_table.items()):
        first = min(days)
        span = (first + timedelta(n) for n in range((end - first).days))
        found[table] = Daily(
            first,
            tuple(days.get(day, (0, 0))[0] for day in span),
            sum(late for _, late in days.values()),
        )
    return found


def _columns(
    connection: duckdb.DuckDBPyConnection, table: str, names: tuple[str, ...], rows: int
) -> list[ColumnQuality]:
    numbers = NUMBERS.get(table, ())
    limits = _outlier_limits(connection, table, numbers, rows) if numbers else {}
    parts = [f"count({name}), coalesce(min({name}) = max({name}), false)" for name in names]
    parts += [f"count(*) FILTER (abs({name}) > ${name})" for name in limits]
    row = connection.execute(f"SELECT {', '.join(parts)} FROM {table}", limits).fetchone()
    assert row is not None  # an aggregate without GROUP BY always gives one row
    outliers = dict(zip(limits, row[2 * len(names) :], strict=True))
    return [
        ColumnQuality(
            table=table,
            column=name,
            missing=rows - row[2 * n],
            missing_share=(rows - row[2 * n]) / rows,
            constant=bool(row[2 * n + 1]) and row[2 * n] > 1,
            outliers=outliers.get(name, 0),
            outlier_limit=limits.get(name),
        )
        for n, name in enumerate(names)
    ]


def _attributes(connection: duckdb.DuckDBPyConnection, users: int) -> list[ColumnQuality]:
    names = attribute_names(connection)
    if not names:
        return []
    about = {"names": names, "pointers": [pointer(name) for name in names], "blanks": BLANKS}
    return [
        ColumnQuality(
            table="attributes",
            column=name,
            missing=users - present,
            missing_share=(users - present) / users,
            constant=constant and present > 1,
        )
        for name, present, constant in _rows(connection, "attributes", about)
    ]


def _outlier_limits(
    connection: duckdb.DuckDBPyConnection, table: str, names: tuple[str, ...], rows: int
) -> dict[str, float]:
    """Column -> the absolute value above which it is an outlier; columns without values are out."""
    parts = ", ".join(
        f"quantile_cont(abs({name}), 0.99) FILTER ({name} <> 0) * {OUTLIER_FACTOR}"
        for name in names
    )
    row = connection.execute(
        f"SELECT {parts} FROM {table} WHERE rowid % $step = 0",
        {"step": -(-rows // SAMPLED_ROWS)},
    ).fetchone()
    return {name: limit for name, limit in zip(names, row or (), strict=True) if limit is not None}

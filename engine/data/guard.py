"""Does a load look broken? Then the old data are the better ones until a person has looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import median

from engine.data.contract import FACTS
from engine.data.previous import Previous
from engine.errors import DataError
from engine.settings import DataSettings
from engine.types import TableLoad

WEEKS = 4
"""A day is compared with the same weekday of so many weeks before it."""

LEAST_EXPECTED = 20
"""Where fewer rows are usual in a day, half of them says nothing."""

LEAST_READ = 20
"""… and a share of fewer rows says nothing either."""


def refuse_broken(
    settings: DataSettings,
    previous: Previous,
    tables: Sequence[TableLoad],
    daily: Mapping[str, Mapping[date, int]],
    as_of: datetime,
    *,
    now: datetime,
) -> None:
    """Raise `DataError` when the loaded `tables` look broken beside what was there before.

    `daily`: table -> day -> rows after this load. A first load has nothing to be compared with:
    only the share of refused rows counts.
    """
    found = [
        *_refused(settings, tables),
        *_emptied(previous, tables),
        *_users_lost(settings, previous, tables),
        *_backwards(previous, as_of),
        *_thin_days(settings, previous, daily, min(as_of, now)),
    ]
    if found:
        raise DataError(
            "load_looks_broken",
            "The load looks broken: " + "; ".join(found),
            why="The old data are untouched; the limits are in retention.toml, section [data]",
            next_step="Look at the sources; to load them as they are: `retention load --accept`",
        )


def _refused(settings: DataSettings, tables: Sequence[TableLoad]) -> list[str]:
    limit = settings.most_refused_share
    return [
        f"{table.refused} of {table.read} rows of {table.table} were refused "
        f"(most often {_worst(table)}; limit {limit:.0%})"
        for table in tables
        if table.read >= LEAST_READ and table.refused > limit * table.read
    ]


def _worst(table: TableLoad) -> str:
    return max(table.quarantined, key=lambda code: table.quarantined[code])


def _emptied(previous: Previous, tables: Sequence[TableLoad]) -> list[str]:
    kept = {table.table: table.kept for table in tables}
    return [
        f"{name} had {rows} rows and has none now"
        for name, rows in previous.rows.items()
        if rows and not kept.get(name)
    ]


def _users_lost(
    settings: DataSettings, previous: Previous, tables: Sequence[TableLoad]
) -> list[str]:
    limit = settings.most_users_lost_share
    before = previous.rows.get("users", 0)
    now = next((table.kept for table in tables if table.table == "users"), 0)
    if before < LEAST_READ or now >= (1 - limit) * before or now == 0:
        return []
    return [f"users went from {before} to {now} (limit {limit:.0%} fewer)"]


def _backwards(previous: Previous, as_of: datetime) -> list[str]:
    if previous.as_of is None or as_of >= previous.as_of:
        return []
    return [
        f"the data reach to {as_of:%Y-%m-%d} only, before they reached {previous.as_of:%Y-%m-%d}"
    ]


def _thin_days(
    settings: DataSettings,
    previous: Previous,
    daily: Mapping[str, Mapping[date, int]],
    end: datetime,
) -> list[str]:
    """Tables whose newest complete day has too few rows, unless that was accepted before."""
    day = end.date() - timedelta(days=1)
    reached = min(previous.as_of or datetime.min, previous.loaded_at or datetime.min)
    judged_before = reached.date() > day  # the day was over then, and had the rows that it had
    found = []
    for name in FACTS:
        before = previous.daily.get(name, {})
        rows = daily.get(name, {}).get(day, 0)
        weekdays = [day - timedelta(weeks=week) for week in range(1, WEEKS + 1)]
        counts = [
            before.get(earlier, 0) for earlier in weekdays if earlier >= min(before, default=day)
        ]
        expected = median(counts) if len(counts) > 1 else 0
        accepted = judged_before and rows >= before.get(day, 0)
        limit = settings.least_day_share
        if expected >= LEAST_EXPECTED and rows < limit * expected and not accepted:
            found.append(
                f"{name} has {rows} rows on {day}, expected were about {expected:.0f} as on the "
                f"{len(counts)} same weekdays before (limit {limit:.0%})"
            )
    return found

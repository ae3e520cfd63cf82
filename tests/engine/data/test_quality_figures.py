"""What is measured, beside plain Python over the same rows; in any order of the rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.contract import behaviour_sql, contract
from engine.data.digests import count_anew
from engine.data.quality.figures import Daily, Figures, measure
from engine.types import DataSummary

AS_OF = datetime(2026, 3, 1)
EVENT = tuple[str, str, datetime, datetime, str, float | None]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute(behaviour_sql())
        yield opened


def events(seed: int = 3) -> list[EVENT]:
    """Five users, some events told twice, some late, some of an absurd length."""
    rng = random.Random(seed)
    rows: list[EVENT] = []
    for n in range(400):
        happened = AS_OF - timedelta(seconds=rng.randrange(1, 40 * 86_400))
        known = happened + timedelta(hours=rng.choice((0, 0, 1, 30, 80)))
        seconds = rng.choice((None, 60.0, 600.0, 50_000.0))
        rows.append((f"e{n}", f"u{n % 5}", happened, min(known, AS_OF), rng.choice("abc"), seconds))
    rows += [(f"again{n}", *rows[n][1:]) for n in range(20)]
    rows.append(("huge", "u1", AS_OF - timedelta(days=2, seconds=7), AS_OF, "a", 2e6))
    return rows


def fill(connection: duckdb.DuckDBPyConnection, rows: list[EVENT]) -> DataSummary:
    connection.execute("DELETE FROM users; DELETE FROM events; DELETE FROM daily_rows")
    connection.executemany(
        "INSERT INTO users (user_id, email) VALUES (?, ?)",
        [(f"u{n}", f"u{n % 4}@example.com") for n in range(7)],
    )
    connection.executemany(
        "INSERT INTO events (event_id, user_id, occurred_at, known_at, kind, duration_s) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )
    count_anew(connection, contract()["events"])
    tables = ("users", "events", "payments", "subscriptions", "contents", "messages")
    counts = dict.fromkeys(tables, 0) | {"users": 7, "events": len(rows)}
    return DataSummary(7, counts, rows[0][2], AS_OF, AS_OF, "CNY", "Asia/Shanghai", 0)


def measured(connection: duckdb.DuckDBPyConnection, rows: list[EVENT]) -> Figures:
    return measure(connection, fill(connection, rows), examples=5)


def test_every_figure_is_what_python_counts(connection: duckdb.DuckDBPyConnection) -> None:
    rows = events()
    found = measured(connection, rows)
    days = Counter(row[2].date() for row in rows)
    own = found.daily["events"]
    assert own.first_day == min(days)
    assert own.rows == tuple(days[own.first_day + timedelta(days=n)] for n in range(len(own.rows)))
    late = [row for row in rows if row[3] > row[2] + timedelta(days=1)]
    assert own.late == len(late) == sum(count for _, count in found.late_hours)
    assert [hours for hours, _ in found.late_hours] == sorted({h for h, _ in found.late_hours})
    assert found.kinds == dict(Counter(row[4] for row in rows).most_common())
    assert sum(one.rows for one in found.hours) == len(rows)
    alike = Counter(row[1:3] + row[4:] for row in rows)
    assert (found.user_step, found.comparable) == (1, len(rows))
    assert found.repeated == sum(count - 1 for count in alike.values())
    lengths: Counter[tuple[str, date]] = Counter()
    for row in rows:
        if row[5]:
            lengths[row[1], row[2].date()] += int(row[5])
    assert found.user_days == len(lengths)
    assert found.long_days == sum(seconds > 86_400 for seconds in lengths.values())
    duration = next(one for one in found.columns if one.column == "duration_s")
    assert duration.missing == sum(row[5] is None for row in rows)
    assert duration.outlier_limit == pytest.approx(500_000.0)
    assert duration.outliers == 1
    device = next(one for one in found.columns if one.column == "device")
    assert (device.missing_share, device.constant) == (1.0, False)
    assert found.users.without_facts == 2
    assert found.users.sharing_email == 6


def test_the_order_of_the_rows_does_not_matter(connection: duckdb.DuckDBPyConnection) -> None:
    rows = events()
    found = measured(connection, rows)
    random.Random(9).shuffle(rows)
    assert measured(connection, rows) == found


def test_without_a_time_axis_the_attributes_are_columns(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    people = ('{"a/b": "1", "plan": "x"}', '{"a/b": " ", "plan": "x"}', None)
    connection.executemany(
        "INSERT INTO users (user_id, attributes) VALUES (?, ?)",
        [(f"u{n}", said) for n, said in enumerate(people)],
    )
    tables = ("users", "events", "payments", "subscriptions", "contents", "messages")
    loaded = DataSummary(
        3, dict.fromkeys(tables, 0) | {"users": 3}, AS_OF, AS_OF, AS_OF, "CNY", "UTC", 0
    )
    found = [
        (one.column, one.missing, one.constant)
        for one in measure(connection, loaded, examples=5).columns
        if one.table == "attributes"
    ]
    assert found == [("a/b", 2, False), ("plan", 1, True)]


def test_dates_without_a_clock_are_not_called_repeats(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    midnight = datetime(2026, 2, 1)
    rows: list[EVENT] = [(f"e{n}", "u1", midnight, midnight, "a", None) for n in range(9)]
    found = measured(connection, rows)
    assert (found.comparable, found.repeated) == (0, 0)


def test_counted_days_are_taken_from_the_load(connection: duckdb.DuckDBPyConnection) -> None:
    loaded = fill(connection, events())
    connection.execute("DELETE FROM daily_rows")
    connection.execute("INSERT INTO daily_rows VALUES ('events', DATE '2026-02-20', 7, 2)")
    own = measure(connection, loaded, examples=5).daily["events"]
    assert (own.first_day, own.rows, own.late) == (date(2026, 2, 20), (7, *[0] * 8), 2)
    assert own.silent_days == 8


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_gaps_and_silence_are_runs_of_empty_days(rows: list[int]) -> None:
    days = Daily(date(2026, 1, 1), tuple(rows), 0)
    text = "".join("x" if count else "." for count in rows)
    inside = text.rstrip(".").split("x")
    assert days.silent_days == len(text) - len(text.rstrip("."))
    assert days.longest_gap_days == max(len(run) for run in inside)

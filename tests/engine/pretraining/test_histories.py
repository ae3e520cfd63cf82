"""Histories: which moments a user has one at, what follows, and that no future reaches them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from engine.features.histories import WEEKS_AHEAD, Histories, pull_histories

Open = Callable[[pd.DataFrame], duckdb.DuckDBPyConnection]
UNTIL = datetime(2026, 3, 1)
WEEKS = 8


def pull(connection: duckdb.DuckDBPyConnection, most_users: int = 1_000) -> Histories:
    return pull_histories(connection, UNTIL, weeks=WEEKS, most_users=most_users)


def events(user_id: str, *days_before: float) -> pd.DataFrame:
    moments = [UNTIL - timedelta(days=days) for days in days_before]
    return pd.DataFrame(
        {
            "event_id": [f"{user_id}{place}" for place in range(len(moments))],
            "user_id": user_id,
            "occurred_at": moments,
            "known_at": moments,
            "kind": "app_open",
        }
    )


def same(one: Histories, other: Histories) -> bool:
    """Equal in every row and event; the user's number may differ, not whom it joins."""
    a, b = one.frame, other.frame
    if list(a.user_ids) != list(b.user_ids) or not np.array_equal(a.cutoffs, b.cutoffs):
        return False
    for row in range(len(a)):
        for name in ("kind", "value", "occurred_s"):
            parts = [
                getattr(f.sequences, name)[f.sequences.start[row] : f.sequences.stop[row]]
                for f in (a, b)
            ]
            if not np.array_equal(*parts):
                return False
    return np.array_equal(one.ahead, other.ahead, equal_nan=True)


def test_what_follows_is_counted_by_the_week(open_events: Open) -> None:
    found = pull(open_events(events("a", 50, 20, 12, 11, 0.5)))
    moments = [UNTIL - timedelta(weeks=back) for back in (6, 5, 4, 3, 2, 1, 0)]
    of = {str(moment): row for row, moment in enumerate(found.frame.cutoffs)}
    two_back, newest = of[str(np.datetime64(moments[4], "s"))], of[str(np.datetime64(UNTIL, "s"))]
    assert list(found.ahead[two_back][:2]) == [2, 1]
    assert np.isnan(found.ahead[two_back][2:]).all()
    assert np.isnan(found.ahead[newest]).all()
    assert found.ahead.shape[1] == WEEKS_AHEAD


def test_whoever_was_not_seen_of_late_has_no_history(open_events: Open) -> None:
    found = pull(open_events(pd.concat([events("a", 3), events("gone", 45)])))
    gone = found.frame.cutoffs[found.frame.user_ids == "gone"]
    assert len(gone)
    assert gone.max() < np.datetime64(UNTIL - timedelta(weeks=1), "s")


def test_no_future_reaches_a_history(open_events: Open) -> None:
    past = pd.concat([events("a", 30, 20, 9, 2), events("b", 14, 1)])
    future = pd.concat([events("a", -1, -3), events("b", 0), events("new", -2)])
    future["event_id"] = "later-" + future["event_id"] + future["user_id"]
    late = events("b", 5).assign(event_id="late", known_at=UNTIL + timedelta(days=1))
    one = pull(open_events(past))
    assert len(one) > 5
    assert same(one, pull(open_events(pd.concat([past, future, late]))))


def test_the_order_of_rows_does_not_matter(open_events: Open) -> None:
    rows = pd.concat([events(name, *np.linspace(1, 50, 9)) for name in "abc"])
    one, other = pull(open_events(rows)), pull(open_events(rows.sample(frac=1, random_state=1)))
    assert same(one, other)


def test_of_many_users_the_same_few_teach(open_events: Open) -> None:
    names = [f"u{n}" for n in range(30)]
    rows = pd.concat([events(name, 1, 9) for name in names])
    few = set(pull(open_events(rows), 7).frame.user_ids)
    assert len(few) == 7
    more = pull(open_events(pd.concat([rows, events("later", -4)])), 7)
    assert set(more.frame.user_ids) == few


@pytest.fixture
def open_events() -> Open:
    from importlib import resources

    def opened(rows: pd.DataFrame) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"threads": 1})
        connection.execute((resources.files("engine.store") / "behaviour.sql").read_text("utf-8"))
        users = pd.DataFrame({"user_id": sorted(set(rows["user_id"]))})
        for name, table in {"users": users, "events": rows}.items():
            connection.register("incoming", table)
            connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
            connection.unregister("incoming")
        return connection

    return opened

"""Other worlds: what stands before the loaded tables is gone afterwards, whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import duckdb
import pytest

from engine.monitor.worlds import another_world

CUTOFF = datetime(2026, 5, 1)


@pytest.fixture
def loaded() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE events AS SELECT 'e' || range AS event_id, 'u' || range % 7 AS user_id, "
            "TIMESTAMP '2026-04-01' AS occurred_at, TIMESTAMP '2026-04-01' AS known_at, "
            "'play' AS kind, CAST(NULL AS DOUBLE) AS duration_s, 'web' AS device FROM range(2000)"
        )
        connection.execute("CREATE TABLE payments AS SELECT 'p1' AS payment_id")
        yield connection


def events(connection: duckdb.DuckDBPyConnection, condition: str = "true") -> int:
    return connection.execute(f"SELECT count(*) FROM events WHERE {condition}").fetchall()[0][0]


def test_one_event_in_twenty_is_lost_and_comes_back(loaded: duckdb.DuckDBPyConnection) -> None:
    with another_world(loaded, "events_lost", {"salt": "7"}):
        assert 1_850 < events(loaded) < 1_950
    assert events(loaded) == 2_000


def test_gamers_act_once_a_day_before_the_cutoff(loaded: duckdb.DuckDBPyConnection) -> None:
    values = {"cutoff": CUTOFF, "kind": "app_open", "users": ["u1", "u'2"], "days": 28}
    with another_world(loaded, "gamed", values):
        assert events(loaded, "kind = 'app_open'") == 2 * 28
        assert events(loaded, "kind = 'app_open' AND known_at >= TIMESTAMP '2026-05-01'") == 0
        found = loaded.execute(
            "SELECT count(DISTINCT CAST(occurred_at AS DATE)), max(duration_s), min(occurred_at) "
            "FROM events WHERE kind = 'app_open' AND user_id = 'u''2'"
        ).fetchone()
        assert found == (28, 60.0, datetime(2026, 4, 3, 12))
    assert events(loaded) == 2_000


def test_a_fault_leaves_no_other_world_behind(loaded: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(KeyError), another_world(loaded, "events_lost", {"salt": "7"}):
        raise KeyError("planted")
    assert events(loaded) == 2_000

"""Values that are mended or refused: currencies, clocks, giant and odd texts, far dates."""

from __future__ import annotations

from datetime import datetime

import pytest

from engine.errors import UsageError
from tests.engine.data.conftest import EVENTS, TABLES, USERS, Client

HEAD = "event_id,user_id,occurred_at,kind\n"
PAYMENTS = TABLES + '[tables.payments]\nsource = "p.csv"\n'
MONEY = (
    "payment_id,user_id,occurred_at,amount,status,currency\n"
    "p1,u1,2026-01-05,10,succeeded,CNY\n"
    "p2,u1,2026-01-05,10,succeeded,usd\n"
    "p3,u1,2026-01-05,10,succeeded,\n"
    "p4,u1,2026-01-05,10,succeeded,EUR\n"
)


def test_a_payment_in_another_currency_is_converted_or_refused(client: Client) -> None:
    client.write("p.csv", MONEY)
    amounts = "SELECT payment_id, amount, currency FROM payments ORDER BY 1"
    client.map(PAYMENTS)
    client.load()
    assert client.rows(amounts) == [("p1", 10.0, "CNY"), ("p3", 10.0, "CNY")]
    assert client.quarantined() == {("payments", "other_currency"): 2}
    client.map(PAYMENTS, business="[currencies]\nUSD = 7.1\n")
    client.load()
    assert client.rows(amounts) == [("p1", 10.0, "CNY"), ("p2", 71.0, "CNY"), ("p3", 10.0, "CNY")]
    assert client.quarantined() == {("payments", "other_currency"): 1}


@pytest.mark.parametrize("rate", ["usd = 7.1", "USD = 0", "USD = -1", 'USD = "7"'])
def test_a_rate_is_a_positive_number_of_a_currency(client: Client, rate: str) -> None:
    client.map(business=f"[currencies]\n{rate}\n")
    with pytest.raises(UsageError, match="currencies"):
        client.load()


@pytest.mark.parametrize("typed", [False, True])
def test_times_that_do_not_exist_or_occur_twice(client: Client, typed: bool) -> None:
    client.write(
        "events.csv",
        HEAD
        + "gap,u1,2025-03-09 02:30:00,k\n"  # put forward from two to three
        + "twice,u1,2025-11-02 01:30:00,k\n"  # put back from two to one
        + "before,u1,2025-11-02 00:59:59,k\n"
        + "after,u1,2025-11-02 02:00:00,k\n"
        + ("" if typed else "offset,u1,2025-11-02T01:30:00-04:00,k\n")
        + "other,u1,2025-07-01 01:30:00,k\n",
    )
    columns = '[tables.events.columns]\noccurred_at = "CAST(occurred_at AS TIMESTAMP)"\n'
    client.map(
        TABLES + (columns if typed else ""), business='source_timezone = "America/New_York"\n'
    )
    report = client.load()
    expected = [
        ("after", datetime(2025, 11, 2, 7)),
        ("before", datetime(2025, 11, 2, 4, 59, 59)),
        ("gap", datetime(2025, 3, 9, 7, 30)),  # 03:30 summer time
        ("offset", datetime(2025, 11, 2, 5, 30)),
        ("other", datetime(2025, 7, 1, 5, 30)),
        ("twice", datetime(2025, 11, 2, 6, 30)),  # 01:30 winter time
    ]
    assert client.rows("SELECT event_id, occurred_at FROM events ORDER BY 1") == [
        row for row in expected if not typed or row[0] != "offset"
    ]
    assert report.tables[1].quarantined == {"clock_gap": 1, "clock_overlap": 1}
    assert report.tables[1].refused == 0


def test_where_the_clock_never_changes_nothing_is_noted(client: Client) -> None:
    client.write("events.csv", HEAD + "e1,u1,2025-03-09 02:30:00,k\n")
    client.map(business='source_timezone = "Asia/Shanghai"\n')
    client.load()
    assert client.quarantined() == {}


def test_giant_texts_are_refused_blanked_or_cut(client: Client) -> None:
    giant = "x" * 5_000
    client.write("users.csv", USERS + f"u3,2026-01-03,{giant},\n{giant},2026-01-03,Di,\n")
    client.write("events.csv", EVENTS + f"e3,u1,2026-01-05,{giant},\n{giant},u1,2026-01-05,k,\n")
    text = "好" * 40_000
    client.write(
        "m.csv",
        f"message_id,user_id,occurred_at,channel,text\nm1,u1,2026-01-05,ticket,{text}\n"
        f"m2,u1,2026-01-05,ticket,{giant}\n",
    )
    client.map(TABLES + '[tables.messages]\nsource = "m.csv"\n')
    client.load()
    assert client.quarantined() == {
        ("users", "blanked_value"): 1,
        ("users", "too_long"): 1,
        ("events", "too_long"): 2,
        ("messages", "text_cut"): 1,
    }
    assert client.rows("SELECT name FROM users WHERE user_id = 'u3'") == [(None,)]
    assert client.rows("SELECT length(text) FROM messages ORDER BY message_id") == [
        (25_000,),
        (5_000,),
    ]


@pytest.mark.parametrize("formula", [False, True])
def test_blanks_and_nul_characters_are_no_part_of_a_value(client: Client, formula: bool) -> None:
    import pandas as pd

    client.map(
        '[tables.users]\nsource = "users.csv"\n[tables.events]\nsource = "frame:log"\n'
        + ("[tables.events.columns]\nuser_id = \"user_id || ''\"\n" if formula else "")
    )
    log = pd.DataFrame(
        {
            "event_id": ["e1", "\u3000e2\t", "e\x003"],
            "user_id": ["u1", " u1\u00a0", "u\x001"],
            "occurred_at": ["2026-01-05"] * 3,
            "kind": ["k", " k", "\x00k "],
        }
    )
    client.load(frames={"log": log})
    assert client.rows("SELECT event_id, user_id, kind FROM events ORDER BY 1") == [
        (event, "u1", "k") for event in ("e1", "e2", "e3")
    ]


SUBSCRIPTIONS = (
    "subscription_id,user_id,started_at,ends_at,cancelled_at,trial,paused_at,resumes_at,known_at\n"
)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2026-01-05,9999-12-31,,yes,,,2026-01-05", None),
        ("2026-01-05,infinity,,no,,,2026-01-05", None),
        ("2026-01-05,2026-02-05,,,2026-01-10,2026-01-20,2026-01-05", None),
        ("2026-01-05,2026-02-05,,,2026-01-20,2026-01-10,2026-01-05", "ends_before_start"),
        ("2026-01-05,2026-02-05,0001-01-01,,,,2026-01-05", "out_of_range"),
        ("2026-01-05,2026-02-05,,,9999-01-01,,2026-01-05", "out_of_range"),
        ("2222-01-05,2223-02-05,,,,,2026-01-05", "out_of_range"),
        ("2026-01-05,2026-02-05,,perhaps,,,2026-01-05", "bad_type"),
    ],
)
def test_terms_of_a_subscription(client: Client, row: str, reason: str | None) -> None:
    client.write("s.csv", f"{SUBSCRIPTIONS}s1,u1,{row}\n")
    client.map(TABLES + '[tables.subscriptions]\nsource = "s.csv"\n')
    client.load()
    assert client.quarantined() == ({("subscriptions", reason): 1} if reason else {})
    if "9999-12-31" in row or "infinity" in row:  # there is no end
        assert client.rows("SELECT ends_at FROM subscriptions") == [(None,)]

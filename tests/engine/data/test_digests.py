"""Digests of what was known by day: what is learnt on a day changes no day before it."""

from __future__ import annotations

from datetime import date

import pytest

from tests.engine.data.conftest import TABLES, Client

SUBSCRIPTIONS = (
    "subscription_id,user_id,started_at,ends_at,cancelled_at,auto_renew,paused_at,resumes_at,"
    "known_at\n"
)
MESSAGES = "message_id,user_id,occurred_at,channel,status,resolved_at\n"

# table, header, a row before, the row after, the day on which the difference was learnt
LEARNT = {
    "cancelled": (
        "subscriptions",
        SUBSCRIPTIONS,
        "s1,u1,2026-01-03,2026-06-03,,true,,,2026-01-03",
        "s1,u1,2026-01-03,2026-06-03,2026-01-20,false,,,2026-01-03",
        date(2026, 1, 20),
    ),
    "paused": (
        "subscriptions",
        SUBSCRIPTIONS,
        "s1,u1,2026-01-03,2026-06-03,,true,,,2026-01-03",
        "s1,u1,2026-01-03,2026-06-03,,true,2026-01-11,,2026-01-03",
        date(2026, 1, 11),
    ),
    "resumed": (
        "subscriptions",
        SUBSCRIPTIONS,
        "s1,u1,2026-01-03,2026-06-03,,true,2026-01-11,,2026-01-03",
        "s1,u1,2026-01-03,2026-06-03,,true,2026-01-11,2026-02-01,2026-01-03",
        date(2026, 2, 1),
    ),
    "solved": (
        "messages",
        MESSAGES,
        "m1,u1,2026-01-03,ticket,,",
        "m1,u1,2026-01-03,ticket,solved,2026-01-09",
        date(2026, 1, 9),
    ),
    "renewed": (  # the end moved: it may have been read at any cutoff since the beginning
        "subscriptions",
        SUBSCRIPTIONS,
        "s1,u1,2026-01-03,2026-06-03,,true,,,2026-01-03",
        "s1,u1,2026-01-03,2026-07-03,,true,,,2026-01-03",
        date(2026, 1, 3),
    ),
    "known late": (
        "messages",
        MESSAGES.replace("\n", ",known_at\n"),
        "m0,u1,2026-01-03,ticket,,,",
        "m0,u1,2026-01-03,ticket,,,\nm1,u1,2026-01-03,ticket,,,2026-01-15",
        date(2026, 1, 15),
    ),
}


@pytest.mark.parametrize("mode", ["replace", pytest.param("upsert", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", LEARNT)
def test_what_is_learnt_on_a_day_changes_no_day_before(
    client: Client, name: str, mode: str
) -> None:
    table, header, before, after, day = LEARNT[name]
    client.map(TABLES + f'[tables.{table}]\nsource = "t.csv"\nmode = "{mode}"\n')
    found = []
    for row in (before, after):
        client.write("t.csv", header + row + "\n")
        client.load()
        found.append(
            {
                (table_name, known_day): digest
                for table_name, known_day, digest in client.rows(
                    "SELECT table_name, known_day, digest FROM known_digest"
                )
            }
        )
    differing = {
        known_day
        for key in found[0].keys() | found[1].keys()
        if found[0].get(key) != found[1].get(key)
        for known_day in [key[1]]
    }
    assert differing == {day}


def test_a_new_user_changes_the_day_of_his_sign_up(client: Client) -> None:
    client.load()
    query = "SELECT known_day, digest FROM known_digest WHERE table_name = 'users'"
    before = dict(client.rows(query))
    client.write("users.csv", (client.folder / "users.csv").read_text() + "u3,2026-02-01,,\n")
    client.load()
    after = dict(client.rows(query))
    assert after.keys() - before.keys() == {date(2026, 2, 1)}
    assert {day: after[day] for day in before} == before


def test_days_are_counted_with_what_came_late(client: Client) -> None:
    client.write(
        "events.csv",
        "event_id,user_id,occurred_at,known_at,kind\n"
        "e1,u1,2026-01-05,2026-01-05,k\n"
        "e2,u1,2026-01-05,2026-01-06,k\n"
        "e3,u1,2026-01-05,2026-01-06 00:00:01,k\n"
        "e4,u1,2026-01-07,,k\n",
    )
    client.load()
    assert client.rows("SELECT * FROM daily_rows ORDER BY ALL") == [
        ("events", date(2026, 1, 5), 3, 1),
        ("events", date(2026, 1, 7), 1, 0),
    ]

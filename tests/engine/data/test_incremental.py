"""Adding to what is there: what comes again is nothing, other content is refused or replaces."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.data.contract import KEYS
from engine.data.digests import count_anew
from engine.data.summary import fingerprint, last_report
from engine.errors import DataError, UsageError
from engine.store.lease import lease
from engine.types import TableLoad
from tests.engine.data.conftest import EVENTS, NOW, USERS, Client

HEAD = EVENTS.splitlines()[0] + "\n"

CONTENT = (*KEYS, "quarantine", "daily_rows", "known_digest", "attribute_note", "usual_charge")


def tables(mode: str, *, users: str = "upsert", late: str = "as_given") -> str:
    return (
        f'[tables.users]\nsource = "users.csv"\nmode = "{users}"\n'
        f'[tables.events]\nsource = "events.csv"\nmode = "{mode}"\nlate_rows = "{late}"\n'
    )


def content(client: Client) -> dict[str, list[Any]]:
    """All that a load fills, without the account of the load itself."""
    with lease(client.database) as connection:
        return {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()
            for table in CONTENT
        }


def mark(client: Client) -> str:
    with lease(client.database) as connection:
        return fingerprint(connection)


def events_of(report_tables: tuple[TableLoad, ...]) -> TableLoad:
    return next(table for table in report_tables if table.table == "events")


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_loading_the_same_again_changes_nothing(client: Client, mode: str) -> None:
    client.map(tables(mode, users=mode))
    client.write("users.csv", USERS + "u3,,,not an address\n")
    client.write("events.csv", EVENTS + "e9,nobody,2026-01-05,k,1\ne9,nobody,2026-01-05,k,1\n")
    first = client.load()
    assert first.changed
    before, marked = content(client), mark(client)
    again = client.load(now=NOW + timedelta(hours=3))
    assert content(client) == before
    assert mark(client) == marked
    assert (again.changed, again.load_id) == (False, 2)
    events = events_of(again.tables)
    assert (events.read, events.added, events.already_there, events.refused) == (4, 0, 2, 2)
    assert client.rows("SELECT load_id, loaded_at FROM load_history ORDER BY 1") == [
        (1, NOW),
        (2, NOW + timedelta(hours=3)),
    ]
    assert client.rows("SELECT DISTINCT load_id FROM quarantine") == [(1,)]
    with lease(client.database) as connection:
        assert last_report(connection) == again


def test_append_keeps_the_old_row_and_puts_the_other_one_aside(client: Client) -> None:
    client.map(tables("append"))
    client.load()
    client.write("events.csv", HEAD + "e1,u1,2026-01-05 08:00:00,lesson,61\ne3,u1,2026-01-07,k,\n")
    events = events_of(client.load().tables)
    assert events == TableLoad(
        "events", 2, 3, {"conflicting_key": 1}, added=1, updated=0, already_there=0, refused=1
    )
    assert client.rows("SELECT duration_s FROM events WHERE event_id = 'e1'") == [(60.0,)]
    (row,) = client.rows("SELECT reason, row_json, load_id FROM quarantine")
    assert (row[0], json.loads(row[1])["duration_s"], row[2]) == ("conflicting_key", "61", 2)
    client.load()
    assert client.quarantined() == {("events", "conflicting_key"): 1}


def test_upsert_gives_the_row_its_new_content(client: Client) -> None:
    client.map(tables("upsert"))
    client.load()
    client.write("events.csv", HEAD + "e1,u1,2026-01-05 08:00:00,lesson,61\ne3,u1,2026-01-07,k,\n")
    assert events_of(client.load().tables) == TableLoad("events", 2, 3, {}, added=1, updated=1)
    assert client.rows("SELECT event_id, duration_s FROM events ORDER BY 1") == [
        ("e1", 61.0),
        ("e2", None),
        ("e3", None),
    ]


def test_users_added_today_own_events_and_so_do_those_of_yesterday(client: Client) -> None:
    client.map(tables("append", users="append"))
    client.load()
    client.write("users.csv", USERS.splitlines()[0] + "\nu3,2026-01-07,Cy,\n")
    client.write("events.csv", HEAD + "e3,u3,2026-01-07,k,\ne4,u1,2026-01-07,k,\n")
    report = client.load()
    assert [table.kept for table in report.tables] == [3, 4]
    assert not client.quarantined()


def test_a_user_who_is_gone_takes_his_facts_along(client: Client) -> None:
    client.map(tables("append", users="replace"))
    client.load()
    client.write("users.csv", "\n".join(USERS.splitlines()[:2]) + "\n")
    client.write("events.csv", HEAD + "e3,u1,2026-01-07,k,\n")
    client.load()
    assert client.rows("SELECT event_id FROM events ORDER BY 1") == [("e1",), ("e3",)]
    assert_sums(client)


def test_what_is_not_mapped_any_more_is_not_kept(client: Client) -> None:
    client.write("p.csv", "user_id,occurred_at,amount,status\nu1,2026-01-05,5,succeeded\n")
    client.map(tables("append") + '[tables.payments]\nsource = "p.csv"\nmode = "append"\n')
    client.load()
    client.map(tables("append"))
    client.load()
    assert client.rows("SELECT count(*) FROM payments") == [(0,)]
    assert_sums(client)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3))])
def test_days_added_one_by_one_are_the_same_as_all_at_once(client: Client, seed: int) -> None:
    chance = random.Random(seed)
    lines = [
        f"e{n},u{chance.randint(1, 3)},2026-01-{chance.randint(1, 28):02d} 10:00,"
        f"k{chance.randint(1, 3)},{chance.randint(-1, 5)}"
        for n in range(60)
    ]
    client.write("users.csv", USERS + "u3,2026-01-03,Cy,\n")
    client.write("events.csv", HEAD + "\n".join(lines) + "\n")
    client.map(tables("replace", users="replace"))
    whole = client.load().tables
    expected = content(client)
    client.database.unlink()
    client.map(tables("append"))
    chance.shuffle(lines)
    for start in range(0, 60, 20):
        # Each file brings some lines of the one before again.
        client.write("events.csv", HEAD + "\n".join(lines[max(0, start - 7) : start + 20]) + "\n")
        events = events_of(client.load().tables)
        assert events.read == (
            events.added + events.updated + events.already_there + events.refused
        )
    assert events.kept == events_of(whole).kept
    found = content(client)
    for table in ("users", "events", "daily_rows", "known_digest"):
        assert found[table] == expected[table], table
    reasons = "SELECT reason, row_json FROM quarantine ORDER BY ALL"
    assert client.rows(reasons) == [row[1:3] for row in expected["quarantine"]]


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2))])
def test_every_row_is_accounted_for_whatever_comes(client: Client, seed: int) -> None:
    chance = random.Random(seed)
    client.map(tables(chance.choice(["append", "upsert"])))
    for _ in range(3):
        lines = [
            f"e{chance.randint(1, 30)},u{chance.randint(1, 4)},2026-01-{chance.randint(5, 33):02d},"
            f"{chance.choice(['k', ''])},{chance.randint(0, 2)}"
            for _ in range(40)
        ]
        client.write("events.csv", HEAD + "\n".join(["e0,u1,2026-01-05,k,", *lines]) + "\n")
        for table in client.load().tables:
            assert table.read == (table.added + table.updated + table.already_there + table.refused)
            assert client.rows(f"SELECT count(*) FROM {table.table}") == [(table.kept,)]
        assert_sums(client)


def assert_sums(client: Client) -> None:
    """The sums that were carried on are those of a new count."""
    kept = [client.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in CONTENT[-4:-2]]
    from engine.data.contract import contract
    from engine.data.digests import KNOWLEDGE

    with lease(client.database, write=True) as connection:
        for name in KNOWLEDGE:
            count_anew(connection, contract()[name])
    assert kept == [client.rows(f"SELECT * FROM {name} ORDER BY ALL") for name in CONTENT[-4:-2]]


LATE = "e0,u1,2026-01-02,k,\nd9,u1,2026-01-06 12:00,k,\nd8,u1,2026-01-08,k,\n"


@pytest.mark.parametrize(
    ("late", "known"), [("as_given", datetime(2026, 1, 2)), ("when_loaded", datetime(2026, 1, 7))]
)
def test_a_late_row_is_known_from_the_end_of_the_data_before(
    client: Client, late: str, known: datetime
) -> None:
    client.map(tables("append", late=late))
    assert client.load().as_of == datetime(2026, 1, 7)
    client.write("events.csv", HEAD + LATE)
    client.load()
    assert client.rows(
        "SELECT event_id, known_at FROM events WHERE event_id < 'e1' ORDER BY 1"
    ) == [
        ("d8", datetime(2026, 1, 8)),
        ("d9", datetime(2026, 1, 6, 12)),  # of the last day: it was on its way
        ("e0", known),
    ]
    assert events_of(client.load().tables).already_there == 3


def test_a_late_row_that_says_when_it_was_known_is_believed(client: Client) -> None:
    client.map(tables("append", late="when_loaded"))
    client.load()
    client.write(
        "events.csv",
        "event_id,user_id,occurred_at,kind,known_at\ne0,u1,2026-01-02,k,2026-01-03\n",
    )
    client.load()
    assert client.rows("SELECT known_at FROM events WHERE event_id = 'e0'") == [
        (datetime(2026, 1, 3),)
    ]


@pytest.mark.slow
def test_the_file_does_not_grow_by_loading_again(client: Client) -> None:
    lines = "".join(f"x{n},u1,2026-01-05,k,{n % 9}\n" for n in range(30_000))
    client.write("events.csv", EVENTS + lines)
    for mode in ("replace", "append"):
        client.map(tables(mode, users="replace"))
        client.load()
        size = client.database.stat().st_size
        for _ in range(3):
            client.load()
        assert client.database.stat().st_size <= 1.1 * size, mode


def test_rows_made_known_by_content_alone_cannot_be_updated(client: Client) -> None:
    client.write("events.csv", "user_id,occurred_at,kind\nu1,2026-01-05,k\n")
    client.map(tables("upsert"))
    with pytest.raises(DataError, match=r"is to be updated by key and does not say what event_id"):
        client.load()


def test_late_rows_need_rows_from_before(client: Client) -> None:
    client.map(tables("replace", late="when_loaded"))
    with pytest.raises(UsageError, match='late_rows = "when_loaded" needs mode'):
        client.load()


def test_nothing_is_added_to_amounts_in_another_currency(client: Client) -> None:
    client.load()
    client.map(tables("append"))
    client.mapping.write_text(client.mapping.read_text().replace('"CNY"', '"EUR"'))
    with pytest.raises(DataError, match="the loaded amounts are in CNY, the mapping says EUR"):
        client.load()


def test_nothing_is_added_to_data_of_another_layout(client: Client) -> None:
    client.load()
    with lease(client.database, write=True) as connection:
        connection.execute("ALTER TABLE subscriptions DROP COLUMN trial")
    client.map(tables("append"))
    with pytest.raises(DataError, match=r"another version wrote the loaded data.*mode = .replace"):
        client.load()
    client.map(tables("replace", users="replace"))
    assert client.load().load_id == 2

"""Loading as a whole: what is kept, determinism, defaults, and that a failure changes nothing."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from engine.data import load as loading
from engine.data.summary import churn_rule, fingerprint, last_report, summary
from engine.errors import DataError
from engine.store.lease import lease
from engine.timeline import ChurnRule
from engine.types import TableLoad
from tests.engine.data.conftest import EVENTS, NOW, TABLES, USERS, Client, everything


def test_two_tables_are_loaded_and_summed_up(client: Client) -> None:
    report = client.load()
    assert report.tables == (TableLoad("users", 2, 2, added=2), TableLoad("events", 2, 2, added=2))
    assert report.as_of == datetime(2026, 1, 7)
    with lease(client.database) as connection:
        now = summary(connection)
        assert now is not None
        assert now.users == 2
        assert now.rows["events"] == 2
        assert now.rows["payments"] == 0
        assert now.first_at == datetime(2026, 1, 5, 8)
        assert now.as_of == datetime(2026, 1, 7)
        assert now.loaded_at == NOW
        assert (now.currency, now.timezone, now.quarantined) == ("CNY", "Asia/Shanghai", 0)
        assert churn_rule(connection) == ChurnRule("inactive", 28, 7, 28, 0)
        assert last_report(connection) == report


def test_nothing_loaded_yet(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "empty.duckdb")) as connection:
        assert summary(connection) is None
        with pytest.raises(DataError, match=r"no behaviour data are loaded\. Run `retention load`"):
            churn_rule(connection)


def test_progress_rises_to_one(client: Client) -> None:
    seen: list[tuple[str, float]] = []
    client.load(progress=lambda stage, done: seen.append((stage, done)))
    assert [done for _, done in seen] == sorted(done for _, done in seen)
    assert seen[-1] == ("write", 1.0)
    assert "read users.csv" in [stage for stage, _ in seen]


def test_sources_may_lie_in_another_folder(client: Client, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in ("users.csv", "events.csv"):
        (client.folder / name).rename(data / name)
    assert client.load(data_dir=data).tables[0].kept == 2


def test_loading_twice_is_the_same(client: Client) -> None:
    client.load()
    before = everything(client)[:4]
    client.load()
    assert everything(client)[:4] == before


def test_the_order_of_the_rows_does_not_matter(client: Client) -> None:
    # Duplicates, unfit rows and rows without a key are in it: none may be chosen by its place.
    lines = [
        f"e{n % 17},u{n % 3},2026-01-{n % 28 + 1:02d},k{n % 5},{n % 7 - 1}" for n in range(200)
    ]
    client.map(TABLES + '[tables.payments]\nsource = "payments.csv"\n')
    payments = [f"u{n % 2 + 1},2026-02-0{n % 4 + 1},{n % 3},succeeded" for n in range(30)]
    results = []
    for seed in (1, 2):
        random.Random(seed).shuffle(lines)
        random.Random(seed).shuffle(payments)
        client.write("events.csv", EVENTS.splitlines()[0] + "\n" + "\n".join(lines))
        client.write("payments.csv", "user_id,occurred_at,amount,status\n" + "\n".join(payments))
        client.load()
        with lease(client.database) as connection:
            results.append((everything(client)[:4], fingerprint(connection)))
    assert results[0] == results[1]
    assert len(results[0][0][2]) == 30


def test_the_fingerprint_changes_with_a_value_and_with_the_mapping(client: Client) -> None:
    seen = set()
    for text in (EVENTS, EVENTS.replace(",60", ",61")):
        client.write("events.csv", text)
        client.load()
        with lease(client.database) as connection:
            seen.add(fingerprint(connection))
    client.map(rule="inactive", business='name2 = "x"\n'.replace("name2", "pack"))
    client.load()
    with lease(client.database) as connection:
        seen.add(fingerprint(connection))
    assert len(seen) == 3


def test_events_are_stored_in_time_order(client: Client) -> None:
    lines = [f"x{n},u1,2026-01-{28 - n:02d},k," for n in range(20)]
    client.write("events.csv", EVENTS + "\n".join(lines))
    client.load()
    times = [row[0] for row in client.rows("SELECT occurred_at FROM events")]
    assert times == sorted(times)


def test_known_at_is_the_event_time_unless_given(client: Client) -> None:
    client.write(
        "events.csv",
        "event_id,user_id,occurred_at,kind,known_at\n"
        "e1,u1,2026-01-05,k,\ne2,u1,2026-01-05,k,2026-01-09 10:00\n",
    )
    report = client.load()
    assert client.rows("SELECT event_id, known_at FROM events ORDER BY 1") == [
        ("e1", datetime(2026, 1, 5)),
        ("e2", datetime(2026, 1, 9, 10)),
    ]
    assert report.as_of == datetime(2026, 1, 10)


def test_the_data_end_at_the_next_midnight_even_at_midnight(client: Client) -> None:
    client.write("events.csv", "event_id,user_id,occurred_at,kind\ne1,u1,2026-01-05 00:00,k\n")
    # A fact known exactly at the cutoff is not known before it.
    assert client.load().as_of == datetime(2026, 1, 6)


def test_made_keys_survive_added_rows_and_keep_equal_facts_apart(client: Client) -> None:
    head = "user_id,occurred_at,kind\n"
    rows = ["u1,2026-01-05,k", "u1,2026-01-05,k", "u2,2026-01-06,k"]
    client.write("events.csv", head + "\n".join(rows))
    client.load()
    before = {row[0] for row in client.rows("SELECT event_id FROM events")}
    assert len(before) == 3
    client.write("events.csv", head + "\n".join(["u1,2026-01-01,k", *rows]))
    client.load()
    after = {row[0] for row in client.rows("SELECT event_id FROM events")}
    assert before < after


def test_a_user_without_sign_up_joined_when_first_known(client: Client) -> None:
    client.write("users.csv", "user_id,signed_up_at\nu1,\nu2,2026-01-02\nu3,\n")
    client.write(
        "events.csv",
        "event_id,user_id,occurred_at,kind,known_at\n"
        "e1,u1,2026-01-05,k,2026-01-07\ne2,u1,2026-01-06,k,2026-01-06\n",
    )
    client.load()
    assert client.rows("SELECT user_id, signed_up_at FROM users ORDER BY 1") == [
        ("u1", datetime(2026, 1, 6)),
        ("u2", datetime(2026, 1, 2)),
        ("u3", None),
    ]


def test_times_without_an_offset_are_in_the_source_time_zone(client: Client) -> None:
    client.map(business='source_timezone = "Asia/Shanghai"\n')
    client.write(
        "events.csv",
        "event_id,user_id,occurred_at,kind\n"
        "e1,u1,2026-01-05 08:00:00,k\n"
        "e2,u1,2026-01-05T08:00:00Z,k\n"
        "e3,u1,2026-01-05 08:00:00+09:00,k\n",
    )
    client.load()
    assert client.rows("SELECT event_id, occurred_at FROM events ORDER BY 1") == [
        ("e1", datetime(2026, 1, 5, 0)),
        ("e2", datetime(2026, 1, 5, 8)),
        ("e3", datetime(2026, 1, 4, 23)),
    ]


def test_typed_times_follow_the_same_rule(client: Client) -> None:
    with duckdb.connect(str(client.folder / "log.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE TABLE log AS SELECT 'u1' AS user_id, 'k' AS kind, "
            "TIMESTAMP '2026-01-05 08:00:00' AS naive, DATE '2026-01-05' AS day, "
            "TIMESTAMPTZ '2026-01-05 08:00:00+00' AS instant, "
            "make_timestamp_ns(1767600000000000000) AS fine, 1767600000 AS seconds"
        )
    expected = {  # 2026-01-05 08:00 in Shanghai is midnight in Greenwich
        "naive": datetime(2026, 1, 5, 0),
        "day": datetime(2026, 1, 4, 16),
        "instant": datetime(2026, 1, 5, 8),
        "fine": datetime(2026, 1, 5, 0),
        "to_timestamp(seconds)": datetime(2026, 1, 5, 8),
    }
    for expression, instant in expected.items():
        client.map(
            '[tables.users]\nsource = "users.csv"\n'
            '[tables.events]\nsource = "log.duckdb"\ntable = "log"\n'
            f'[tables.events.columns]\noccurred_at = "{expression}"\n',
            business='source_timezone = "Asia/Shanghai"\n',
        )
        client.load()
        assert client.rows("SELECT occurred_at FROM events") == [(instant,)], expression


def test_a_given_label_needs_no_facts(client: Client) -> None:
    client.write("outcomes.csv", "user_id,label\nu1,1\nu2,0\n")
    client.map(
        '[tables.users]\nsource = "users.csv"\n[tables.outcomes]\nsource = "outcomes.csv"\n',
        rule="label",
    )
    report = client.load()
    assert report.as_of == datetime(2026, 3, 2)  # without a time axis: the midnight after NOW
    assert client.rows("SELECT * FROM outcomes ORDER BY user_id") == [
        ("u1", 1, None),
        ("u2", 0, None),
    ]


def test_history_begins_with_the_table_that_the_rule_reads(client: Client) -> None:
    client.write("p.csv", "user_id,occurred_at,amount,status\nu1,2025-01-01,5,succeeded\n")
    payments = TABLES + '[tables.payments]\nsource = "p.csv"\n'
    for rule, first_at in (
        ("inactive", datetime(2026, 1, 5, 8)),
        ("no_payment", datetime(2025, 1, 1)),
    ):
        client.map(payments, rule=rule)
        client.load()
        assert client.rows("SELECT first_at FROM load_run") == [(first_at,)]


def test_expressions_where_and_translation(client: Client) -> None:
    client.write(
        "orders.csv",
        "no,who,paid_on,fen,state\n1,u1,2026-01-03,1250,支付成功\n2,u1,2026-01-04,300,已退款\n3,u2,2026-01-05,9,test\n",
    )
    client.map(
        TABLES
        + """
[tables.payments]
source = "orders.csv"
where = "state <> 'test'"
[tables.payments.columns]
payment_id = "no"
user_id = "who"
occurred_at = "paid_on"
amount = "CAST(fen AS DOUBLE) / 100"
status = "state"
[tables.payments.translate.status]
"支付成功" = "succeeded"
"已退款" = "refunded"
""",
    )
    report = client.load()
    assert report.tables[2] == TableLoad("payments", 2, 2, added=2)
    assert client.rows("SELECT payment_id, amount, status, currency FROM payments") == [
        ("1", 12.5, "succeeded", "CNY"),
        ("2", 3.0, "refunded", "CNY"),
    ]


def test_a_query_derives_users_from_orders(client: Client) -> None:
    client.map(
        """
[tables.users]
source = "events.csv"
query = "SELECT user_id, min(CAST(occurred_at AS TIMESTAMP)) AS signed_up_at FROM source GROUP BY 1"
[tables.events]
source = "events.csv"
"""
    )
    assert client.load().tables[0] == TableLoad("users", 2, 2, added=2)


def test_nested_columns_become_json(client: Client) -> None:
    client.map(
        TABLES.replace(
            'users.csv"', 'users.csv"\n[tables.users.columns]\nattributes = "{\'tier\': name}"'
        )
    )
    client.load()
    assert client.rows("SELECT attributes FROM users WHERE user_id = 'u1'") == [('{"tier":"Ann"}',)]


def test_a_stop_in_the_middle_leaves_the_old_data(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.load()
    before = everything(client)
    client.write("users.csv", USERS + "u9,2026-01-01,,\n")
    there = sorted(path.name for path in client.folder.iterdir())

    def interrupted(stage: str, done: float) -> None:
        if stage == "write":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.load(progress=interrupted)
    monkeypatch.setattr(loading, "behaviour_sql", lambda: "CREATE TABLE load_run (nothing INTEGER)")
    with pytest.raises(duckdb.Error):  # while the next database is being made
        client.load()
    assert everything(client) == before
    assert sorted(path.name for path in client.folder.iterdir()) == there

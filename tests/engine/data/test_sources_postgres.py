"""PostgreSQL, against a real server that the test starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.data.sources import Reader, Source, copy_source, staging
from engine.errors import DatabaseBusy, DataError, RetentionError, UsageError
from tests.engine.data.conftest import Client
from tests.engine.data.servers import PASSWORD, postgres

psycopg = pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")

pytestmark = pytest.mark.slow

SHOP = """
CREATE SCHEMA shop;
CREATE DOMAIN shop.money_amount AS numeric(12, 2);
CREATE TYPE shop.state AS ENUM ('paid', 'back');
CREATE TABLE shop.orders (
  id bigint, small smallint, yes boolean, amount shop.money_amount, wild numeric, whole numeric,
  real_one double precision, day date, local timestamp, instant timestamptz, state shop.state,
  extra jsonb, tags text[], note text, raw bytea, code uuid, gone text);
ALTER TABLE shop.orders DROP COLUMN gone;
INSERT INTO shop.orders VALUES
  (1, 2, true, 12.50, 1.25, 12345678901234567, 'NaN', '2026-01-05', '2026-01-05 08:00:00.5',
   '2026-01-05 08:00+08', 'paid', '{"tier": "gold", "n": [1, "x"]}', '{a,"b c"}',
   E'李雷 "quoted", comma\\nnew\\r\\nline \\\\N', '\\xff00',
   '00000000-0000-0000-0000-000000000001'),
  (2, -2, false, -0.01, NULL, -3, 'Infinity', 'infinity', '-infinity', NULL, 'back',
   NULL, '{}', '', '\\x', NULL),
  (NULL, NULL, NULL, NULL, 'NaN', NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE "odd "" name.x" ("a ""b" integer, "SELECT" text);
INSERT INTO "odd "" name.x" VALUES (1, 'one');
CREATE TABLE parts (id integer, day date) PARTITION BY RANGE (day);
CREATE TABLE parts_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO parts SELECT i, DATE '2026-01-01' + i % 300 FROM generate_series(1, 20000) i;
CREATE VIEW recent AS SELECT id FROM parts WHERE id > 19990;
CREATE TABLE empty (id integer, seen timestamptz);
CREATE TABLE one_column (word text);
INSERT INTO one_column VALUES ('a'), (NULL), (''), ('b');
CREATE TABLE twice (id integer, "ID" integer);
CREATE TABLE no_columns ();
CREATE TABLE hidden (id integer);
CREATE ROLE reader LOGIN PASSWORD 'reads';
GRANT SELECT ON parts TO reader;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as text:
        with psycopg.connect(text) as connection:
            connection.execute(SHOP)
        yield text


@pytest.fixture
def shop(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SHOP_DB", server)
    return server


def read(
    table: str, columns: str = "*", name: str = "postgres:SHOP_DB"
) -> tuple[list[str], list[Any]]:
    with duckdb.connect() as connection:
        copy_source(connection, Source(Path(), name, table), "here")
        kinds = [row[1] for row in connection.execute("DESCRIBE here").fetchall()]
        return kinds, connection.execute(f"SELECT {columns} FROM here").fetchall()


def test_types_and_values_are_kept(shop: str) -> None:
    kinds, rows = read(
        "shop.orders", "* REPLACE (epoch(instant) AS instant, CAST(local AS VARCHAR) AS local)"
    )
    assert kinds == [
        "BIGINT", "SMALLINT", "BOOLEAN", "DECIMAL(12,2)", "DOUBLE", "BIGINT", "DOUBLE", "DATE",
        "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "JSON", "VARCHAR", "VARCHAR",
        "VARCHAR", "VARCHAR",
    ]  # fmt: skip
    first, second, empty = rows
    assert first[:4] == (1, 2, True, Decimal("12.50"))
    assert first[4:6] == (1.25, 12345678901234567)
    assert str(first[6]) == "nan"
    assert first[7:11] == (date(2026, 1, 5), "2026-01-05 08:00:00.5", 1767571200.0, "paid")
    assert first[11].replace(" ", "") == '{"n":[1,"x"],"tier":"gold"}'
    assert first[12:] == (
        '{a,"b c"}',
        '李雷 "quoted", comma\nnew\r\nline \\N',
        "\\xff00",
        "00000000-0000-0000-0000-000000000001",
    )
    assert second[:4] == (2, -2, False, Decimal("-0.01"))
    assert second[8:] == ("-infinity", None, "back", None, "{}", "", "\\x", None)
    assert str(empty[4]) == "nan"
    assert [value for value in empty if value is not None] == [empty[4]]


def test_names_views_partitions_and_single_columns(shop: str) -> None:
    assert read('odd " name.x') == (["INTEGER", "VARCHAR"], [(1, "one")])
    assert len(read("parts")[1]) == 20_000
    assert len(read("public.recent")[1]) == 10
    assert read("empty") == (["INTEGER", "TIMESTAMP WITH TIME ZONE"], [])
    assert read("one_column")[1] == [("a",), (None,), ("",), ("b",)]


def test_many_batches_are_one_table(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "BATCH_BYTES", 10_000)
    _, rows = read("parts", "count(*), sum(id), min(day), max(day)")
    assert rows == [(20_000, 200_010_000, date(2026, 1, 1), date(2026, 10, 27))]


def test_all_tables_are_of_one_moment_and_nothing_is_written(shop: str) -> None:
    with (
        psycopg.connect(shop, autocommit=True) as other,
        duckdb.connect() as connection,
        Reader() as reader,
    ):
        source = Source(Path(), "postgres:SHOP_DB", "one_column")
        reader.copy(connection, source, "first")
        other.execute("INSERT INTO one_column VALUES ('late')")
        reader.copy(connection, source, "second")
        assert (
            connection.execute("FROM first").fetchall()
            == connection.execute("FROM second").fetchall()
        )
        other.execute("DELETE FROM one_column WHERE word = 'late'")


def test_a_load_of_two_tables(shop: str, client: Client) -> None:
    with psycopg.connect(shop) as connection:
        connection.execute(
            "CREATE TABLE people AS SELECT 'u' || i AS user_id, TIMESTAMPTZ '2026-01-01 00:00+00' "
            "AS joined FROM generate_series(1, 50) i; "
            "CREATE TABLE visits AS SELECT 'u' || i % 60 AS who, TIMESTAMPTZ '2026-01-05 08:00+08' "
            "+ i * interval '1 minute' AS seen, 'visit' AS kind FROM generate_series(1, 600) i"
        )
    client.map(
        '[tables.users]\nsource = "postgres:SHOP_DB"\ntable = "people"\n'
        '[tables.users.columns]\nsigned_up_at = "joined"\n'
        '[tables.events]\nsource = "postgres:SHOP_DB"\ntable = "public.visits"\n'
        '[tables.events.columns]\nuser_id = "who"\noccurred_at = "seen"\n'
    )
    report = client.load()
    assert (report.tables[0].kept, report.tables[1].kept) == (50, 500)
    assert report.tables[1].quarantined == {"orphan_user": 100}
    assert client.rows("SELECT min(occurred_at) FROM events") == [(datetime(2026, 1, 5, 0, 1),)]


def says(sentence: str, error: type[RetentionError], table: str = "parts") -> None:
    with pytest.raises(error, match=sentence) as raised:
        read(table)
    assert PASSWORD not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_mistakes_are_one_sentence(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    says(r"has no table part\. It has .*Did you mean 'parts'\?", DataError, "part")
    says(r"it is not said which table to read", UsageError, "")
    says(r"twice has the column ID twice", DataError, "twice")
    says(r"no_columns has no header line", DataError, "no_columns")
    monkeypatch.setenv("SHOP_DB", shop.replace("postgres:", "reader:", 1))
    says(r"the server refuses .*password authentication failed", DataError)
    host = shop.partition("?")[2]
    monkeypatch.setenv("SHOP_DB", f"postgresql://reader:reads@/postgres?{host}")
    assert len(read("parts")[1]) == 20_000
    says(r"the server refuses .*hidden.*permission denied", DataError, "hidden")
    monkeypatch.setenv("SHOP_DB", f"postgresql://reader:reads@/nowhere?{host}")
    says(r"the server refuses .*nowhere", DataError)
    monkeypatch.setenv("SHOP_DB", f"postgresql://reader:{PASSWORD}@/x?what=ever")
    says(r"what the environment variable SHOP_DB holds is no connection string", UsageError)
    monkeypatch.setenv("SHOP_DB", "postgresql://reader@/x?host=/nowhere/at/all")
    says(r"the server of postgres:SHOP_DB cannot be reached", DatabaseBusy)
    monkeypatch.delenv("SHOP_DB")
    says(r"the environment variable SHOP_DB is not set", UsageError)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    says(r"pip install 'retention-workbench\[postgres\]'", UsageError)


def test_a_server_that_goes_in_the_middle(shop: str) -> None:
    with duckdb.connect() as connection, Reader() as reader:
        source = Source(Path(), "postgres:SHOP_DB", "parts")
        reader.copy(connection, source, "first")
        with psycopg.connect(shop, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'retention'"
            )
        with pytest.raises(DatabaseBusy, match="cannot be reached"):
            reader.copy(connection, source, "second")

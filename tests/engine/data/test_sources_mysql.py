"""MySQL's protocol, against a real MariaDB that the test starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest

from engine.data.sources import Reader, Source, copy_source, staging
from engine.data.sources.mysql import _options
from engine.errors import DatabaseBusy, DataError, RetentionError, UsageError
from tests.engine.data.conftest import Client
from tests.engine.data.servers import PASSWORD, mariadb

pymysql = pytest.importorskip("pymysql", reason="the extra [mysql] is not installed")

pytestmark = pytest.mark.slow

SHOP = (
    """CREATE TABLE orders (
    id bigint unsigned, small tinyint(1), amount decimal(12, 2), huge decimal(50, 3), x double,
    day date, local datetime(3), instant timestamp NULL, state enum('paid', 'back'), extra json,
    note text, raw varbinary(9), bits bit(3), made year)""",
    r"""INSERT INTO orders VALUES
    (18446744073709551615, 1, 12.50, 1.5, 0.1, '2026-01-05', '2026-01-05 08:00:00.125',
     '2026-01-05 08:00:00', 'paid',
     '{"tier": "gold"}', '李雷 "q", c\nn 🎉 \\N', x'ff00', b'101', 2026),
    (2, 0, -0.01, NULL, -1e300, NULL, NULL, NULL, 'back', NULL, '', 'text', NULL, NULL)""",
    "CREATE TABLE zeros (id int, seen datetime)",
    "INSERT INTO zeros VALUES (1, '0000-00-00'), (2, '2026-01-05')",
    "CREATE TABLE `odd `` name.x` (`a ``b` int)",
    "INSERT INTO `odd `` name.x` VALUES (1)",
    "CREATE TABLE many AS SELECT seq AS id, concat('u', seq) AS word FROM seq_1_to_20000",
    "CREATE VIEW few AS SELECT id FROM many WHERE id > 19990",
    "CREATE TABLE words (word text) ENGINE=InnoDB",
    "INSERT INTO words VALUES ('a'), (NULL), (''), ('b')",
    "CREATE USER reader IDENTIFIED BY 'reads'",
    "GRANT SELECT ON shop.many TO reader",
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with mariadb() as text:
        with connected(text) as connection, connection.cursor() as cursor:
            cursor.execute("SET sql_mode = '', time_zone = '+08:00'")
            for statement in SHOP:
                cursor.execute(statement)
        yield text


def connected(text: str) -> Any:
    options = _options(Source(Path(), "mysql:SHOP_DB"), text)
    return pymysql.connect(**options, charset="utf8mb4", autocommit=True)


@pytest.fixture
def shop(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SHOP_DB", server)
    return server


def read(table: str, columns: str = "*") -> tuple[list[str], list[Any]]:
    with duckdb.connect() as connection:
        copy_source(connection, Source(Path(), "mysql:SHOP_DB", table), "here")
        kinds = [row[1] for row in connection.execute("DESCRIBE here").fetchall()]
        return kinds, connection.execute(f"SELECT {columns} FROM here").fetchall()


def test_types_and_values_are_kept(shop: str) -> None:
    kinds, rows = read("orders", "* REPLACE (epoch(instant) AS instant)")
    assert kinds == [
        "UBIGINT", "BIGINT", "DECIMAL(12,2)", "DOUBLE", "DOUBLE", "DATE", "TIMESTAMP",
        "TIMESTAMP WITH TIME ZONE", "VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "BIGINT", "BIGINT",
    ]  # fmt: skip
    assert rows == [
        (2**64 - 1, 1, Decimal("12.50"), 1.5, 0.1, date(2026, 1, 5),
         datetime(2026, 1, 5, 8, 0, 0, 125000), 1767571200.0, "paid", '{"tier": "gold"}',
         '李雷 "q", c\nn 🎉 \\N', "ff00", 5, 2026),
        (2, 0, Decimal("-0.01"), None, -1e300, None, None, None, "back", None, "", "text", None,
         None),
    ]  # fmt: skip


def test_a_zero_date_is_one_unfit_value_and_not_the_end(shop: str) -> None:
    assert read("zeros") == (
        ["BIGINT", "VARCHAR"],
        [(1, "0000-00-00 00:00:00"), (2, "2026-01-05 00:00:00")],
    )


def test_names_views_and_batches(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "BATCH_BYTES", 50_000)
    assert read("odd ` name.x") == (["BIGINT"], [(1,)])
    assert read("shop.many", "count(*), sum(id)")[1] == [(20_000, 200_010_000)]
    assert len(read("few")[1]) == 10
    assert read("words")[1] == [("a",), (None,), ("",), ("b",)]


def test_all_tables_are_of_one_moment(shop: str) -> None:
    source = Source(Path(), "mysql:SHOP_DB", "words")
    with connected(shop) as other, duckdb.connect() as connection, Reader() as reader:
        reader.copy(connection, source, "first")
        other.cursor().execute("INSERT INTO words VALUES ('late')")
        reader.copy(connection, source, "second")
        assert len(connection.execute("FROM second").fetchall()) == 4
        other.cursor().execute("DELETE FROM words WHERE word = 'late'")


def test_a_load(shop: str, client: Client) -> None:
    client.map(
        '[tables.users]\nsource = "mysql:SHOP_DB"\ntable = "many"\n'
        '[tables.users.columns]\nuser_id = "word"\n[tables.events]\nsource = "events.csv"\n'
    )
    assert [table.kept for table in client.load().tables] == [20_000, 2]


def says(sentence: str, error: type[RetentionError], table: str = "many") -> None:
    with pytest.raises(error, match=sentence) as raised:
        read(table)
    assert PASSWORD not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_mistakes_are_one_sentence(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    says(r"has no table man\. It has .*Did you mean 'many'\?", DataError, "man")
    socket = urlsplit(shop).query
    monkeypatch.setenv("SHOP_DB", f"mysql://reader:wrong@localhost/shop?{socket}")
    says(r"the server refuses .*Access denied", DataError)
    monkeypatch.setenv("SHOP_DB", f"mysql://reader:reads@localhost/nowhere?{socket}")
    says(r"the server refuses .*nowhere", DataError)
    monkeypatch.setenv("SHOP_DB", f"mysql://reader:reads@localhost/shop?{socket}")
    assert len(read("many")[1]) == 20_000
    says(r"has no table words", DataError, "words")  # what may not be read is not listed
    for text in (f"mysql://u:{PASSWORD}@h:port/x", "postgresql://h/x", "mysql://h/x?what=ever"):
        monkeypatch.setenv("SHOP_DB", text)
        says(r"what the environment variable SHOP_DB holds is no connection string", UsageError)
    monkeypatch.setenv("SHOP_DB", "mysql://u@localhost/shop?unix_socket=/nowhere")
    says(r"the server of mysql:SHOP_DB cannot be reached", DatabaseBusy)
    monkeypatch.setitem(sys.modules, "pymysql", None)
    says(r"pip install 'retention-workbench\[mysql\]'", UsageError)


def test_a_server_that_goes_in_the_middle(shop: str) -> None:
    source = Source(Path(), "mysql:SHOP_DB", "many")
    with connected(shop) as other, duckdb.connect() as connection, Reader() as reader:
        reader.copy(connection, source, "first")
        cursor = other.cursor()
        cursor.execute("SELECT id FROM information_schema.processlist WHERE id <> connection_id()")
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {number}")
        with pytest.raises(DatabaseBusy, match="cannot be reached"):
            reader.copy(connection, source, "second")

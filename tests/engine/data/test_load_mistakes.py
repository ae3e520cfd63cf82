"""Mistakes in data and mapping: one sentence each, and the old data stay in place."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from engine.data.load import load
from engine.data.summary import summary
from engine.errors import DataError, RetentionError, UsageError
from engine.store.lease import lease
from tests.engine.data.conftest import EVENTS, Client, everything

FAILURES = {
    "no users": ({"users.csv": "user_id\n"}, "the source of users has no rows. No user"),
    "no events": (
        {"events.csv": EVENTS.splitlines()[0] + "\n"},
        'the source of events has no rows. The churn rule "inactive" reads this table. '
        "The old data are untouched",
    ),
    "only unfit events": (
        {"events.csv": EVENTS.splitlines()[0] + "\ne1,nobody,2026-01-01,k,1\n"},
        "none of the 1 rows of events could be kept; the most frequent reason is orphan_user",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_unusable_data_leave_the_old_in_place(client: Client, name: str) -> None:
    client.load()
    before = everything(client)
    files, sentence = FAILURES[name]
    for file, text in files.items():
        client.write(file, text)
    with pytest.raises(DataError) as raised:
        client.load()
    assert sentence in str(raised.value)
    assert everything(client) == before
    assert sorted(path.name for path in client.folder.iterdir()) == [
        "behaviour.duckdb",
        "events.csv",
        "mapping.toml",
        "users.csv",
    ]


def test_a_rule_whose_table_is_not_mapped(client: Client) -> None:
    client.map(rule="no_payment")
    with pytest.raises(DataError, match=r"the mapping has no \[tables.payments\]"):
        client.load()


@pytest.mark.parametrize(
    ("tables", "error", "sentence"),
    [
        (
            '[tables.users]\nsource = "users.csv"\n[tables.users.columns]\nname = "nme"\n',
            DataError,
            r"\[tables.users.columns\] name = 'nme' cannot be evaluated: .*\"nme\" not found.*"
            r"has the columns user_id, signed_up_at, name, email. Did you mean 'name'\?",
        ),
        (
            '[tables.users]\nsource = "events.csv"\n[tables.events]\nsource = "users.csv"\n',
            DataError,
            r"\[tables.events\] does not say what occurred_at is. users.csv has the columns "
            r"user_id, .* Add to \[tables.events.columns\]: occurred_at = ",
        ),
        (
            '[tables.users]\nsource = "users.csv"\nwhere = "nope = 1"\n',
            DataError,
            r"\[tables.users\] cannot be evaluated: .*nope",
        ),
        (
            '[tables.users]\nsource = "users.csv"\nquery = "DROP TABLE users"\n',
            DataError,
            r"\[tables.users\] query must be one SELECT. Write SELECT … FROM source …",
        ),
        (
            '[tables.users]\nsource = "users.csv"\nquery = "SELECT 1; SELECT 2"\n',
            DataError,
            r"\[tables.users\] query must be one SELECT",
        ),
        (
            '[tables.users]\nsource = "users.csv"\nquery = "SELEC 1"\n',
            DataError,
            r"\[tables.users\] query is not SQL: Parser Error",
        ),
        (
            '[tables.users]\nsource = "users.csv"\n'
            '[tables.users.columns]\nname = "1) ; SELECT (2"\n',
            DataError,
            r"\[tables.users.columns\] name must be one SELECT",
        ),
        (
            '[tables.users]\nsource = "users.csv"\n[tables.users.columns]\nname = "1), (2"\n',
            DataError,
            r"\[tables.users.columns\] name must be one expression",
        ),
        (
            '[tables.users]\nsource = "users.csv"\n[tables.users.columns]\nsigned_up_at = "42"\n',
            DataError,
            r"\[tables.users.columns\] signed_up_at = '42' is a INTEGER. A TIMESTAMP is expected. "
            r"Convert it; seconds since 1970: to_timestamp",
        ),
        ('[tables.users]\nsource = "u.json"\n', UsageError, "u.json is no source that can be"),
    ],
)
def test_a_wrong_mapping_is_one_sentence(
    client: Client, tables: str, error: type[RetentionError], sentence: str
) -> None:
    client.map(tables)
    with pytest.raises(error, match=sentence):
        client.load()
    assert not client.database.exists()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('secret.csv')",
        "SELECT * FROM 'secret.csv'",
        "SELECT content FROM read_text('secret.csv')",
        "SELECT * FROM glob('*')",
        "FROM query('SELECT * FROM read_text(''secret.csv'')')",
    ],
)
def test_a_mapping_reads_nothing_but_its_sources(client: Client, query: str) -> None:
    client.write("secret.csv", "user_id\nspy\n")
    query = query.replace("secret.csv", str(client.folder / "secret.csv"))
    client.map(f'[tables.users]\nsource = "users.csv"\nquery = """{query}"""\n')
    with pytest.raises(DataError, match="cannot be evaluated: "):
        client.load()


@pytest.mark.parametrize("row", [",,,", ",u1,2026-01-01,4"])
def test_a_column_called_rowid_is_refused_and_can_be_renamed(tmp_path: Path, row: str) -> None:
    (tmp_path / "orders.csv").write_text(f"RowID,uid,day,paid\n7,u2,2026-01-02,5\n{row}\n", "utf-8")
    text = """
[business]
name = "x"
[churn]
rule = "no_payment"
horizon_days = 30
[tables.users]
source = "orders.csv"
query = "SELECT DISTINCT uid AS user_id FROM source WHERE uid IS NOT NULL"
[tables.payments]
source = "orders.csv"
QUERY
[tables.payments.columns]
user_id = "uid"
occurred_at = "day"
amount = "paid"
status = "'succeeded'"
"""
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(text.replace("QUERY", ""), "utf-8")
    with pytest.raises(DataError, match="a column called RowID"):
        load(mapping, tmp_path / "behaviour.duckdb", now=datetime(2026, 11, 1))
    query = "query = 'SELECT rowid AS row_number, * EXCLUDE (rowid) FROM source'"
    mapping.write_text(text.replace("QUERY", query), "utf-8")
    report = load(mapping, tmp_path / "behaviour.duckdb", now=datetime(2026, 11, 1))
    for table in report.tables:
        assert table.read == table.kept + sum(table.quarantined.values())


def test_an_older_database_asks_for_a_new_load_which_mends_it(client: Client) -> None:
    client.load()
    with lease(client.database, write=True) as connection:
        connection.execute("DROP TABLE daily_rows")
    with (
        lease(client.database) as connection,
        pytest.raises(DataError, match=r"earlier version.*daily_rows.*retention load"),
    ):
        summary(connection)
    client.load()
    with lease(client.database) as connection:
        assert summary(connection) is not None

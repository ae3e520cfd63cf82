"""What the generated files promise: the contract's columns, known dirt, reserved addresses."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import date
from pathlib import Path

import duckdb
import pytest

import sample_db
from sample_db.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
TABLES = ("users", "user_sensitive", "events", "payments", "subscriptions", "contents", "messages")
AS_OF = "TIMESTAMP '2026-11-01'"
FAR = "DATE '2090-01-01'"
# How a loader would find each kind of damage, written apart from the code that makes it.
FIND = {
    ("events", "duplicate_key"): "SELECT count(*) - count(DISTINCT event_id) FROM events",
    ("events", "orphan_user"): "SELECT count(*) FROM events WHERE user_id = 'u-deleted'",
    ("events", "missing_key"): "SELECT count(*) FROM events WHERE user_id IS NULL",
    ("events", "out_of_range"): "SELECT count(*) FROM events WHERE duration_s < 0",
    ("events", "future_date"): f"SELECT count(*) FROM events WHERE occurred_at > {FAR}",
    ("events", "known_before_occurred"): "SELECT count(*) FROM events WHERE known_at < occurred_at",
    ("payments", "duplicate_key"): "SELECT count(*) - count(DISTINCT payment_id) FROM payments",
    ("payments", "orphan_user"): "SELECT count(*) FROM payments WHERE user_id = 'u-deleted'",
    ("payments", "unknown_status"): "SELECT count(*) FROM payments WHERE status = 'PENDING_3DS'",
    ("payments", "out_of_range"): "SELECT count(*) FROM payments WHERE amount < 0",
    ("payments", "missing_key"): "SELECT count(*) FROM payments WHERE user_id IS NULL",
    ("subscriptions", "ends_before_start"): (
        "SELECT count(*) FROM subscriptions WHERE ends_at < started_at"
    ),
    ("subscriptions", "orphan_user"): (
        "SELECT count(*) FROM subscriptions WHERE user_id = 'u-deleted'"
    ),
    ("messages", "orphan_user"): "SELECT count(*) FROM messages WHERE user_id = 'u-deleted'",
    ("messages", "out_of_range"): "SELECT count(*) FROM messages WHERE rating > 5",
    ("users", "duplicate_key"): "SELECT count(user_id) - count(DISTINCT user_id) FROM users",
    ("users", "missing_key"): "SELECT count(*) FROM users WHERE user_id IS NULL",
    ("users", "bad_email"): "SELECT count(*) FROM users WHERE email NOT LIKE '%@%'",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("files")
    sample_db.generate(out, users=600, months=18)
    return out


@pytest.fixture(scope="module")
def tables(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for path in [*folder.glob("*.parquet"), *(folder / "truth").glob("*.parquet")]:
        connection.execute(f"CREATE VIEW {path.stem} AS FROM '{path}'")
    return connection


def one(connection: duckdb.DuckDBPyConnection, query: str) -> object:
    return connection.execute(query).fetchall()[0][0]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        sample_db.generate(tmp_path / name, users=80, months=6, seed=seed)
    first, again, other = (digests(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    for name in ("users.parquet", "events.parquet", "truth/hazard.parquet"):
        assert first[name] != other[name]


def test_a_second_run_replaces_the_first_and_leaves_nothing_behind(tmp_path: Path) -> None:
    sample_db.generate(tmp_path, users=60, months=5, seed=1)
    first = digests(tmp_path)
    sample_db.generate(tmp_path, users=60, months=5, seed=2)
    assert digests(tmp_path).keys() == first.keys()
    assert digests(tmp_path) != first


NOT_SOLD_THERE = ("trial", "paused_at", "resumes_at")
"""The sample platform sells neither trials nor pauses."""


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_those_of_the_contract(
    tables: duckdb.DuckDBPyConnection, folder: Path, table: str
) -> None:
    with duckdb.connect() as contract:
        ddl = (ROOT / "engine" / "store" / "behaviour.sql").read_text(encoding="utf-8")
        contract.execute(ddl)
        described = contract.execute(f"DESCRIBE {table}").fetchall()
        wanted = [row[:2] for row in described if row[0] not in NOT_SOLD_THERE]
    found = [row[:2] for row in tables.execute(f"DESCRIBE {table}").fetchall()]
    assert found == wanted


def test_every_kind_of_dirt_is_there_in_the_stated_number(
    tables: duckdb.DuckDBPyConnection,
) -> None:
    stated = {(row[0], row[1]): row[2] for row in tables.execute("FROM dirt").fetchall()}
    assert stated.keys() == FIND.keys()
    assert {kind: one(tables, query) for kind, query in FIND.items()} == stated
    assert min(stated.values()) > 0


def test_dirt_is_a_few_rows_in_a_thousand(tables: duckdb.DuckDBPyConnection) -> None:
    for table in ("events", "payments"):
        bad = one(tables, f"SELECT sum(rows) FROM dirt WHERE table_name = '{table}'")
        share = int(str(bad)) / int(str(one(tables, f"SELECT count(*) FROM {table}")))
        assert 0.003 <= share <= 0.006


def test_no_clean_row_is_known_before_it_happened_or_after_the_last_day(
    tables: duckdb.DuckDBPyConnection,
) -> None:
    for table, key in (
        ("events", "event_id"),
        ("payments", "payment_id"),
        ("messages", "message_id"),
    ):
        late = one(
            tables,
            f"SELECT count(*) FROM {table} WHERE {key} NOT LIKE '%-x%' "
            f"AND (known_at < occurred_at OR known_at > {AS_OF})",
        )
        assert late == 0, table


def test_about_one_session_in_fifty_arrives_late(tables: duckdb.DuckDBPyConnection) -> None:
    share = one(
        tables,
        "SELECT avg((known_at::DATE > occurred_at::DATE)::INT) FROM events "
        "WHERE event_id NOT LIKE '%-x%' AND kind = 'app_open'",
    )
    assert 0.01 < float(str(share)) < 0.03


def test_addresses_and_numbers_reach_nobody(tables: duckdb.DuckDBPyConnection) -> None:
    reserved = r"^[a-z.]+\d+[@#]example\.(com|org|net)$"
    assert one(tables, f"SELECT bool_and(regexp_matches(email, '{reserved}')) FROM users") is True
    fictitious = r"^(\+86 100 0000 \d{4}|\+1 202-555-01\d\d|\+44 7700 900\d{3})$"
    assert one(tables, f"SELECT bool_and(regexp_matches(phone, '{fictitious}')) FROM users") is True


def test_about_seven_users_in_ten_are_chinese(tables: duckdb.DuckDBPyConnection) -> None:
    assert 0.62 < float(str(one(tables, "SELECT avg((locale = 'zh-CN')::INT) FROM users"))) < 0.78


def test_titles_are_unique_and_events_point_at_published_ones(
    tables: duckdb.DuckDBPyConnection,
) -> None:
    assert one(tables, "SELECT count(*) - count(DISTINCT title) FROM contents") == 0
    assert 380 <= int(str(one(tables, "SELECT count(*) FROM contents"))) <= 420
    unknown = (
        "SELECT count(*) FROM events ANTI JOIN contents USING (content_id) "
        "WHERE content_id IS NOT NULL"
    )
    assert one(tables, unknown) == 0
    early = (
        "SELECT count(*) FROM events JOIN contents USING (content_id) "
        "WHERE occurred_at < published_at AND event_id NOT LIKE '%-x%'"
    )
    assert one(tables, early) == 0


def test_no_text_keeps_a_placeholder(tables: duckdb.DuckDBPyConnection) -> None:
    for table, column in (("messages", "text"), ("contents", "title"), ("contents", "description")):
        assert one(tables, f"SELECT count(*) FROM {table} WHERE {column} LIKE '%{{%'") == 0


def test_a_term_is_cancelled_inside_it(tables: duckdb.DuckDBPyConnection) -> None:
    wrong = (
        "SELECT count(*) FROM subscriptions "
        "WHERE cancelled_at < started_at AND subscription_id NOT LIKE '%-x%'"
    )
    assert one(tables, wrong) == 0
    assert int(str(one(tables, "SELECT count(cancelled_at) FROM subscriptions"))) > 10


def test_the_log_of_campaigns_is_consistent(tables: duckdb.DuckDBPyConnection) -> None:
    assert one(
        tables,
        "SELECT bool_and((arm = 'holdout') = (sent_at IS NULL) "
        "AND (arm = 'treat') = (status = 'sent') AND propensity IN (0.1, 0.5, 0.9) "
        "AND window_end = window_start + INTERVAL 28 DAY) FROM interventions",
    ) is True  # fmt: skip
    shares = tables.execute(
        "SELECT campaign, avg((arm = 'treat')::INT), count(*) FROM interventions "
        "WHERE propensity = 0.5 GROUP BY campaign"
    ).fetchall()
    assert len(shares) == 3
    for _, treated, count in shares:
        assert abs(treated - 0.5) < 3 * (0.25 / count) ** 0.5


def test_logged_outcomes_follow_the_churn_rule(tables: duckdb.DuckDBPyConnection) -> None:
    wrong = one(
        tables,
        """
        SELECT count(*) FROM interventions i WHERE (outcome = 'churned') <> NOT EXISTS (
            FROM events e WHERE e.user_id = i.user_id AND occurred_at >= window_start
            AND occurred_at < window_end AND event_id NOT LIKE '%-x%')
        """,
    )
    assert wrong == 0


def test_the_mapping_names_every_table(folder: Path) -> None:
    mapping = tomllib.loads((folder / "mapping.toml").read_text(encoding="utf-8"))
    assert mapping["churn"] == {
        "rule": "inactive", "lead_days": 7, "horizon_days": 28, "active_within_days": 28,
    }  # fmt: skip
    assert set(mapping["tables"]) == set(TABLES)
    for table in mapping["tables"].values():
        assert (folder / table["source"]).is_file()


def test_nothing_outside_reads_the_truth(folder: Path) -> None:
    names = [path.name for path in (folder / "truth").iterdir()]
    assert "hazard.parquet" in names
    for package in ("engine", "retention_tui"):
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not [name for name in names if name in text], path


def test_too_few_users_are_refused_with_the_limits(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="5 users over 18 months is too little: at least 10 users"):
        sample_db.generate(tmp_path / "out", users=5)
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / "out"), "--months", "1"])
    assert stopped.value.code == 2
    assert "at least 10 users and 4 months are needed" in capsys.readouterr().err


def test_the_command_writes_a_sample_that_ends_on_the_given_day(tmp_path: Path) -> None:
    end = date(2026, 3, 31)
    assert main([str(tmp_path), "--users", "40", "--months", "5", "--end", str(end)]) == 0
    with duckdb.connect() as connection:
        last = one(
            connection,
            f"SELECT max(known_at)::DATE FROM '{tmp_path / 'events.parquet'}' "
            f"WHERE known_at < {FAR} AND event_id NOT LIKE '%-x%'",
        )
    assert last == end

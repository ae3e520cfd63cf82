"""The filter language: what it selects, what it refuses, and that text stays data."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.ranking.filters import compile_filter, split_terms


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute(
        """
        CREATE TABLE r AS SELECT 'run' AS scoring_run_id, TIMESTAMP '2026-10-01' AS cutoff;
        CREATE TABLE s (user_id VARCHAR, rank BIGINT, risk DOUBLE, band VARCHAR,
            value_at_risk DOUBLE, segment VARCHAR, reason_group VARCHAR, last_active_at TIMESTAMP);
        INSERT INTO s VALUES
            ('u1', 1, .91, 'critical', 500, '年度会员', 'payment_failure', TIMESTAMP '2026-09-10'),
            ('u2', 2, .55, 'high', 300, 'monthly', 'fading_use', TIMESTAMP '2026-09-28'),
            ('u3', 3, .10, 'low', 20, 'none', 'price', NULL);
        CREATE TABLE u (user_id VARCHAR, name VARCHAR, email VARCHAR);
        INSERT INTO u VALUES ('u1', '王小明', 'wang@example.com'), ('u2', 'Ann [red]', NULL),
            ('u3', '100% real', 'c_d@example.com');
        """
    )
    return made


def select(connection: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    condition = compile_filter(text)
    rows = connection.execute(
        f"SELECT s.user_id FROM s CROSS JOIN r LEFT JOIN u USING (user_id) "
        f"WHERE {condition.sql} ORDER BY s.rank",
        list(condition.parameters),
    ).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["u1", "u2", "u3"]),
        ("risk>0.8", ["u1"]),
        ("risk>=55%", ["u1", "u2"]),
        ("risk>0.5 value<400", ["u2"]),
        ("band:high", ["u2"]),
        ("band:high,critical", ["u1", "u2"]),
        ("等级：高", ["u2"]),
        ("plan:年度", ["u1"]),
        ("reason:payment", ["u1"]),
        ("active>14", ["u1"]),
        ("王小明", ["u1"]),
        ("ann", ["u2"]),
        ("[red]", ["u2"]),
        ("100%", ["u3"]),
        ("c_d@", ["u3"]),
        ("user:u2", ["u2"]),
        ("风险＞0.8", ["u1"]),
        ('"100% real"', ["u3"]),
        ("nobody", []),
    ],
)
def test_selects(connection: duckdb.DuckDBPyConnection, text: str, expected: list[str]) -> None:
    assert select(connection, text) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "risk>high",
            "'high' in the filter term 'risk>high' is not a number. "
            "Write for instance risk>0.8 or value>300.",
        ),
        (
            "rsk>0.8",
            "'rsk' in the filter term 'rsk>0.8' is not a field. Fields are active, band, plan, "
            "rank, reason, risk, user, value. Did you mean 'risk'?",
        ),
        (
            "band:hihg",
            "'hihg' is not a band. The bands are low, medium, high, critical. "
            "Did you mean band:high?",
        ),
        ('"open', "The filter '\"open' has an open quotation mark. Close it with \"."),
    ],
)
def test_refuses_with_the_next_step(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        compile_filter(text)
    assert raised.value.sentence.replace("?", "?") == sentence.replace("?", "?")


@given(st.text(max_size=40))
def test_no_text_reaches_the_sql(text: str) -> None:
    try:
        condition = compile_filter(text)
    except UsageError:
        return
    assert condition.sql.count("?") == len(condition.parameters)
    assert "'" not in condition.sql.replace("ESCAPE '\\'", "").replace("'day'", "")


@given(st.lists(st.text(alphabet="abc风险:>0.8", min_size=1, max_size=6), max_size=4))
def test_splitting_keeps_every_term(terms: list[str]) -> None:
    assert split_terms(" ".join(terms)) == terms

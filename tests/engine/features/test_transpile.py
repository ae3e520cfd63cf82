"""Beyond one machine: every query reads in Spark, and says there what it says here."""

from __future__ import annotations

import re

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from engine.features.catalogue import SPECS
from engine.features.compile import PEERS, USER, compile_features
from engine.features.dialect import SPELLINGS
from engine.features.labels import eligible_sql, users_before_sql
from engine.features.sequences import activity_sql
from engine.features.views import views
from engine.timeline import ChurnRule, RuleKind

FACTS = frozenset({"subscriptions", "payments"})
RULES: tuple[RuleKind, ...] = ("inactive", "no_payment", "lapsed", "label")

QUERIES = {
    "features": compile_features(SPECS, FACTS),
    "features of a shop": compile_features(SPECS, frozenset({"payments"})),
    "activity": activity_sql(),
    **{
        f"population {kind}": eligible_sql(ChurnRule(kind, horizon_days=30, minimum_history_days=9))
        for kind in RULES
    },
    "population before": users_before_sql(ChurnRule("inactive", horizon_days=30)),
    **{f"view {name}": text for name, text in views().items()},
}

NOT_EVERYWHERE = frozenset(
    {
        *("date_diff", "datediff", "epoch", "isodow", "dayofyear", "strftime", "date_part"),
        *("arg_min", "arg_max", "quantile_cont", "list", "unnest", "struct_pack", "hash", "range"),
        *("to_days", "to_hours", "make_timestamp", "age", "bool_or", "any_value", "first", "last"),
    }
)
"""DuckDB's own, or read otherwise elsewhere: only `dialect.py` may spell them."""


def in_spark(sql: str) -> str:
    return sqlglot.transpile(sql, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE)[
        0
    ]


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES.keys())
def test_each_query_reads_in_spark_and_never_names_the_sensitive_table(sql: str) -> None:
    assert "user_sensitive" not in sql
    here = sqlglot.parse_one(sql, read="duckdb")
    spark = here.sql("spark", unsupported_level=ErrorLevel.RAISE)
    again = sqlglot.parse_one(spark, read="spark")
    for part in (exp.Column, exp.Window, exp.Filter, exp.Join, exp.Case):
        assert len(list(again.find_all(part))) == len(list(here.find_all(part))), part.__name__
    assert {call.name for call in again.find_all(exp.Anonymous)} == set()


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES.keys())
def test_what_is_only_duckdbs_own_is_spelled_in_the_dialect(sql: str) -> None:
    # Longest first: one spelling may be part of another.
    for spelling in sorted(SPELLINGS.values(), key=len, reverse=True):
        sql = sql.replace(spelling, "0")
    called = {name.lower() for name in re.findall(r"\b([A-Za-z_]\w*)\(", sql)}
    assert called & NOT_EVERYWHERE == set()
    assert "::" not in sql
    assert "//" not in sql
    assert "QUALIFY" not in sql


def test_no_ratio_rests_on_a_decimal_literal() -> None:
    """Spark reads 0.1 as DECIMAL and rounds otherwise; a percentile's rank is no ratio."""
    for spec in SPECS:
        plain = re.sub(r"percentile_cont\([0-9.]+\)", "", spec.expression)
        assert re.search(r"\d\.\d", plain) is None, spec.name


def test_every_division_is_of_doubles() -> None:
    for spec in SPECS:
        for division in sqlglot.parse_one(spec.expression, read="duckdb").find_all(exp.Div):
            left = division.this.unnest()
            assert isinstance(left, exp.Cast | exp.Mul | exp.Div), (spec.name, left.sql())


def test_the_windows_of_the_views_end_in_a_unique_key_or_cannot_tie() -> None:
    """row_number and lag pick a row: what they order by must not leave that to chance.

    A day is unique within a user by the view's own group-by; dense_rank picks nothing, it numbers
    equal values alike.
    """
    unique = {"day", "payment_id", "subscription_id", "message_id"}
    for name, text in views().items():
        tree = sqlglot.parse_one(text, read="duckdb")
        for ordered in tree.find_all(exp.Window):
            order = ordered.args.get("order")
            if order is not None and not isinstance(ordered.this, exp.DenseRank):
                assert order.expressions[-1].this.name in unique, (name, ordered.sql())


def test_a_comparison_with_peers_does_not_depend_on_the_order_of_ties() -> None:
    for spec in SPECS:
        if spec.over == PEERS:
            assert "row_number" not in spec.expression, spec.name
        elif spec.over == USER:
            assert " OVER " not in spec.expression, spec.name

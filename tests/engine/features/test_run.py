"""Part by part, in slices, with little memory or as the one statement: the same frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from engine.features import run
from engine.features.available import available
from engine.features.catalogue import available_specs, specs_named
from engine.features.compile import FeatureQuery, feature_query
from engine.features.fetch import chunks
from engine.features.labels import eligible_sql, parameters
from engine.features.run import feature_chunks
from engine.timeline import ChurnRule

Open = Callable[..., duckdb.DuckDBPyConnection]
Tables = Mapping[str, pd.DataFrame]
Columns = dict[str, NDArray[np.generic]]


def planned(connection: duckdb.DuckDBPyConnection, rule: ChurnRule) -> FeatureQuery:
    facts = available(connection)
    return feature_query(available_specs(facts), facts, population=eligible_sql(rule))


def in_parts(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    *,
    rows: int = 32_768,
    slice_rows: int = 131_072,
) -> Columns:
    query = planned(connection, rule)
    values = parameters(query.text(), rule, cutoff)
    found = list(feature_chunks(connection, query, values, rows=rows, slice_rows=slice_rows))
    return {name: np.concatenate([chunk[name] for chunk in found]) for name in found[0]}


def assert_same(one: Columns, other: Columns) -> None:
    assert list(one) == list(other)
    for name, column in one.items():
        if column.dtype == object:
            assert column.tolist() == other[name].tolist(), name
        else:
            assert column.tobytes() == other[name].tobytes(), name


def test_parts_are_the_one_statement(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime
) -> None:
    query = planned(connection, rule)
    sql = query.text()
    (whole,) = chunks(connection, sql, parameters(sql, rule, cutoff), rows=1 << 20)
    assert len(whole["user_id"]) > 20
    assert_same(whole, in_parts(connection, rule, cutoff))


@pytest.mark.parametrize("column", ["events_28d", "events_per_active_day_28d", "active_days_rank"])
def test_one_column_alone_is_that_of_the_whole(
    connection: duckdb.DuckDBPyConnection, inactive: ChurnRule, cutoff: datetime, column: str
) -> None:
    facts = available(connection)
    query = feature_query(specs_named([column]), facts, population=eligible_sql(inactive))
    values = parameters(query.text(), inactive, cutoff)
    (alone,) = feature_chunks(connection, query, values, rows=32_768)
    whole = in_parts(connection, inactive, cutoff)
    assert_same({name: whole[name] for name in ("user_id", "segment", column)}, alone)


@pytest.mark.parametrize("slice_rows", [pytest.param(40, marks=pytest.mark.slow), 1000])
def test_slices_of_users_make_the_whole(
    connection: duckdb.DuckDBPyConnection, inactive: ChurnRule, cutoff: datetime, slice_rows: int
) -> None:
    whole = in_parts(connection, inactive, cutoff)
    split = in_parts(connection, inactive, cutoff, slice_rows=slice_rows, rows=2048)
    assert_same(whole, split)


@pytest.mark.slow
def test_leaving_others_out_early_or_late_is_the_same(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    for share in (0.0, 2.0):
        monkeypatch.setattr(run, "EVERYONE_SHARE", share)
        found.append(in_parts(connection, rule, cutoff))
    assert_same(*found)


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["memory_limit = '200MB'", "threads = 2"])
def test_memory_and_threads_do_not_matter(
    open_world: Open, tables: Tables, inactive: ChurnRule, cutoff: datetime, setting: str
) -> None:
    connection = open_world(tables)
    plenty = in_parts(connection, inactive, cutoff)
    connection.execute(f"SET {setting}")
    assert_same(plenty, in_parts(connection, inactive, cutoff))


def test_nothing_is_left_behind(
    open_world: Open, tables: Tables, inactive: ChurnRule, cutoff: datetime
) -> None:
    """Also when the reader turns away half-way; threads are given back."""
    connection = open_world(tables, threads=2)
    connection.execute("SET memory_limit = '200MB'")
    query = planned(connection, inactive)
    values = parameters(query.text(), inactive, cutoff)
    rows = feature_chunks(connection, query, values, rows=2048, slice_rows=5)
    next(rows)
    rows.close()
    temporary = "SELECT count(*) FROM duckdb_tables() WHERE temporary"
    assert connection.execute(temporary).fetchone() == (0,)
    assert connection.execute("SELECT current_setting('threads')").fetchone() == (2,)


def test_nobody_eligible_is_no_row(
    open_world: Open, tables: Tables, inactive: ChurnRule, cutoff: datetime
) -> None:
    connection = open_world({**tables, "users": tables["users"].iloc[:0]})
    query = planned(connection, inactive)
    values = parameters(query.text(), inactive, cutoff)
    assert list(feature_chunks(connection, query, values, rows=2048)) == []


def test_a_kept_part_is_made_once_and_raw_events_are_never_copied(
    connection: duckdb.DuckDBPyConnection, inactive: ChurnRule
) -> None:
    query = planned(connection, inactive)
    kept = query.tables()
    assert not {"known_events", "joined"} & set(kept)
    for name in kept:
        inlined = query.statement(name, frozenset(kept))
        assert not any(f"{other} AS (" in inlined for other in kept)

"""Features of edited histories, by the SQL that every other row is computed by.

Each variant of the user's rows stands in a database in memory as a user of its own. What compares
a user with others reads those others as they are, once for each variant, so that no variant sees
another. Nothing is written to the behaviour database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.data.contract import KEYS, behaviour_sql, contract
from engine.features.build import CHUNK_ROWS
from engine.features.compile import BLOCK, PEERS, feature_query
from engine.features.frame import FeatureFrame, no_sequences
from engine.features.labels import eligible_sql, parameters, stayed
from engine.features.messages import pull_messages
from engine.features.run import feature_chunks
from engine.features.sequences import pull_activity
from engine.features.spec import FeatureSpec
from engine.timeline import ChurnRule
from engine.whatif.history import Change, History

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

EVERY_VARIANT = "SELECT user_id FROM users"


@dataclass(frozen=True)
class Surroundings:
    """What the features of one user need besides his own rows: the same for every user."""

    rule: ChurnRule
    cutoff: datetime
    specs: tuple[FeatureSpec, ...]  # the model's columns, in order
    facts: frozenset[str]
    contents: pd.DataFrame  # the table `contents`
    others: pd.DataFrame | None  # user_id, segment and what peers are compared by; None: nothing


def read_surroundings(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    specs: Sequence[FeatureSpec],
    facts: frozenset[str],
) -> Surroundings:
    """The contents, and the eligible users at `cutoff` by what the columns `specs` compare."""
    compared = [spec for spec in specs if spec.over == PEERS]
    others = None
    if compared:
        query = feature_query(compared, facts, population=eligible_sql(rule))
        sql = query.statement(PEERS, frozenset())
        others = connection.execute(sql, parameters(sql, rule, cutoff)).df()
    contents = connection.execute("SELECT * FROM contents").df()
    return Surroundings(rule, cutoff, tuple(specs), facts, contents, others)


@dataclass(frozen=True, slots=True)
class Variants:
    """V variants of one user's history, in the order in which they were asked for."""

    frame: FeatureFrame  # V rows; their ids are numbers of variants
    decided: frozenset[int]  # variants whom the churn rule already counts as staying


def recompute(
    history: History,
    changes: Sequence[Change],
    around: Surroundings,
    *,
    sequences: bool = True,
    messages: bool = True,
) -> Variants:
    """The frame of `history` under each of `changes`: the same bits as in the frame of all users.

    The sequence's codes of kinds are those of this user's kinds; names decide what they mean.
    """
    import duckdb

    names = [f"{number:06d}" for number in range(len(changes))]
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(behaviour_sql())
        _fill_users(connection, history, names)
        for table, rows in history.tables():
            put = [
                (name, row)
                for name, change in zip(names, changes, strict=True)
                for row in change.rows.get(table, ())
            ]
            _fill_facts(connection, table, rows, put)
        connection.register("given_contents", around.contents)
        connection.execute("INSERT INTO contents BY NAME SELECT * FROM given_contents")
        frame = _frame(connection, around)
        if around.others is not None:
            _compare(connection, around, history.user["user_id"], frame)
        if messages:
            written = pull_messages(connection, [around.cutoff])
            frame = replace(frame, messages=written.until(around.cutoff, frame.user_ids))
        if sequences:
            stream = pull_activity(connection, [around.cutoff], frame.user_ids)
            frame = replace(frame, sequences=stream.until(around.cutoff, frame.user_ids))
        decided = stayed(connection, around.rule, around.cutoff, names, told_before=around.cutoff)
    return Variants(frame, frozenset(map(int, decided)))


def _frame(connection: duckdb.DuckDBPyConnection, around: Surroundings) -> FeatureFrame:
    """Everything but what compares with others: those columns are missing throughout."""
    alone = [spec for spec in around.specs if spec.over != PEERS]
    query = feature_query(alone, around.facts, population=EVERY_VARIANT)
    bound = parameters(query.text(), around.rule, around.cutoff)
    (rows,) = feature_chunks(connection, query, bound, rows=CHUNK_ROWS)
    users = rows["user_id"]
    missing = np.full(len(users), np.nan, np.float32)
    return FeatureFrame(
        user_ids=users,
        cutoffs=np.full(len(users), np.datetime64(around.cutoff, "s")),
        segments=rows["segment"],
        columns=tuple(spec.name for spec in around.specs),
        values=np.stack([rows.get(spec.name, missing) for spec in around.specs], axis=1),
        sequences=no_sequences(len(users)),
    )


def _compare(
    connection: duckdb.DuckDBPyConnection, around: Surroundings, user_id: str, frame: FeatureFrame
) -> None:
    """Fill in, of each variant beside the other users, the columns that compare it with them.

    Variants with the same numbers to compare are one: most edits touch none of them.
    """
    compared = [spec for spec in around.specs if spec.over == PEERS]
    query = feature_query(compared, around.facts, population=EVERY_VARIANT)
    own = f"{query.statement(PEERS, frozenset())} ORDER BY user_id"
    bound = parameters(own, around.rule, around.cutoff)
    connection.execute(f"CREATE TEMP TABLE compared AS {own}", bound)
    connection.register("everyone", around.others)
    connection.execute(
        f"CREATE TEMP TABLE {PEERS} AS SELECT * FROM everyone WHERE user_id <> ?", [user_id]
    )
    block = f"{BLOCK}{PEERS}"
    named = ", ".join(spec.name for spec in compared)
    kept: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    absent = query.blocks[block]
    for row, name in enumerate(frame.user_ids):
        numbers = connection.execute(
            "SELECT * EXCLUDE (user_id) FROM compared WHERE user_id = ?", [name]
        ).fetchall()[0]
        if numbers not in kept:
            connection.execute(
                f"INSERT INTO {PEERS} BY NAME SELECT * FROM compared WHERE user_id = ?", [name]
            )
            kept[numbers] = connection.execute(
                f"SELECT {named} FROM ({query.parts[block]}) AS beside WHERE user_id = ?", [name]
            ).fetchall()[0]
            connection.execute(f"DELETE FROM {PEERS} WHERE user_id = ?", [name])
        for spec, value in zip(compared, kept[numbers], strict=True):
            given = absent[spec.name] if value is None else value
            frame.values[row, frame.columns.index(spec.name)] = np.nan if given is None else given


def _fill_users(
    connection: duckdb.DuckDBPyConnection, history: History, names: Sequence[str]
) -> None:
    rows = [{**history.user, "user_id": name} for name in names]
    _insert(connection, "users", rows)


def _fill_facts(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    put: Sequence[tuple[str, Mapping[str, Any]]],
) -> None:
    """The user's own rows for every variant, and those that a variant puts in their place."""
    (key,) = KEYS[table]
    _insert(connection, table, [{**row, "user_id": name} for name, row in put])
    connection.execute(f"CREATE TEMP TABLE own AS SELECT * FROM {table} LIMIT 0")
    _insert(connection, "own", rows, like=table)
    connection.execute(
        f"INSERT INTO {table} BY NAME SELECT own.* REPLACE (users.user_id AS user_id) "
        "FROM own CROSS JOIN users WHERE NOT EXISTS ("
        f"SELECT 1 FROM {table} AS put WHERE put.user_id = users.user_id "
        f"AND put.{key} = own.{key})"
    )
    connection.execute("DROP TABLE own")


def _insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    like: str | None = None,
) -> None:
    """Append `rows` exactly: neither a missing value nor a microsecond goes through a float."""
    if not rows:
        return
    columns = contract()[like or table].columns
    taken = ", ".join(
        f"unnest(CAST(${column.name} AS {column.type}[])) AS {column.name}" for column in columns
    )
    connection.execute(
        f"INSERT INTO {table} BY NAME SELECT {taken}",
        {column.name: [row[column.name] for row in rows] for column in columns},
    )

"""The feature query at work: part by part into temporary tables, then out by slices of users.

As one statement a million users and a hundred million events ask for more memory than a small
machine has. Part by part one grouping is held at a time, and what is not at work can be written
out. The blocks of features are put beside each other here and not by the database: a chain of
twenty joins hands every column through every join. The result is the same, bit for bit: every
number is summed as integers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.features.compile import SEGMENTS, FeatureQuery
from engine.features.fetch import chunks

if TYPE_CHECKING:
    import duckdb

SLICE_ROWS = 131_072
"""Users put together at once: with 250 columns some 130 megabytes."""

BLOCK_ROWS = 32_768
"""Of one block, fetched at once."""

PLACES = "places"
"""The table with each user's place in the order of ids."""

_PLACED = (
    "SELECT user_id, row_number() OVER (ORDER BY user_id) - 1 AS place FROM temp.main.population"
)

THREAD_BYTES = 1 << 30
"""What a thread needs to group a hundred million events without failing; fewer threads spill."""

EVERYONE_SHARE = 0.7
"""From here on the rows of the users left out cost less than asking each row whose it is."""

_PARAMETER = re.compile(r"\$([a-z_]+)")
_UNITS = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def feature_chunks(
    connection: duckdb.DuckDBPyConnection,
    query: FeatureQuery,
    values: dict[str, Any],
    *,
    rows: int,
    slice_rows: int = SLICE_ROWS,
) -> Iterator[dict[str, NDArray[Any]]]:
    """user_id, segment and the features of the population by id, at most `rows` users at a time.

    `values` are the parameters of the whole query. NULL is NaN. The connection holds no table of
    this once the last chunk is read.
    """
    kept = query.tables()
    with _bounded_threads(connection):
        try:
            for place, name in enumerate(kept):
                statement = query.statement(name, frozenset(kept))
                _run(connection, f"CREATE TEMP TABLE {name} AS {statement}", values)
                if name == "population" and _nearly_everyone(connection):
                    query = query.of_everyone()
                for done in _last_read(query, kept, place):
                    connection.execute(f"DROP TABLE temp.main.{done}")
            connection.execute(f"CREATE TEMP TABLE {PLACES} AS {_PLACED}")
            for users, bounds in _slices(connection, slice_rows):
                columns = _filled(connection, query, users, bounds)
                for start in range(0, len(users), rows):
                    yield {name: column[start : start + rows] for name, column in columns.items()}
        finally:
            for name in (*kept, PLACES):
                connection.execute(f"DROP TABLE IF EXISTS temp.main.{name}")


def _last_read(query: FeatureQuery, kept: tuple[str, ...], place: int) -> list[str]:
    """The tables that nobody needs after the statement at `place`."""
    names = frozenset(kept)
    later = [query.parts[name] for name in kept[place + 1 :]] + [query.result]
    wanted = set().union(*(query.read_by(sql, names) for sql in later))
    return [
        name
        for name in kept[: place + 1]
        if name not in wanted and name in query.read_by(query.parts[kept[place]], names)
    ]


def _nearly_everyone(connection: duckdb.DuckDBPyConnection) -> bool:
    """Is so much of the users in the population that leaving the others out does not pay?"""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM temp.main.population), (SELECT count(*) FROM users)"
    ).fetchone()
    assert row is not None
    return int(row[0]) >= EVERYONE_SHARE * int(row[1])


def _slices(
    connection: duckdb.DuckDBPyConnection, slice_rows: int
) -> Iterator[tuple[NDArray[np.object_], dict[str, Any]]]:
    """The population in order, some at a time: their ids, and the bounds of ids and places."""
    row = connection.execute(f"SELECT count(*) FROM temp.main.{PLACES}").fetchone()
    assert row is not None
    for first in range(0, int(row[0]), slice_rows):
        found = connection.execute(
            f"SELECT user_id FROM temp.main.{PLACES} WHERE place >= $first AND place < $stop "
            "ORDER BY place",
            {"first": first, "stop": first + slice_rows},
        ).fetchnumpy()["user_id"]
        users = np.asarray(found, dtype=object)
        yield (
            users,
            {
                "first": first,
                "stop": first + len(users),
                "lowest": users[0],
                "highest": users[-1],
            },
        )


def _filled(
    connection: duckdb.DuckDBPyConnection,
    query: FeatureQuery,
    users: NDArray[np.object_],
    bounds: dict[str, Any],
) -> dict[str, NDArray[Any]]:
    """user_id, segment and the features of a slice of users, block by block."""
    features = {name: np.full(len(users), np.nan, dtype=np.float32) for name in query.columns}
    segment = np.full(len(users), query.segment, dtype=object)
    for block, absent in query.blocks.items():
        for name, value in absent.items():
            if value is not None:
                features[name].fill(value)
        taken = [
            f"CAST({name if value is None else f'coalesce({name}, {value:g})'} AS REAL) AS {name}"
            for name, value in absent.items()
        ]
        for rows in chunks(connection, _of_slice(block, taken), bounds, rows=BLOCK_ROWS):
            place = rows.pop("place")
            for name, column in rows.items():
                features[name][place] = column
    if SEGMENTS in query.parts:
        for rows in chunks(connection, _of_slice(SEGMENTS, ["segment"]), bounds, rows=BLOCK_ROWS):
            segment[rows["place"]] = rows["segment"]
    return {"user_id": users, "segment": segment, **features}


def _of_slice(table: str, columns: list[str]) -> str:
    """The rows of a slice's users, in no order, with the user's place in the slice."""
    return (
        f"SELECT CAST(slice.place - $first AS INTEGER) AS place, {', '.join(columns)}\n"
        f"FROM (SELECT * FROM temp.main.{table} "
        "WHERE user_id >= $lowest AND user_id <= $highest) AS block\n"
        f"INNER JOIN (SELECT user_id AS sliced, place FROM temp.main.{PLACES} "
        "WHERE place >= $first AND place < $stop) AS slice ON slice.sliced = block.user_id"
    )


@contextmanager
def _bounded_threads(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """No more threads than the memory limit feeds: each builds a table of its own."""
    row = connection.execute(
        "SELECT current_setting('threads'), current_setting('memory_limit')"
    ).fetchone()
    assert row is not None
    threads, limit = int(row[0]), str(row[1])
    number, unit = limit.split(" ")
    fed = max(1, int(float(number) * _UNITS[unit]) // THREAD_BYTES)
    if fed >= threads:
        yield
        return
    connection.execute(f"SET threads = {fed}")
    try:
        yield
    finally:
        connection.execute(f"SET threads = {threads}")


def _run(connection: duckdb.DuckDBPyConnection, sql: str, values: dict[str, Any]) -> None:
    connection.execute(sql, _used(sql, values))


def _used(sql: str, values: dict[str, Any]) -> dict[str, Any]:
    """Those of `values` that `sql` names: the database refuses the others."""
    return {name: values[name] for name in set(_PARAMETER.findall(sql)) & values.keys()}

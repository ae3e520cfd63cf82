"""The feature query at work: part by part into temporary tables, then out by slices of users.

As one statement a million users and a hundred million events ask for more memory than a small
machine has. Part by part one grouping is held at a time, and what is not at work can be written
out. The result is the same, bit for bit: every number is summed as integers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from engine.features.compile import FeatureQuery
from engine.features.fetch import chunks

if TYPE_CHECKING:
    import duckdb

SLICE_ROWS = 131_072
"""Users joined and fetched at once: with 250 columns some 130 megabytes."""

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

    `values` are the parameters of the whole query. NULL is NaN. The connection is busy until the
    last chunk is read, and holds no table of this afterwards.
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
            for condition, bounds in _slices(connection, slice_rows):
                sliced = {
                    name: f"SELECT * FROM temp.main.{name} WHERE {condition}"
                    for name in query.read_by(query.result, frozenset(kept))
                }
                sql = query.result_over(sliced)
                yield from chunks(connection, sql, _used(sql, {**values, **bounds}), rows=rows)
        finally:
            for name in kept:
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
) -> Iterator[tuple[str, dict[str, str]]]:
    """Conditions on user_id that split the population in order, with their parameters."""
    starts = connection.execute(
        "SELECT user_id FROM (SELECT user_id, row_number() OVER (ORDER BY user_id) AS place "
        "FROM temp.main.population) AS placed WHERE (place - 1) % $rows = 0 ORDER BY user_id",
        {"rows": slice_rows},
    ).fetchall()
    for place, (start,) in enumerate(starts):
        if place + 1 < len(starts):
            bounds = {"slice_start": start, "slice_stop": starts[place + 1][0]}
            yield "user_id >= $slice_start AND user_id < $slice_stop", bounds
        else:
            yield "user_id >= $slice_start", {"slice_start": start}


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

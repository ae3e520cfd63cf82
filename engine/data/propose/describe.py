"""What is in a folder of source files: columns, what their values look like, which files belong
together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from engine.data.sources import Source, copy_source, quote

Look = Literal["time", "number", "truth", "text", "empty"]

SAMPLE_ROWS = 20_000
"""So many rows say what a column looks like."""

EXAMPLES = 40
"""The most frequent values that are kept of a column."""

TIME_FORMATS = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y %H:%M:%S",
                "%m/%d/%Y %H:%M", "%m/%d/%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y年%m月%d日",
                "%Y%m%d")  # fmt: skip
"""Tried where a text is no ISO time; of several that fit all rows the first is taken."""

TRUTHS = ("0", "1", "true", "false", "yes", "no", "y", "n", "t", "f", "是", "否")
EPOCH_S = (631_152_000, 4_102_444_800)  # 1990 to 2100
A_CODE_IS_NO_TIME = re.compile(r"^(19|20)\d{6}$")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a source."""

    name: str
    type: str  # as DuckDB names it; VARCHAR in text files
    look: Look
    expression: str  # SQL that gives the value in the form of `look`
    distinct: int  # in the sample
    unique: bool  # no two rows of the whole source share a value, and none is missing
    negative: bool
    examples: tuple[str, ...]  # the most frequent values first


@dataclass(frozen=True, slots=True)
class Table:
    """One source: a file, files of one kind, or a table in a database file."""

    source: str  # as the mapping names it
    table: str
    rows: int
    columns: tuple[Column, ...]

    @property
    def words(self) -> frozenset[str]:
        """What its name says, in lower case: `usage_daily_*.parquet` says usage and daily."""
        stem = Path(self.source).name.split(".")[0] + " " + self.table
        return frozenset(re.findall(r"[a-z]+|[\u4e00-\u9fff]+", stem.lower()))

    def column(self, name: str) -> Column:
        """The column called `name`."""
        return next(column for column in self.columns if column.name == name)


def globs(names: Sequence[str]) -> tuple[str, ...]:
    """`names` with numbered files of one kind brought together: log_2026-01.csv -> log_*.csv."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        pattern = re.sub(r"\d[\d_-]*", "*", name.split(".")[0])
        groups.setdefault(".".join([pattern, *name.split(".")[1:]]), []).append(name)
    return tuple(
        pattern if len(members) > 1 and "*" in pattern else member
        for pattern, members in groups.items()
        for member in (members[:1] if len(members) > 1 and "*" in pattern else members)
    )


def describe(connection: duckdb.DuckDBPyConnection, source: Source, relation: str) -> Table:
    """Read `source` into the new `relation` of a scratch connection and look at its columns."""
    copy_source(connection, source, relation)
    try:
        connection.execute(f"CREATE TEMP VIEW described AS SELECT * FROM {relation}")
        count = connection.execute("SELECT count(*) FROM described").fetchone()
        rows = int(count[0]) if count else 0
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE sampled AS SELECT * FROM described LIMIT {SAMPLE_ROWS}"
        )
        described = connection.execute("DESCRIBE described").fetchall()
        columns = tuple(_column(connection, row[0], str(row[1]), rows) for row in described)
    finally:
        connection.execute("DROP VIEW IF EXISTS described")
        connection.execute(f"DROP TABLE IF EXISTS {relation}")
    return Table(source.name, source.table, rows, columns)


def _column(connection: duckdb.DuckDBPyConnection, name: str, kind: str, rows: int) -> Column:
    column = quote(name)
    text = f"nullif(trim(CAST({column} AS VARCHAR)), '')"
    figures = connection.execute(
        f"SELECT count({text}), count(TRY_CAST({text} AS DOUBLE)), "
        f"count(TRY_CAST({text} AS TIMESTAMP)), count(DISTINCT {text}), "
        f"min(TRY_CAST({text} AS DOUBLE)), max(TRY_CAST({text} AS DOUBLE)), "
        f"count(*) FILTER (WHERE lower({text}) IN ({', '.join(map(repr, TRUTHS))})) "
        "FROM sampled"
    ).fetchone()
    present, numbers, times, distinct, low, high, truths = figures or (0,) * 7
    found = connection.execute(
        f"SELECT {text} AS value FROM sampled WHERE {text} IS NOT NULL "
        f"GROUP BY value ORDER BY count(*) DESC, value LIMIT {EXAMPLES}"
    ).fetchall()
    look, expression = _look(
        connection, name, kind, present=present, numbers=numbers, times=times, truths=truths,
        distinct=distinct, low=low, high=high,
    )  # fmt: skip
    unique = False
    if distinct == min(rows, SAMPLE_ROWS) == present and rows:
        row = connection.execute(
            f"SELECT count(DISTINCT {column}) = count(*) FROM described"
        ).fetchone()
        unique = bool(row and row[0])
    return Column(
        name, kind, look, expression, int(distinct), unique, low is not None and low < 0,
        tuple(value for (value,) in found),
    )  # fmt: skip


def _look(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    kind: str,
    *,
    present: int,
    numbers: int,
    times: int,
    truths: int,
    distinct: int,
    low: float | None,
    high: float | None,
) -> tuple[Look, str]:
    """What the values are, and the expression that reads them so."""
    column = quote(name)
    if not present:
        return "empty", column
    if kind.startswith(("TIMESTAMP", "DATE")):
        return "time", column
    if kind == "BOOLEAN" or (truths == present and distinct <= 2):
        return "truth", column
    if numbers == present:
        as_number = column if kind != "VARCHAR" else f"CAST({column} AS BIGINT)"
        whole = low is not None and high is not None and low.is_integer() and high.is_integer()
        if whole and low is not None and high is not None:
            if EPOCH_S[0] <= low and high < EPOCH_S[1]:
                return "time", f"to_timestamp({as_number})"
            if EPOCH_S[0] * 1000 <= low and high < EPOCH_S[1] * 1000:
                return "time", f"epoch_ms({as_number})"
            if A_CODE_IS_NO_TIME.match(str(int(low))) and A_CODE_IS_NO_TIME.match(str(int(high))):
                return "time", f"strptime(CAST({column} AS VARCHAR), '%Y%m%d')"
        return "number", column
    if times == present:
        return "time", column
    for form in TIME_FORMATS:
        row = connection.execute(
            f"SELECT count(try_strptime(CAST({column} AS VARCHAR), $form)) FROM sampled",
            {"form": form},
        ).fetchone()
        if row and row[0] == present:
            return "time", f"strptime({column}, '{form}')"
    return "text", column

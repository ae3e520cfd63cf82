"""Other worlds: temporary tables stand before the loaded ones, which are never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING

from engine.data.sources.source import quote
from engine.features.views import without_comments

if TYPE_CHECKING:
    import duckdb


@contextmanager
def another_world(
    connection: duckdb.DuckDBPyConnection, name: str, values: Mapping[str, object]
) -> Iterator[None]:
    """The statements of `name`.sql hold for the length of a block; `values` are their parameters.

    Each statement makes one temporary table; `loaded.` in it means the tables as loaded.
    """
    text = without_comments((resources.files("engine.monitor") / f"{name}.sql").read_text("utf-8"))
    row = connection.execute("SELECT current_database(), current_schema()").fetchone()
    loaded = ".".join(quote(part) for part in row or ())
    made: list[str] = []
    try:
        for statement in filter(str.strip, text.split(";")):
            made.append(statement.split("CREATE TEMP TABLE ")[1].split()[0])
            used = {key: value for key, value in values.items() if f"${key}" in statement}
            connection.execute(statement.replace("loaded.", f"{loaded}."), used)
        yield
    finally:
        for table in made:
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")

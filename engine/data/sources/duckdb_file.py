"""Tables and views of a DuckDB file, opened read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from engine.data.sources.source import Source, find_table, quote

SUFFIXES = (".duckdb", ".ddb", ".db")


def copy_duckdb(
    connection: duckdb.DuckDBPyConnection, source: Source, file: str, into: str
) -> None:
    """Copy the source's table into the new table `into`."""
    with _attached(connection, file) as there:
        schema, name = find_table(source, there)
        connection.execute(
            f"CREATE TABLE {into} AS SELECT * FROM source_file.{quote(schema)}.{quote(name)}"
        )


def table_names(connection: duckdb.DuckDBPyConnection, file: str) -> tuple[str, ...]:
    """The tables and views of a file, as a mapping names them."""
    with _attached(connection, file) as there:
        return tuple(there)


@contextmanager
def _attached(
    connection: duckdb.DuckDBPyConnection, file: str
) -> Iterator[dict[str, tuple[str, str]]]:
    """Name -> (schema, table) of everything in `file`, which is attached as source_file."""
    literal = file.replace("'", "''")
    connection.execute(f"ATTACH '{literal}' AS source_file (READ_ONLY, TYPE duckdb)")
    try:
        rows = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_catalog = 'source_file' ORDER BY ALL"
        ).fetchall()
        yield {
            name if schema == "main" else f"{schema}.{name}": (schema, name)
            for schema, name in rows
        }
    finally:
        connection.execute("DETACH source_file")

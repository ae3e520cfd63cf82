"""Tables and views of a DuckDB file, opened read-only."""

from __future__ import annotations

import duckdb

from engine.data.sources.source import Source, find_table, quote

SUFFIXES = (".duckdb", ".ddb", ".db")


def copy_duckdb(
    connection: duckdb.DuckDBPyConnection, source: Source, file: str, into: str
) -> None:
    """Copy the source's table into the new table `into`."""
    literal = file.replace("'", "''")
    connection.execute(f"ATTACH '{literal}' AS source_file (READ_ONLY, TYPE duckdb)")
    try:
        rows = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_catalog = 'source_file' ORDER BY ALL"
        ).fetchall()
        there = {
            name if schema == "main" else f"{schema}.{name}": (schema, name)
            for schema, name in rows
        }
        schema, name = find_table(source, there)
        connection.execute(
            f"CREATE TABLE {into} AS SELECT * FROM source_file.{quote(schema)}.{quote(name)}"
        )
    finally:
        connection.execute("DETACH source_file")

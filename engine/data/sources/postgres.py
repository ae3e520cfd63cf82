"""PostgreSQL through psycopg: tables and views, streamed by COPY from one read-only snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

import duckdb

from engine.data.sources.servers import (
    CONNECT_TIMEOUT_S,
    away,
    bad_string,
    connection_string,
    driver,
    failed,
    refused,
)
from engine.data.sources.source import Source, column_names, find_table
from engine.data.sources.staging import INTEGER_TEXT, Staging, workplace
from engine.errors import RetentionError
from engine.store.lease import first_line

if TYPE_CHECKING:
    import psycopg

TYPES: dict[str, tuple[str, ...]] = {
    "bool": ("BOOLEAN",),
    "int2": ("SMALLINT",),
    "int4": ("INTEGER",),
    "int8": ("BIGINT",),
    "oid": ("BIGINT",),
    "float4": ("FLOAT",),
    "float8": ("DOUBLE",),
    "numeric": (INTEGER_TEXT, "DOUBLE"),
    "date": ("DATE",),
    "time": ("TIME",),
    "timestamp": ("TIMESTAMP",),
    "timestamptz": ("TIMESTAMP WITH TIME ZONE",),
    "json": ("JSON",),
    "jsonb": ("JSON",),
}
"""PostgreSQL's base type -> ours; the others (arrays, enums, uuid, bytea …) are text."""

_TABLES: LiteralString = """
SELECT n.nspname, c.relname, n.nspname = current_schema() FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND has_schema_privilege(n.oid, 'USAGE')
ORDER BY 1, 2
"""

_COLUMNS: LiteralString = """
WITH RECURSIVE base AS (
  SELECT a.attnum, a.attname, a.atttypid AS type_id, a.atttypmod AS modifier
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT b.attnum, b.attname, t.typbasetype, greatest(b.modifier, t.typtypmod)
  FROM base b JOIN pg_type t ON t.oid = b.type_id WHERE t.typtype = 'd'
)
SELECT b.attname, t.typname, b.modifier FROM base b JOIN pg_type t ON t.oid = b.type_id
WHERE t.typtype <> 'd' ORDER BY b.attnum
"""


class PostgresSession:
    """One connection and one snapshot for all tables of a database."""

    def __init__(self, source: Source, variable: str) -> None:
        self._psycopg = driver(source, "psycopg", "postgres")
        text = connection_string(source, variable)
        try:
            self._server: psycopg.Connection[Any] = self._psycopg.connect(
                text,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_S,
                client_encoding="utf8",
                application_name="retention",
            )
        except self._psycopg.ProgrammingError:
            raise bad_string(source) from None  # its text may repeat the password
        except (self._psycopg.Error, UnicodeError) as error:
            raise _not_connected(source, error) from error
        try:
            self._server.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._server.execute("SET LOCAL TimeZone = 'UTC'")
            self._server.execute("SET LOCAL DateStyle = 'ISO'")
            self._server.execute("SET LOCAL IntervalStyle = 'iso_8601'")
            self._server.execute("SET LOCAL bytea_output = 'hex'")
        except self._psycopg.Error as error:
            self.close()
            raise self._fault(source, error) from error

    def close(self) -> None:
        """End the snapshot."""
        self._server.close()

    def copy(self, connection: duckdb.DuckDBPyConnection, source: Source, into: str) -> None:
        """Copy the source's table into the new table `into`, with its types."""
        try:
            there = {}
            for schema, name, default in self._server.execute(_TABLES):
                there[f"{schema}.{name}"] = (schema, name)
                if default:
                    there[name] = (schema, name)
            schema, name = find_table(source, there)
            columns = self._server.execute(_COLUMNS, (schema, name)).fetchall()
            names = [column[0] for column in columns]
            column_names(source, names)  # what are two there may be one to SQL here
            with workplace(connection) as folder:
                staging = Staging(connection, into, names, folder)
                self._stream(schema, name, names, staging)
                staging.finish([types(kind, modifier) for _, kind, modifier in columns])
        except self._psycopg.Error as error:
            raise self._fault(source, error) from error

    def _stream(self, schema: str, name: str, columns: list[str], staging: Staging) -> None:
        sql = self._psycopg.sql
        query = sql.SQL(
            "COPY (SELECT {}, '' FROM {}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"
        ).format(sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, name))
        quotes = 0
        with self._server.cursor() as cursor, cursor.copy(query) as rows:
            for block in rows:
                # A block may end anywhere; a row has ended where a line has, outside of quotes.
                quotes += bytes(block).count(b'"')
                staging.write(block, complete=quotes % 2 == 0 and block[-1:] == b"\n")

    def _fault(self, source: Source, error: psycopg.Error) -> RetentionError:
        detail = first_line(error)
        if isinstance(error, self._psycopg.errors.InsufficientPrivilege):
            return refused(source, detail)
        if self._server.broken or isinstance(error, self._psycopg.errors.OperatorIntervention):
            return away(source, detail)
        return failed(source, detail)


def types(kind: str, modifier: int) -> tuple[str, ...]:
    """Our types for one of theirs; `modifier` holds the digits of a numeric, -1 for any."""
    if kind == "numeric" and modifier >= 4:
        precision, scale = (modifier - 4) >> 16, (modifier - 4) & 0x7FF
        if precision <= 38 and scale <= precision:
            return f"DECIMAL({precision},{scale})", "DOUBLE"  # DOUBLE: NaN is a numeric there
    return TYPES.get(kind, ())


def _not_connected(source: Source, error: Exception) -> RetentionError:
    """A server that says FATAL has answered; only when it is starting or full may one try again."""
    detail = first_line(error)
    waits = ("starting up", "shutting down", "too many", "remaining connection slots")
    if "FATAL" in detail and not any(word in detail for word in waits):
        return refused(source, detail)
    return away(source, detail)

"""MySQL and MariaDB through PyMySQL: tables and views, streamed from one read-only snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import duckdb

from engine.data.sources.observed import as_text
from engine.data.sources.servers import (
    CONNECT_TIMEOUT_S,
    away,
    bad_string,
    connection_string,
    driver,
    failed,
    refused,
)
from engine.data.sources.source import Source, find_table
from engine.data.sources.staging import Staging, workplace
from engine.errors import RetentionError
from engine.store.lease import first_line

if TYPE_CHECKING:
    import pymysql

FETCH_ROWS = 10_000
READ_TIMEOUT_S = 600

TYPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "year"), ("BIGINT",)),
    "bigint": ("BIGINT", "UBIGINT"),
    "float": ("DOUBLE",),
    "double": ("DOUBLE",),
    "date": ("DATE",),
    "datetime": ("TIMESTAMP",),
    "timestamp": ("TIMESTAMP WITH TIME ZONE",),
    "bit": ("BIGINT", "UBIGINT"),
    "json": ("JSON",),
}
"""MySQL's type -> ours; the others are text. A zero date makes its column text."""

DENIED = (1044, 1045, 1049, 1142, 1143, 1227, 1370, 1698)
"""MySQL's numbers for a wrong password, an unknown database and a missing right."""

GONE = (1040, 1053, 1152, 1158, 1159, 1160, 1161, 2002, 2003, 2005, 2006, 2013, 2055)
"""Its numbers for a server that is full, stopping, or no longer there."""


class MysqlSession:
    """One connection and one snapshot for all tables of a database."""

    def __init__(self, source: Source, variable: str) -> None:
        self._pymysql = driver(source, "pymysql", "mysql")
        options = _options(source, connection_string(source, variable))
        try:
            self._server: pymysql.Connection[Any] = self._pymysql.connect(
                **options,
                charset="utf8mb4",
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                autocommit=True,
                conv={},  # values stay the server's own text
            )
            with self._server.cursor() as cursor:
                cursor.execute(
                    f"SET SESSION time_zone = '+00:00', net_write_timeout = {READ_TIMEOUT_S}"
                )
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        except (self._pymysql.Error, OSError, RuntimeError) as error:
            raise self._fault(source, error) from error

    def close(self) -> None:
        """End the snapshot."""
        if self._server.open:
            self._server.close()

    def copy(self, connection: duckdb.DuckDBPyConnection, source: Source, into: str) -> None:
        """Copy the source's table into the new table `into`, with its types."""
        try:
            schema, name = find_table(source, self._tables())
            columns = self._columns(schema, name)
            with workplace(connection) as folder:
                staging = Staging(connection, into, [column[0] for column in columns], folder)
                for batch in self._rows(schema, name, columns):
                    staging.rows(batch)
                staging.finish([types(kind, declared) for _, kind, declared in columns])
        except (self._pymysql.Error, OSError) as error:
            raise self._fault(source, error) from error

    def _tables(self) -> dict[str, tuple[str, str]]:
        there = {}
        with self._server.cursor() as cursor:
            cursor.execute(
                "SELECT table_schema, table_name, table_schema = database() "
                "FROM information_schema.tables WHERE table_schema NOT IN "
                "('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 1, 2"
            )
            for schema, name, default in cursor.fetchall():
                there[f"{schema}.{name}"] = (schema, name)
                if default == "1":
                    there[name] = (schema, name)
        return there

    def _columns(self, schema: str, name: str) -> list[tuple[str, str, str]]:
        with self._server.cursor() as cursor:
            cursor.execute(
                "SELECT column_name, data_type, column_type FROM information_schema.columns "
                "WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
                (schema, name),
            )
            return [(str(n), str(kind).lower(), str(declared)) for n, kind, declared in cursor]

    def _rows(
        self, schema: str, name: str, columns: Sequence[tuple[str, str, str]]
    ) -> Iterator[list[list[str | None]]]:
        cursor = self._server.cursor(self._pymysql.cursors.SSCursor)  # unbuffered
        chosen = ", ".join(_quote(column[0]) for column in columns)
        cursor.execute(f"SELECT {chosen} FROM {_quote(schema)}.{_quote(name)}")
        kinds = [column[1] for column in columns]
        while batch := cursor.fetchmany(FETCH_ROWS):
            yield [[_text(v, kind) for v, kind in zip(row, kinds, strict=True)] for row in batch]
        cursor.close()

    def _fault(self, source: Source, error: Exception) -> RetentionError:
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        detail = str(error.args[1] if len(error.args) > 1 else first_line(error))[:200]
        if code in DENIED:
            return refused(source, detail)
        if code in GONE or isinstance(error, OSError):
            return away(source, detail)
        return failed(source, detail)


def types(kind: str, declared: str) -> tuple[str, ...]:
    """Our types for one of theirs; `declared` has the digits: decimal(10,2)."""
    if kind == "decimal":
        digits = declared.partition("(")[2].partition(")")[0].split(",")
        precision, scale = int(digits[0]), int(digits[1]) if len(digits) > 1 else 0
        return (f"DECIMAL({precision},{scale})",) if precision <= 38 else ("DOUBLE",)
    return TYPES.get(kind, ())


def _text(value: str | bytes | None, kind: str) -> str | None:
    if value is None:
        return None
    if kind == "bit" and isinstance(value, bytes):
        return str(int.from_bytes(value, "big"))
    text = as_text(value)
    return f"{text}+00" if kind == "timestamp" else text


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _options(source: Source, text: str) -> dict[str, Any]:
    """What `mysql://user:password@host:port/database?unix_socket=…&ssl_ca=…` says."""
    try:
        parts = urlsplit(text)
        port = parts.port or 3306
    except ValueError:
        raise bad_string(source) from None
    asked = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    if parts.scheme not in ("mysql", "mariadb") or asked.keys() - {"unix_socket", "ssl_ca"}:
        raise bad_string(source)
    return {
        "host": parts.hostname or "localhost",
        "port": port,
        "user": unquote(parts.username or "") or None,
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.removeprefix("/")) or None,
        **asked,
    }

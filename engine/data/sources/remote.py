"""Object storage and web addresses, where DuckDB's own extensions for them are installed.

Nothing is downloaded to make it work: an extension that is not there is said to be missing.
"""

from __future__ import annotations

import re

import duckdb

from engine.data.sources.servers import away, refused
from engine.data.sources.source import Source, unreadable
from engine.data.sources.text import SUFFIXES as TEXT_SUFFIXES
from engine.data.sources.text import Header, header_of, put_aside, read_csv
from engine.errors import DataError, RetentionError, UsageError
from engine.store.lease import disk_refused, first_line

SCHEMES = ("s3://", "gs://", "r2://", "https://", "http://")


def is_remote(name: str) -> bool:
    """Is it an address and not a file?"""
    return name.startswith(SCHEMES)


def copy_remote(connection: duckdb.DuckDBPyConnection, source: Source, into: str) -> None:
    """Copy Parquet or UTF-8 text at the address into the new table `into`.

    Credentials of s3 come from the environment as for other tools of that storage. Raises
    `DataError` when the extension is not installed, `DatabaseBusy` when the server is away.
    """
    path = source.name.partition("?")[0]
    if not path.endswith((".parquet", *TEXT_SUFFIXES)):
        raise UsageError(
            "unknown_format",
            f"{source.name} is no source that can be read",
            why="An address must end in .parquet, .csv or .tsv (.gz, .zst)",
        )
    _load_extension(connection, source, "httpfs")
    if source.name.startswith("s3://"):
        _load_extension(connection, source, "aws")
        connection.execute(
            "CREATE OR REPLACE TEMPORARY SECRET (TYPE s3, PROVIDER credential_chain)"
        )
    try:
        if path.endswith(".parquet"):
            connection.execute(
                f"CREATE TABLE {into} AS SELECT * FROM "
                "read_parquet($file, union_by_name = true, hive_partitioning = false)",
                {"file": source.name},
            )
            return
        failed = read_csv(connection, into, [(source.name, _header(connection, source))])
        if failed is not None:
            raise failed
    except duckdb.Error as error:
        if disk_refused(error):
            raise
        raise _fault(source, error) from error
    put_aside(connection, source, into)


def _header(connection: duckdb.DuckDBPyConnection, source: Source) -> Header:
    row = connection.execute(
        "SELECT line FROM read_csv($file, columns = {'line': 'VARCHAR'}, auto_detect = false, "
        "header = false, delim = chr(1), quote = '', escape = '') LIMIT 1",
        {"file": source.name},
    ).fetchone()
    return header_of(source, source.name, row[0] if row and row[0] else "")


def _load_extension(connection: duckdb.DuckDBPyConnection, source: Source, name: str) -> None:
    try:
        connection.execute(f"LOAD {name}")
    except duckdb.Error as error:
        raise DataError(
            "missing_extension",
            f"{source.name} needs DuckDB's extension {name}, which is not installed here",
            why="Retention downloads nothing by itself",
            next_step=f"Install it once with DuckDB {duckdb.__version__} (INSTALL {name}), "
            "or copy the files here and name them in the mapping",
        ) from error


def _fault(source: Source, error: duckdb.Error) -> RetentionError:
    detail = first_line(error)
    status = re.search(r"\bHTTP (4\d\d)\b", detail)
    if status is None and ("HTTP" in detail or "connect" in detail):
        return away(source, detail)
    if status is None:
        return unreadable(source, source.name, error)
    if status.group(1) in ("401", "403"):
        return refused(source, detail)
    return DataError(
        "missing_source",
        f"{source.name} is not there: {detail}",
        next_step="Check the address",
    )

"""The door to all kinds of source: one reader for a load, one snapshot of each database."""

from __future__ import annotations

import csv
import errno
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Protocol

import duckdb
import zstandard

from engine.data.sources import duckdb_file, excel, frames, jsonlines, remote, sqlite, text
from engine.data.sources.source import Source, files_of, ragged, unreadable
from engine.errors import StorageError, UsageError
from engine.store.lease import disk_refused, first_line

FILES = (
    ".parquet",
    *text.SUFFIXES,
    *jsonlines.SUFFIXES,
    *excel.SUFFIXES,
    *duckdb_file.SUFFIXES,
    *sqlite.SUFFIXES,
)
SQLITE = "sqlite:"
DATABASES = (SQLITE, "postgres:", "mysql:")
DAMAGED = (
    duckdb.Error,
    EOFError,
    UnicodeError,
    csv.Error,
    zlib.error,
    zstandard.ZstdError,
)
"""What the readers raise for a file that is not as its name says."""

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class Session(Protocol):
    """An open database: all its tables are read as of one moment."""

    def copy(self, connection: duckdb.DuckDBPyConnection, source: Source, into: str) -> None: ...

    def close(self) -> None: ...


class Reader:
    """Copies sources into a scratch database; closes what it opened at the end of its block."""

    def __init__(self, frames: Mapping[str, object] | None = None) -> None:
        self._frames = frames or {}
        self._sessions: dict[str, Session] = {}
        self._open = ExitStack()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def copy(self, connection: duckdb.DuckDBPyConnection, source: Source, into: str) -> None:
        """Copy all rows of `source`, in their order, into the new table `into`.

        Lines that are no row go to the new table `ragged(into)`, column `line`.

        Raises `UsageError` for a kind that is not read, `DataError` for a missing, damaged or
        wrongly encoded source, `DatabaseBusy` when another process holds it or its server is away,
        `StorageError` when the disk refuses.
        """
        connection.execute(f"CREATE TABLE {ragged(into)} (line VARCHAR)")
        with _faults(source):
            if source.name.startswith(frames.PREFIX):
                frames.copy_frame(connection, source, self._frames, into)
            elif remote.is_remote(source.name):
                remote.copy_remote(connection, source, into)
            elif source.name.startswith(DATABASES):
                self._session(source).copy(connection, source, into)
            else:
                self._copy_file(connection, source, into)

    def tables(self, connection: duckdb.DuckDBPyConnection, source: Source) -> tuple[Source, ...]:
        """`source` of a file, or one for each table of its database or sheet of its workbook.

        Raises as `copy` does.
        """
        if not source.name.endswith((*excel.SUFFIXES, *duckdb_file.SUFFIXES, *sqlite.SUFFIXES)):
            return (source,)
        with _faults(source):
            file = files_of(source, source.name)[0]
            if source.name.endswith(excel.SUFFIXES):
                names: Sequence[str] = excel.sheet_names(source, file)
            elif source.name.endswith(sqlite.SUFFIXES) or sqlite.is_sqlite(file):
                names = sqlite.table_names(source, file)
            else:
                names = duckdb_file.table_names(connection, file)
        return tuple(replace(source, table=name) for name in names)

    def _copy_file(self, connection: duckdb.DuckDBPyConnection, source: Source, into: str) -> None:
        name = source.name
        if not name.endswith(FILES):
            raise UsageError(
                "unknown_format",
                f"{name} is no source that can be read",
                why=f"The name must end in one of {', '.join(FILES)}, or begin with one of "
                f"{', '.join((frames.PREFIX, *DATABASES, *remote.SCHEMES))}",
            )
        files = files_of(source, name)
        if name.endswith(".parquet"):
            _copy_parquet(connection, files, into)
        elif name.endswith(text.SUFFIXES):
            text.copy_text(connection, source, files, into)
        elif name.endswith(jsonlines.SUFFIXES):
            jsonlines.copy_json_lines(connection, source, files, into)
        elif name.endswith(excel.SUFFIXES):
            excel.copy_excel(connection, source, files[0], into)
        elif name.endswith(sqlite.SUFFIXES) or sqlite.is_sqlite(files[0]):
            self._session(source).copy(connection, source, into)
        else:
            duckdb_file.copy_duckdb(connection, source, files[0], into)

    def _session(self, source: Source) -> Session:
        session = self._sessions.get(source.name)
        if session is None:
            session = _opened(source)
            self._open.callback(session.close)
            self._sessions[source.name] = session
        return session


@contextmanager
def _faults(source: Source) -> Iterator[None]:
    """What the readers raise, in the words of a load."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise StorageError(
                "disk",
                f"the disk refuses: {first_line(error)}",
                next_step="Free disk space and run the same command again",
            ) from error
        raise unreadable(source, source.name, error) from error
    except DAMAGED as error:
        if disk_refused(error):
            raise
        raise unreadable(source, source.name, error) from error


def copy_source(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    into: str,
    *,
    frames: Mapping[str, object] | None = None,
) -> None:
    """Copy one source by a reader of its own, see `Reader.copy`."""
    with Reader(frames) as reader:
        reader.copy(connection, source, into)


def _opened(source: Source) -> Session:
    kind, _, name = source.name.partition(":")
    if kind == "postgres":
        from engine.data.sources.postgres import PostgresSession

        return PostgresSession(source, name)
    if kind == "mysql":
        from engine.data.sources.mysql import MysqlSession

        return MysqlSession(source, name)
    return sqlite.SqliteSession(source, files_of(source, source.name.removeprefix(SQLITE))[0])


def _copy_parquet(connection: duckdb.DuckDBPyConnection, files: list[str], into: str) -> None:
    connection.execute(
        f"CREATE TABLE {into} AS SELECT * FROM "
        "read_parquet($files, union_by_name = true, hive_partitioning = false)",
        {"files": files},
    )

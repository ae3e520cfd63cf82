"""Short leases on a DuckDB file: the app, a cron job and the command line work side by side.

DuckDB locks a file for one writing process or many reading ones. A lease opens the file, does one
piece of work and closes it; when another process is in the way it waits a little, then raises
`DatabaseBusy` with the holder's process id.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from engine.errors import DatabaseBusy, StorageError

WAIT_S = 5.0
"""How long a lease waits for another process before it gives up."""

RETRY_S = 0.05
"""Mean pause between two tries; jittered, so that two waiting processes do not march in step."""

STORAGE_VERSION = "v1.5.0"
"""Files written by DuckDB 2 stay readable by 1.5."""

_process_locks: dict[Path, threading.RLock] = {}
_registry_lock = threading.Lock()


def _process_lock(path: Path) -> threading.RLock:
    with _registry_lock:
        return _process_locks.setdefault(path, threading.RLock())


@contextmanager
def lease(
    path: Path,
    *,
    write: bool = False,
    attach: Mapping[str, Path] | None = None,
    wait_s: float = WAIT_S,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to `path` for the length of a `with` block.

    `attach` maps schema names to further database files, opened read-only. A write lease is one
    transaction: committed at the end of the block, rolled back when the block raises.

    Raises `StorageError` when the file is missing (read lease) or no database, and `DatabaseBusy`
    when another process holds it for longer than `wait_s`.
    """
    path = path.resolve()
    # Within one process DuckDB refuses two connections with different access modes: take turns.
    locks = [_process_lock(p.resolve()) for p in sorted({path, *(attach or {}).values()})]
    for lock in locks:
        lock.acquire()
    try:
        connection = _open(path, write=write, attach=attach or {}, wait_s=wait_s)
        try:
            if write:
                connection.execute("BEGIN")
            yield connection
            if write:
                connection.execute("COMMIT")
        except BaseException:
            if write:
                _rollback(connection)
            raise
        finally:
            connection.close()
    except duckdb.FatalException as error:
        raise StorageError(
            "disk",
            f"{path.name} could not be written: {_first_line(error)}",
            next_step="Free disk space and run the same command again; committed rows are safe",
        ) from error
    finally:
        for lock in reversed(locks):
            lock.release()


def _open(
    path: Path, *, write: bool, attach: Mapping[str, Path], wait_s: float
) -> duckdb.DuckDBPyConnection:
    for file in (() if write else (path,)) + tuple(attach.values()):
        if not file.exists():
            raise StorageError(
                "missing_database",
                f"{file.name} does not exist in {file.parent}",
                next_step="Run `retention load` first, or `retention demo` for the sample",
            )
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return _connect(path, write=write, attach=attach)
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise _unreadable(path, error) from error
            if time.monotonic() >= deadline:
                holder = re.search(r"PID (\d+)", str(error))
                who = f"process {holder.group(1)}" if holder else "another process"
                raise DatabaseBusy(
                    "database_busy",
                    f"{path.name} is in use by {who}",
                    next_step="Wait for it to finish, then run the same command again",
                ) from error
            time.sleep(RETRY_S * (0.5 + random.random()))  # jitter only; no result depends on it
        except (duckdb.Error, RuntimeError) as error:
            raise _unreadable(path, error) from error


def _connect(path: Path, *, write: bool, attach: Mapping[str, Path]) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if write:
        config["storage_compatibility_version"] = STORAGE_VERSION
    connection = duckdb.connect(str(path), read_only=not write, config=config)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for schema, file in attach.items():
            literal = str(file).replace("'", "''")
            connection.execute(f"ATTACH '{literal}' AS {schema} (READ_ONLY)")
    except BaseException:
        connection.close()
        raise
    return connection


def _rollback(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.Error:
        # A dead connection has already dropped the transaction: closing it is all that is left.
        return


def _unreadable(path: Path, error: Exception) -> StorageError:
    return StorageError(
        "unreadable_database",
        f"{path} cannot be opened as a database: {_first_line(error)}",
        next_step="Restore it from a backup; behaviour data can be rebuilt with `retention load`",
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]

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
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from engine.errors import DatabaseBusy, StorageError

WAIT_S = 5.0
"""How long a lease waits for another holder before it gives up."""

RETRY_S = 0.05
"""Mean pause between two tries; jittered, so that two waiting processes do not march in step."""

REBUILDABLE = "behaviour.duckdb"
"""The one database that a load makes anew; advice to move any other away would lose facts."""

STORAGE_VERSION = "v1.5.0"
"""Files written by DuckDB 2 stay readable by 1.5."""

_process_locks: dict[Path, threading.RLock] = {}
_registry_lock = threading.Lock()
_kept_waiting: dict[Path, DatabaseBusy] = {}
"""File -> why the thread whose turn it is has not opened it yet: those behind it wait for the
same process."""


@contextmanager
def lease(
    path: Path,
    *,
    write: bool = False,
    attach: Mapping[str, Path] | None = None,
    wait_s: float = WAIT_S,
    transaction: bool = True,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to `path` for the length of a `with` block.

    `attach` maps schema names to further database files, opened read-only. A write lease is one
    transaction: committed at the end of the block, rolled back when the block raises. Without
    `transaction` each statement of a write lease commits by itself.

    Raises `StorageError` when the file is missing (read lease), is no database, or the disk
    refuses, and `DatabaseBusy` when another process or thread holds it for longer than `wait_s`.
    """
    path = path.resolve()
    attached = {schema: file.resolve() for schema, file in (attach or {}).items()}
    deadline = time.monotonic() + wait_s
    with ExitStack() as turns:
        # Within one process DuckDB refuses two connections with different access modes.
        for file in sorted({path, *attached.values()}):
            turns.enter_context(_turn(file, deadline))
        try:
            with _opened(path, write=write, attach=attached, deadline=deadline) as connection:
                if write and transaction:
                    with _transaction(connection):
                        yield connection
                else:
                    yield connection
        except duckdb.Error as error:
            refused = _refused(path, error)
            if refused is None:
                raise
            raise refused from error


@contextmanager
def _turn(path: Path, deadline: float) -> Iterator[None]:
    with _registry_lock:
        lock = _process_locks.setdefault(path, threading.RLock())
    if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
        raise _kept_waiting.get(path) or _busy(path, "another task of this program")
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _opened(
    path: Path, *, write: bool, attach: Mapping[str, Path], deadline: float
) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = _open(path, write=write, attach=attach, deadline=deadline)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        try:
            connection.execute("ROLLBACK")
        except duckdb.Error:
            # A dead connection has already dropped the transaction; the first error tells more.
            connection.close()
        raise


def _open(
    path: Path, *, write: bool, attach: Mapping[str, Path], deadline: float
) -> duckdb.DuckDBPyConnection:
    for file in (() if write else (path,)) + tuple(attach.values()):
        if not file.exists():
            raise StorageError(
                "missing_database",
                f"{file.name} does not exist in {file.parent}",
                next_step="Run `retention load` first, or `retention demo` for the sample",
            )
    try:
        while True:
            try:
                return _connect(path, write=write, attach=attach)
            except duckdb.Error as error:
                held = busy(path, error)
                if held is None:
                    raise _unreadable(path, attach, error) from error
                if time.monotonic() >= deadline:
                    raise held from error
                _kept_waiting[path] = held
            except RuntimeError as error:
                raise _unreadable(path, attach, error) from error
            time.sleep(RETRY_S * (0.5 + random.random()))  # jitter only; no result depends on it
    finally:
        _kept_waiting.pop(path, None)


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


def busy(path: Path, error: Exception) -> DatabaseBusy | None:
    """The error to raise when `error` says that another process holds the file; else None."""
    text = str(error)
    if "could not set lock" not in text.lower():
        return None
    holder = re.search(r"PID (\d+)", text)
    locked = re.search(r'lock on file "([^"]+)"', text)
    return _busy(
        Path(locked.group(1)) if locked else path,
        f"process {holder.group(1)}" if holder else "another process",
    )


def _busy(path: Path, who: str) -> DatabaseBusy:
    return DatabaseBusy(
        "database_busy",
        f"{path.name} is in use by {who}",
        next_step="Wait for it to finish, then run the same command again",
    )


def _unreadable(path: Path, attach: Mapping[str, Path], error: Exception) -> StorageError:
    text = str(error)
    at_fault = next((file for file in attach.values() if str(file) in text), path)
    if "Permission denied" in text or "Read-only file system" in text:
        return StorageError(
            "no_permission",
            f"{at_fault} may not be opened: {first_line(error)}",
            next_step="Check the permissions of the file and of its folder",
        )
    if not at_fault.parent.is_dir():
        return StorageError(
            "missing_folder",
            f"the folder {at_fault.parent} does not exist",
            next_step="Make it, or name another workspace",
        )
    return StorageError(
        "unreadable_database",
        f"{at_fault} cannot be opened as a database: {first_line(error)}",
        next_step="Behaviour data can be rebuilt: move the file away and run `retention load`"
        if at_fault.name == REBUILDABLE
        else "Put a backup in its place and keep the damaged file: it cannot be rebuilt",
    )


DISK_WORDS = (
    "could not write",
    "could not truncate",
    "no space left",
    "file too large",
    "fsync failed",
    "could not enlarge",
    "disk quota",
    "max_temp_directory_size",
)


def disk_refused(error: Exception) -> bool:
    """Is `error` the database's word for a full or failing disk?"""
    text = str(error).lower()
    return isinstance(error, duckdb.FatalException) or any(word in text for word in DISK_WORDS)


def _refused(path: Path, error: duckdb.Error) -> StorageError | None:
    """What the disk's refusal or a damaged file becomes; None for every other database error."""
    text = str(error).lower()
    if disk_refused(error):
        return StorageError(
            "disk",
            f"{path.name} could not be written: {first_line(error)}",
            next_step="Free disk space and run the same command again; committed rows are safe",
        )
    if "corrupt" in text or "checksum" in text or "could not read enough bytes" in text:
        return _unreadable(path, {}, error)
    return None


def first_line(error: Exception) -> str:
    """The first line of the error's text, at most 200 characters."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]

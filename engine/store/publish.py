"""One database file takes the place of another, at one instant, and one load at a time does it.

Who reads the old file goes on reading it: an open file outlives its name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import DatabaseBusy, StorageError
from engine.store.lease import lease
from engine.store.scratch import PREFIX


@contextmanager
def sole_load(database: Path) -> Iterator[None]:
    """Keep every other load out of the database's folder for the length of a `with` block.

    The lock is the folder's own, so that it leaves no file and ends with the process. Where there
    is no such lock (Windows), the database's lock has to do.

    Raises `DatabaseBusy` when another load is at work, `StorageError` without a folder.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    folder = database.resolve().parent
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise StorageError(
            "missing_folder",
            f"the folder {folder} cannot be opened: {error.strerror}",
            next_step="Make it, or name another workspace",
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatabaseBusy(
                "load_running",
                f"{database.name} is being loaded by {_loader(folder)}",
                next_step="Wait for it to finish, then run the same command again",
            ) from error
        yield
    finally:
        os.close(handle)


def _loader(folder: Path) -> str:
    for file in folder.glob(f"{PREFIX}*"):
        owner = re.match(re.escape(PREFIX) + r"(\d+)-", file.name)
        if owner and owner.group(1) != str(os.getpid()):
            return f"process {owner.group(1)}"
    return "another task"


def settle(database: Path) -> None:
    """Bring what a killed writer left in the database's log into the database itself."""
    log = _log(database)
    if not log.exists():
        return
    if database.exists():
        with lease(database, write=True, transaction=False) as connection:
            connection.execute("CHECKPOINT")
    log.unlink(missing_ok=True)


def publish(made: Path, database: Path) -> None:
    """Put the closed database `made` in the place of `database`, on the disk before it is visible.

    Raises `StorageError` when the disk refuses; `database` is then what it was.
    """
    try:
        _sync(made)
        _log(database).unlink(missing_ok=True)
        os.replace(made, database)
        if os.name == "posix":
            _sync(database.parent)
    except OSError as error:
        raise StorageError(
            "disk",
            f"{database.name} could not be put in place: {error.strerror}",
            next_step="Check free space and permissions of the folder, then run it again",
        ) from error


def _log(database: Path) -> Path:
    return database.with_name(database.name + ".wal")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

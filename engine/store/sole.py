"""One process at a time does a long piece of work: a file that the operating system locks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import DatabaseBusy, StorageError


@contextmanager
def sole_training(file: Path) -> Iterator[None]:
    """Keep every other training out of a workspace for the length of a `with` block.

    `file` holds the process id of its holder. The lock belongs to the open file, so it ends with
    the process, killed or not; the file stays and means nothing by itself. Where there is no such
    lock (Windows) two trainings only share the machine: each makes a model of its own id.

    Raises `DatabaseBusy` with the holder's process id, `StorageError` when the disk refuses.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(
            "disk",
            f"{file} could not be opened: {error.strerror}",
            next_step="Check free space and permissions of the folder, then run it again",
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            raise DatabaseBusy(
                "training_running",
                f"A model is being trained in {file.parent} by "
                f"{f'process {holder}' if holder else 'another process'}",
                why="Two trainings at once would wait for each other's memory and processors",
                next_step="Wait for it to finish, or stop that process; then run the command again",
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode("ascii"), 0)
        yield
    finally:
        os.close(handle)

"""The outbox: one `.eml` file per message, for the operator's own mail system to pick up.

A file appears whole or not at all (temporary file, fsync, rename), under the intervention's id, so
the folder itself is the proof of what was produced. Who picks files up moves them to `taken/`.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from engine.errors import StorageError

TAKEN = "taken"
"""Where files go that were handed on; they still count as produced."""


class Outbox:
    """A folder of messages; created on the first delivery."""

    slow = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def produced(self, intervention_id: str) -> bool:
        """Whether this message was written, now or before."""
        name = _file_name(intervention_id)
        return (self.folder / name).exists() or (self.folder / TAKEN / name).exists()

    def deliver(self, intervention_id: str, raw: bytes) -> None:
        """Write the message; one that is there stays as it is.

        Raises `StorageError` when the disk refuses; then no file of that name exists.
        """
        if self.produced(intervention_id):
            return
        target = self.folder / _file_name(intervention_id)
        temporary = target.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(temporary, raw)
            os.replace(temporary, target)
            _sync_folder(self.folder)
        except OSError as error:
            with contextlib.suppress(OSError):  # the first fault is the one to tell
                temporary.unlink(missing_ok=True)
            raise StorageError(
                "outbox",
                f"{target.name} could not be written to {self.folder}: {error.strerror}",
                next_step="Make room or mend the folder's rights, then send the same plan again",
            ) from error

    def _write(self, path: Path, raw: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())


def _file_name(intervention_id: str) -> str:
    if not re.fullmatch(r"[0-9a-f-]{8,64}", intervention_id):
        raise StorageError(
            "outbox_name",
            f"{intervention_id!r} is no intervention id",
            next_step="Check the ledger with `retention audit verify`",
        )
    return f"{intervention_id}.eml"


def _sync_folder(folder: Path) -> None:
    # A rename is durable once its folder is; Windows opens no folders and needs none of this.
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

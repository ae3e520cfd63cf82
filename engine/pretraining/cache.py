"""Pretrained encoders on disk: one whose past, settings and version are the same is not made again.

A file is named by all that decides its weights. It is a safetensors file (numbers and JSON, nothing
is executed on reading) with a checksum; one that is damaged is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.features.sequences import coded_sql
from engine.features.snapshots import key_of
from engine.models.nets.sequence_vector import SequenceVector
from engine.pretraining.fit import PretrainingConfig
from engine.store.scratch import scratch

if TYPE_CHECKING:
    import duckdb

SUFFIX = ".safetensors"

VERSION = 1
"""Raised whenever the same histories and settings would give other weights."""


@dataclass(frozen=True, slots=True)
class EncoderCache:
    """A folder of the encoders used last, at most `most` of them: some hundred kilobytes each."""

    folder: Path
    most: int = 4

    def read(self, key: str) -> SequenceVector | None:
        """The encoder kept under `key`; None where there is none, or its file is damaged."""
        from safetensors import SafetensorError, safe_open

        path = self._path(key)
        try:
            with safe_open(path, framework="numpy") as file:
                notes = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.offset_keys()}
            if notes["sha256"] != _checksum(key, notes["config"], arrays):
                return None
            vector = SequenceVector.from_state(arrays, json.loads(notes["config"]))
            os.utime(path)
        except (OSError, SafetensorError, KeyError, ValueError, TypeError):
            return None
        return vector

    def keep(self, key: str, vector: SequenceVector) -> None:
        """Store `vector`, whole or not at all; those unused for longest go.

        A full disk is no error: the encoder is made again next time.
        """
        from safetensors.numpy import save_file

        arrays, config = vector.state()
        listed = json.dumps(config, ensure_ascii=False)
        path = self._path(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with scratch(path) as draft:
                save_file(
                    arrays, draft, {"config": listed, "sha256": _checksum(key, listed, arrays)}
                )
                os.replace(draft, path)
            kept = [file for file in self.folder.glob(f"*{SUFFIX}") if file.name[0] != "."]
            kept.sort(key=lambda file: (file == path, file.stat().st_mtime_ns, file.name))
            for file in kept[: -self.most]:
                file.unlink(missing_ok=True)
        except OSError:
            return

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"


def encoder_key(
    connection: duckdb.DuckDBPyConnection,
    until: datetime,
    config: PretrainingConfig,
    *,
    weeks: int,
    most_users: int,
    seed: int,
    threads: int,
) -> str | None:
    """The name of the encoder that the histories before `until` give; None: it cannot be told."""
    import torch

    told = {
        "config": json.dumps(asdict(config), sort_keys=True),
        "weeks": weeks,
        "most_users": most_users,
        "seed": seed,
        "threads": threads,
        "version": VERSION,
        "torch": torch.__version__,
    }
    return key_of(connection, until, coded_sql(), told)


def _checksum(key: str, config: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    found = hashlib.sha256(json.dumps([key, config]).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name}{array.dtype.str}{array.shape}".encode())
        found.update(array.data)
    return found.hexdigest()

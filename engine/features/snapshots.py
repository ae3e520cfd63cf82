"""Feature tables on disk, one a cutoff: a retrain computes only the cutoffs that are new.

A snapshot is named by all that decides its numbers: the text of the feature query, its parameters
and the digest of everything that was known before the cutoff. So later rows leave it valid and a
changed past does not find it. A file is a safetensors file (numbers only, nothing is executed on
reading) with a checksum; one that is damaged is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import code_dtype
from engine.places import Places
from engine.settings import Settings
from engine.store.scratch import scratch

if TYPE_CHECKING:
    import duckdb

SUFFIX = ".safetensors"

KEY_DAY = "%Y%m%d"
"""How a key begins: the day of the cutoff."""

_DTYPES = {"F32": "<f4", "I64": "<i8", "U8": "<u1", "U16": "<u2", "U32": "<u4"}
"""The safetensors names of what is stored here."""

_LONGEST_HEADER_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """The features of N users at one cutoff; `values` read from disk are a read-only map of it."""

    user_ids: NDArray[np.object_]  # (N,)
    segments: NDArray[np.object_]  # (N,)
    values: NDArray[np.float32]  # (N, D)


@dataclass(frozen=True, slots=True)
class Snapshots:
    """A folder of snapshots of at most `most_bytes`; those unused for longest go first."""

    folder: Path
    most_bytes: int

    def read(self, key: str) -> FeatureTable | None:
        """The table kept under `key`; None where there is none, or its file is damaged."""
        path = self._path(key)
        try:
            arrays, notes = _read(path)
            if notes["key"] != key or notes["sha256"] != _checksum(key, notes["segments"], arrays):
                return None
            table = FeatureTable(
                _split_texts(arrays["user_id_bytes"], arrays["user_id_ends"]),
                np.array(json.loads(notes["segments"]), dtype=object)[arrays["segment"]],
                arrays["values"],
            )
            os.utime(path)
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None
        return table if len(table.values) == len(table.user_ids) == len(table.segments) else None

    def keep(self, key: str, table: FeatureTable) -> bool:
        """Store `table`, whole or not at all, and make room; False: it is too large for the folder.

        A full disk is no error: the table is computed again next time.
        """
        names, segment = np.unique(table.segments, return_inverse=True)
        texts = [text.encode("utf-8") for text in table.user_ids.tolist()]
        # Wide numbers first: each array then begins at a multiple of its own size.
        arrays: dict[str, NDArray[Any]] = {
            "user_id_ends": np.cumsum([len(text) for text in texts], dtype=np.int64),
            "values": np.ascontiguousarray(table.values, np.float32),
            "segment": segment.astype(code_dtype(len(names))),
            "user_id_bytes": np.frombuffer(b"".join(texts), np.uint8),
        }
        if sum(array.nbytes for array in arrays.values()) > self.most_bytes:
            return False
        listed = json.dumps(names.tolist(), ensure_ascii=False)
        notes = {"key": key, "segments": listed, "sha256": _checksum(key, listed, arrays)}
        path = self._path(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with scratch(path) as draft:
                _write(draft, arrays, notes)
                os.replace(draft, path)
            self._make_room(path)
        except OSError:
            return False
        return True

    def cutoffs(self) -> tuple[datetime, ...]:
        """The midnights of which something is kept, ascending; it may be of other data."""
        days = {_day(file.name.partition("-")[0]) for file in _files(self.folder)}
        return tuple(sorted(day for day in days if day is not None))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"

    def _make_room(self, newest: Path) -> None:
        used = sorted(
            (file.stat().st_mtime_ns, file.name, file)
            for file in _files(self.folder)
            if file != newest
        )
        excess = size_bytes(self.folder) - self.most_bytes
        for _, _, file in used:
            if excess <= 0:
                return
            excess -= file.stat().st_size
            file.unlink(missing_ok=True)


def workspace_snapshots(places: Places, settings: Settings) -> Snapshots:
    """The snapshots of a workspace, within its limit of disk."""
    return Snapshots(places.features, settings.training.feature_cache_mb << 20)


def size_bytes(folder: Path) -> int:
    """What the snapshots of `folder` take up on disk."""
    return sum(file.stat().st_size for file in _files(folder))


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.glob(f"*{SUFFIX}") if not file.name.startswith(".")]


def _day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, KEY_DAY)
    except ValueError:
        return None  # no file of ours


def key_of(
    connection: duckdb.DuckDBPyConnection,
    cutoff: datetime,
    sql: str,
    values: Mapping[str, Any],
) -> str | None:
    """The name of what `sql` with `values` gives at `cutoff` on the loaded data.

    None: it cannot be told, because the data were loaded before loads counted what was known, or
    the cutoff is no midnight.
    """
    if cutoff.time() != time(0):
        return None
    (counted,) = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'known_digest'"
    ).fetchone() or (0,)
    # A label given for a date is known on it, yet decides who is asked about at that date.
    known = (
        connection.execute(
            "SELECT table_name, known_day, rows, digest FROM known_digest "
            "WHERE known_day IS NULL OR known_day < CAST($cutoff AS DATE) "
            "OR table_name = 'outcomes' ORDER BY ALL",
            {"cutoff": cutoff},
        ).fetchall()
        if counted
        else []
    )
    if not known:
        return None
    # All rows are fetched: an unfinished result would keep the connection busy.
    ((engine,),) = connection.execute("SELECT version()").fetchall()
    told = [engine, sql, sorted((name, str(value)) for name, value in values.items()), repr(known)]
    return f"{cutoff:{KEY_DAY}}-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]}"


def _write(path: Path, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, str]) -> None:
    header: dict[str, Any] = {"__metadata__": dict(notes)}
    named = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
    place = 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": named[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [place, place + array.nbytes],
        }
        place += array.nbytes
    text = json.dumps(header, ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for array in arrays.values():
            file.write(array.data)


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], Mapping[str, str]]:
    """Arrays as read-only maps of the file, and its notes. Raises `ValueError` or `KeyError`."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= _LONGEST_HEADER_BYTES:
            raise ValueError("not the length of a header")
        header = json.loads(file.read(length).decode("utf-8"))
    bytes_mapped = np.memmap(path, np.uint8, "r")[8 + length :].view(np.ndarray)
    notes = header.pop("__metadata__")
    arrays = {}
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        dtype = np.dtype(_DTYPES[entry["dtype"]])
        if stop - start != math.prod(entry["shape"]) * dtype.itemsize or stop > len(bytes_mapped):
            raise ValueError("an array does not fit its shape")
        arrays[name] = bytes_mapped[start:stop].view(dtype).reshape(entry["shape"])
    return arrays, notes


def _checksum(key: str, segments: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    found = hashlib.sha256(json.dumps([key, segments]).encode())
    for name in sorted(arrays):
        found.update(f"{name}{arrays[name].dtype.str}{arrays[name].shape}".encode())
        found.update(arrays[name].data)
    return found.hexdigest()


def _split_texts(joined: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.object_]:
    """The texts whose UTF-8 bytes lie one after another, text i up to `ends[i]`."""
    data, texts, start = joined.tobytes(), np.empty(len(ends), dtype=object), 0
    for place, end in enumerate(ends.tolist()):
        texts[place] = data[start:end].decode("utf-8")
        start = end
    return texts

"""A throw-away database beside the real one: the same disk, gone at the end, also after a crash."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = ".scratch-"
"""Of the names of scratch databases; the number of the process follows."""

SOURCES_SUFFIX = ".sources"
"""Of the folder beside a scratch database where sources wait as text."""


@contextmanager
def scratch(beside: Path, name: str = "") -> Iterator[Path]:
    """The path of a database that does not exist yet, in the folder of `beside`.

    `name` tells it from another one of the same process. It is removed at the end of the block;
    what a killed process left behind is removed at the next call.
    """
    folder = beside.resolve().parent
    _remove_strays(folder)
    path = folder / f"{PREFIX}{os.getpid()}-{name}{beside.name}"
    _remove(path)
    try:
        yield path
    finally:
        _remove(path)


def _remove(path: Path) -> None:
    for file in (path, path.with_name(path.name + ".wal")):
        file.unlink(missing_ok=True)
    for suffix in (".tmp", SOURCES_SUFFIX):
        shutil.rmtree(path.with_name(path.name + suffix), ignore_errors=True)


def _remove_strays(folder: Path) -> None:
    for stray in folder.glob(f"{PREFIX}*"):
        owner = re.match(re.escape(PREFIX) + r"(\d+)-", stray.name)
        if owner is None or _alive(int(owner.group(1))):
            continue
        if stray.is_dir():
            shutil.rmtree(stray, ignore_errors=True)
        else:
            stray.unlink(missing_ok=True)


def _alive(process_id: int) -> bool:
    if os.name != "posix":
        return True  # there, asking with signal 0 would end the process
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""Starters: a commented mapping for each line of business, and an empty workspace made of one."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from engine.data.mapping import read_mapping
from engine.errors import StorageError, UsageError
from engine.settings import FILE_NAME, nearest, starter_text
from engine.store.files import write_atomically

MAPPING_NAME = "mapping.toml"

FOLDERS = ("models", "outbox", "exports", "reports", "logs")


def pack_names() -> tuple[str, ...]:
    """The lines of business that a starter exists for."""
    folder = resources.files("engine.data") / "packs"
    return tuple(
        sorted(
            entry.name.removesuffix(".toml")
            for entry in folder.iterdir()
            if entry.name.endswith(".toml")
        )
    )


def pack_text(name: str) -> str:
    """The commented mapping of the pack `name`; `UsageError` with the nearest name for another."""
    known = pack_names()
    if name not in known:
        near = nearest(name, known)
        raise UsageError(
            "unknown_pack",
            f"there is no pack {name!r}",
            why=f"The packs are {', '.join(known)}",
            next_step=f"Did you mean {near!r}?" if near else "Choose one of them",
        )
    return (resources.files("engine.data") / "packs" / f"{name}.toml").read_text("utf-8")


def init_workspace(folder: Path, pack: str) -> tuple[Path, Path]:
    """Make `folder` an empty workspace; returns the paths of its settings and its mapping.

    Raises `UsageError` where a workspace already is, or for an unknown pack; other files in the
    folder do not matter, they may be the data.
    """
    return _make(folder, pack_text(pack))


def workspace_for(folder: Path, mapping: Path) -> bool:
    """Make `folder` a workspace of the file `mapping` where it is new or empty; was it made?

    Raises `UsageError` for a mapping that is none: nothing is made then.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return False
    _make(folder, read_mapping(mapping).text)
    return True


def _make(folder: Path, text: str) -> tuple[Path, Path]:
    settings, mapping = folder / FILE_NAME, folder / MAPPING_NAME
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            "not_a_folder",
            f"{folder} is a file",
            why="A workspace is a folder",
            next_step="Name another folder",
        )
    taken = [path.name for path in (settings, mapping) if path.exists()]
    taken += sorted(path.name for path in folder.glob("*.duckdb")) if folder.is_dir() else []
    if taken:
        raise UsageError(
            "workspace_exists",
            f"{folder} is a workspace already: it has {', '.join(taken)}",
            next_step="Name another folder, or go on with this one by `retention load`",
        )
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            "no_permission",
            f"{folder} could not be made: {error.strerror}",
            next_step="Check the permissions of the folder above it",
        ) from error
    write_atomically(mapping, text)
    write_atomically(settings, starter_text())
    return settings, mapping

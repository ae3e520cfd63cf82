"""What a mapping calls a source, and the names and errors that all kinds of source share."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.errors import DataError, RetentionError, UsageError
from engine.settings import nearest
from engine.store.lease import busy, first_line

Where = TypeVar("Where")

UNNAMED = "column_{}"
"""The name of a column without one, by its place: spreadsheets export empty columns too."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a mapping calls by `source`, `table` and `encoding`."""

    folder: Path
    name: str  # file name or glob, relative to `folder` or absolute; or `kind:name`
    table: str = ""  # inside a database, or a workbook's sheet
    encoding: str = ""  # of a text file; empty: recognised

    @property
    def title(self) -> str:
        """The name for messages."""
        return f"{self.name}, table {self.table}" if self.table else self.name


def quote(name: str) -> str:
    """`name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def ragged(into: str) -> str:
    """The table of the lines that are no row of the source copied into `into`."""
    return f"{into}_ragged"


def files_of(source: Source, name: str) -> list[str]:
    """The files that `name`, a file name or a glob, means in the source's folder, sorted.

    Raises `DataError` with the nearest name that exists when there is none.
    """
    wanted = source.folder / name
    if "\0" not in name:
        if wanted.is_file():
            return [str(wanted)]  # whatever its name holds: "sales [2026].csv" is no pattern
        pattern = Path(glob.escape(str(source.folder))) / name
        files = sorted(file for file in glob.glob(str(pattern)) if Path(file).is_file())
        if files:
            return files
    near = nearest(wanted.name, _names(wanted.parent)) if "\0" not in name else None
    raise DataError(
        "missing_source",
        f"{wanted.name!r} is a folder, not a file"
        if "\0" not in name and wanted.is_dir()
        else f"{wanted.name} does not exist in {wanted.parent}",
        next_step=f"Did you mean {near!r}?" if near else "Copy the file there, or mend `source`",
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_file())
    except OSError:
        return []  # no folder, or one that may not be looked into: there is no near name


def column_names(source: Source, given: Iterable[str]) -> tuple[str, ...]:
    """The columns' names of a header, those without one numbered by their place.

    Raises `DataError` when there is none, or when two differ in capitals only: to SQL they are one.
    """
    stripped = [name.strip() for name in given]
    if not any(stripped):
        raise DataError(
            "empty_source",
            f"{source.title} has no header line",
            why="It names the columns",
            next_step="Export it again, with the columns' names",
        )
    names = tuple(name or UNNAMED.format(i) for i, name in enumerate(stripped, start=1))
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise DataError(
                "repeated_column",
                f"{source.title} has the column {name} twice",
                next_step="Rename one of them: capitals make no difference",
            )
        seen.add(name.lower())
    return names


def find_table(source: Source, there: Mapping[str, Where]) -> Where:
    """Where the source's table is among `there`, by the names it may be called.

    Raises `UsageError` when the mapping names none, `DataError` with the nearest when it is not
    there.
    """
    if not source.table:
        raise UsageError(
            "missing_key",
            f"{source.name} is a database: it is not said which table to read",
            next_step='Add table = "…" beside source',
        )
    if source.table in there:
        return there[source.table]
    near = nearest(source.table, there)
    raise DataError(
        "missing_table",
        f"{source.name} has no table {source.table}",
        why=f"It has {listed(there)}",
        next_step=f"Did you mean {near!r}?" if near else "Mend `table` in the mapping",
    )


def listed(names: Iterable[str], limit: int = 20) -> str:
    """The first names, and how many there are more."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return (", ".join(names[:limit]) or "none") + more


def unreadable(source: Source, file: str, error: Exception) -> RetentionError:
    """The error to raise for a file that cannot be read to its end as what its name says."""
    held = busy(Path(file), error)
    if held is not None:
        return held
    detail = first_line(error)
    if isinstance(error, PermissionError) or "Permission denied" in str(error):
        return DataError(
            "no_permission",
            f"{source.title} may not be read: {detail}",
            next_step="Give the user who runs this the right to read the file",
        )
    if isinstance(error, UnicodeError) or "invalid unicode" in str(error).lower():
        return not_text(source, detail)
    counted = re.search(r"Expected Number of Columns: \d+ Found: \d+", str(error))
    return DataError(
        "unreadable_source",
        f"{source.title} cannot be read: {detail}",
        why=counted.group() if counted else "",
        next_step="Check that the file is complete and of the kind its name says",
    )


def not_text(source: Source, detail: str) -> DataError:
    """The error for a text in none of the encodings that are recognised."""
    return DataError(
        "not_utf8",
        f"{source.title} is not {source.encoding or 'UTF-8 or GB18030'} text: {detail}",
        next_step="Save it as UTF-8 (Excel: 'CSV UTF-8'), or say its encoding in the mapping "
        '(for instance encoding = "latin-1")',
    )

"""What every command needs: the workspace, the language, and where words and data go."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from engine.errors import RetentionError
from retention_tui import i18n

if TYPE_CHECKING:
    from engine.workspace import Workspace


@dataclass
class Session:
    """One run of the command line. Data goes to standard output, narration to standard error."""

    folder: Path
    chosen_language: str | None
    as_json: bool

    @cached_property
    def workspace(self) -> Workspace:
        from engine.workspace import Workspace

        return Workspace.open(self.folder)

    @cached_property
    def language(self) -> str:
        """--lang, else the workspace's setting, else Chinese where LANG says so, else English."""
        if self.chosen_language:
            return self.chosen_language
        if (self.folder / "retention.toml").exists():
            from engine.settings import load_settings

            try:
                return load_settings(self.folder).workspace.language
            except RetentionError:
                # The command itself will say what is wrong with the settings.
                return "en"
        return "zh" if os.environ.get("LANG", "zh").lower().startswith("zh") else "en"

    def t(self, message: str, **values: object) -> str:
        """`message` in the session's language, with its placeholders filled."""
        i18n.use_language(self.language)
        return i18n.t(message, **values)

    def tn(self, singular: str, plural: str, n: int) -> str:
        """`singular` or `plural` by `n` in the session's language."""
        i18n.use_language(self.language)
        return i18n.tn(singular, plural, n)

    def say(self, message: str, **values: object) -> None:
        """A word to the person at the terminal: standard error, never mixed into data."""
        print(self.t(message, **values), file=sys.stderr)

    def emit(self, fact: object) -> None:
        """`fact` as JSON on standard output."""
        print(json.dumps(plain(fact), ensure_ascii=False, indent=2))

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """An aligned table on standard output, measured in terminal cells."""
        cells = [[self.t(title) for title in head]]
        cells += [[printable(cell) for cell in row] for row in rows]
        widths = [max(cell_len(row[i]) for row in cells) for i in range(len(head))]
        for row in cells:
            padded = [
                cell + " " * (width - cell_len(cell))
                for cell, width in zip(row, widths, strict=True)
            ]
            print("  ".join(padded).rstrip())


def plain(fact: object) -> Any:
    """`fact` as JSON-ready values: dataclasses become objects, times ISO text, paths text."""
    if dataclasses.is_dataclass(fact) and not isinstance(fact, type):
        return {field.name: plain(getattr(fact, field.name)) for field in dataclasses.fields(fact)}
    if isinstance(fact, Mapping):
        return {str(key): plain(value) for key, value in fact.items()}
    if isinstance(fact, str):
        return str(fact)
    if fact is None or isinstance(fact, bool | int):
        return fact
    if isinstance(fact, float):
        # JSON has no NaN: a figure that could not be computed is null.
        return fact if fact - fact == 0 else None
    if isinstance(fact, Iterable):
        return [plain(item) for item in fact]
    isoformat = getattr(fact, "isoformat", None)
    return isoformat() if isoformat else str(fact)


def printable(cell: object) -> str:
    """A cell of a table: user text is stripped of control characters before a terminal sees it."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.4g}" if abs(cell) < 1 else f"{cell:,.2f}"
    text = cell.isoformat(" ", "seconds") if hasattr(cell, "isoformat") else str(cell)
    return "".join(mark if mark.isprintable() else " " for mark in text)

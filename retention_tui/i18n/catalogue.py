"""Keeps the catalogues current: `python -m retention_tui.i18n.catalogue` after changing words.

Reads the messages out of the source (`t`, `tn`, `N_`, and the command line's `session.t`,
`session.say`, `session.table`), merges them into `zh.po` and `en.po` (a new message is empty
in Chinese, and itself in English; one no longer used is dropped) and compiles both to `.mo`.
"""

from __future__ import annotations

import ast
import io
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from retention_tui.i18n import CATALOGUES, LANGUAGES

PACKAGE = CATALOGUES.parent
UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
"""Stands for the creation date, which would change the files at every run."""

Message = str | tuple[str, str]


def messages(package: Path = PACKAGE) -> dict[Message, list[str]]:
    """Every message of the package's source: (singular, plural) where it has both; -> places."""
    found: dict[Message, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        for message in _messages_of(ast.parse(path.read_text("utf-8"))):
            if message:
                found.setdefault(message, []).append(path.relative_to(package).as_posix())
    return found


def _messages_of(tree: ast.AST) -> Iterator[Message]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called, first = _name(node.func), node.args[0]
        texts = _texts(node.args[:2])
        if called == "tn" and len(texts) == 2:
            yield (texts[0], texts[1])
        elif called in ("t", "N_", "say") and texts[:1] == _texts([first]):
            yield from texts[:1]
        elif called == "table" and isinstance(first, ast.List | ast.Tuple):
            yield from _texts(first.elts)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _texts(nodes: Sequence[ast.expr]) -> list[str]:
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def read(language: str) -> Catalog:
    """The catalogue of `language` as written; empty when there is none yet."""
    path = CATALOGUES / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def merge(old: Catalog, language: str) -> Catalog:
    """A catalogue of exactly the source's messages with the translations of `old`."""
    new = Catalog(
        locale=language,
        project="Retention",
        version="1",
        msgid_bugs_address="",
        last_translator="",
        language_team="",
        header_comment="# Words of the screens.",
        creation_date=UNDATED,
        fuzzy=False,
    )
    for message, places in messages().items():
        key = message if isinstance(message, str) else message[0]
        known = old.get(key)
        text = known.string if known is not None else None
        if language == "en":
            text = message
        new.add(message, text, locations=[(place, 0) for place in places])
    return new


def compiled(catalogue: Catalog) -> bytes:
    """The `.mo` of `catalogue`."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def po_bytes(catalogue: Catalog) -> bytes:
    """The `.po` of `catalogue`, without dates, so that it changes only with its words."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=98, sort_output=True, include_lineno=False, no_location=False)
    return buffer.getvalue()


def main() -> int:
    """Write all catalogues; exit status 1 when a translation is missing."""
    missing = []
    for language in LANGUAGES:
        catalogue = merge(read(language), language)
        (CATALOGUES / f"{language}.po").write_bytes(po_bytes(catalogue))
        (CATALOGUES / f"{language}.mo").write_bytes(compiled(catalogue))
        missing += [
            f"{language}: {message.id}"
            for message in catalogue
            if message.id and not message.string
        ]
    for line in missing:
        sys.stderr.write(f"no translation in {line}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())

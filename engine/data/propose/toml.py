"""Names and values of a client's files as TOML, whatever letters they have."""

from __future__ import annotations

import json

from engine.data.propose.describe import Table


def text(value: str) -> str:
    """`value` as a TOML basic string."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def remark(name: str) -> str:
    """`name` as it may stand in a comment: one line, no control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def source_lines(table: Table) -> list[str]:
    """Where a table of the mapping comes from."""
    lines = [f"source = {text(table.source)}"]
    return [*lines, f"table = {text(table.table)}"] if table.table else lines

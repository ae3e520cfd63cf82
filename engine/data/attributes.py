"""Attributes: the columns of a table without a time axis, kept as JSON in `users.attributes`.

A mapping lists them (`[tables.users] attributes = [...]`) and may say of each what it is
(`[attributes.NAME]`), so that reasons read well. What it says is kept beside the data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from engine.data.sources import quote
from engine.errors import DataError
from engine.settings import Section, nearest
from engine.types import Words

if TYPE_CHECKING:
    import duckdb

NotedUnit = Literal["number", "count", "days", "minutes", "money", "share", "ratio", "rating"]


class AttributeNote(Section):
    """What a mapping says of one attribute; whatever is left out is read from its values."""

    kind: Literal["", "number", "flag", "words"] = ""
    unit: NotedUnit = "number"
    group: str = Field(default="", max_length=40)
    direction: Literal[-1, 0, 1] = 0
    actionable: bool | None = None
    zh: str = Field(default="", max_length=60)
    en: str = Field(default="", max_length=60)
    levels_zh: dict[str, str] = Field(default_factory=dict)
    levels_en: dict[str, str] = Field(default_factory=dict)
    revenue_days: int = Field(default=0, ge=0, le=3660)


def _one_revenue(notes: dict[str, AttributeNote]) -> dict[str, AttributeNote]:
    named = [name for name, note in notes.items() if note.revenue_days]
    if len(named) > 1:
        raise ValueError(f"only one attribute can be the revenue, not {' and '.join(named)}")
    return notes


AttributeNotes = Annotated[dict[str, AttributeNote], AfterValidator(_one_revenue)]


def packed(columns: Sequence[str]) -> str:
    """SQL: the source's `columns` as one value that becomes a JSON object with their names."""
    return f"struct_pack({', '.join(f'{quote(name)} := {quote(name)}' for name in columns)})"


def pointer(name: str) -> str:
    """The JSON pointer (RFC 6901) of the attribute `name`: any name is a safe path."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def attribute_names(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Every key that the JSON of some user has, ascending."""
    rows = connection.execute(
        "SELECT DISTINCT unnest(json_keys(attributes)) AS name FROM users "
        "WHERE json_valid(attributes) ORDER BY name"
    ).fetchall()
    return tuple(name for (name,) in rows)


def keep_notes(connection: duckdb.DuckDBPyConnection, notes: Mapping[str, AttributeNote]) -> None:
    """Fill `attribute_note` and `usual_charge` of the database that `users` was loaded into.

    Raises `DataError` for a note on an attribute that no user has.
    """
    if not notes:
        return
    known = attribute_names(connection)
    for name, note in notes.items():
        if name not in known:
            near = nearest(name, known)
            raise DataError(
                "unknown_attribute",
                f"[attributes.{name}] is not an attribute of any user",
                why=f"The attributes are {', '.join(known) or 'none'}",
                next_step=f"Did you mean {near!r}?"
                if near
                else "List it in [tables.users] attributes, or remove the section",
            )
        connection.execute(
            "INSERT INTO attribute_note VALUES (?, ?)", [name, note.model_dump_json()]
        )
        if note.revenue_days:
            connection.execute(_CHARGES, {"pointer": pointer(name), "days": note.revenue_days})


_CHARGES = """
INSERT INTO usual_charge
SELECT user_id, amount, $days
FROM (
    SELECT user_id, TRY_CAST(json_extract_string(attributes, $pointer) AS DOUBLE) AS amount
    FROM users
    WHERE json_valid(attributes)
) AS read
WHERE amount > 0 AND isfinite(amount)
ORDER BY user_id
"""


def notes(connection: duckdb.DuckDBPyConnection) -> dict[str, AttributeNote]:
    """What the mapping of the loaded data said, by attribute."""
    rows = connection.execute("SELECT name, note FROM attribute_note ORDER BY name").fetchall()
    return {name: AttributeNote.model_validate_json(note) for name, note in rows}


def attributes_of_user(
    connection: duckdb.DuckDBPyConnection, user_id: str
) -> tuple[tuple[Words, Words], ...]:
    """What the table says of one user, in the mapping's words and the table's order."""
    row = connection.execute(
        "SELECT attributes FROM users WHERE user_id = ? AND json_valid(attributes)", [user_id]
    ).fetchone()
    held = json.loads(row[0]) if row else None
    if not isinstance(held, dict):
        return ()
    said = notes(connection)
    found = []
    for name, value in held.items():
        note = said.get(name, AttributeNote())
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if value is not None and text.strip():
            label = Words(note.zh or note.en or name, note.en or name)
            meaning = Words(note.levels_zh.get(text, text), note.levels_en.get(text, text))
            found.append((label, meaning))
    return tuple(found)

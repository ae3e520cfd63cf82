"""What the attributes of a table are: numbers, yes or no, or words; read from the values.

A schema is learnt once, without a look at the labels, and stored with the model, so that new data
become the same columns: a word never seen before falls into "other", a column that is gone is
missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Literal

from engine.data.attributes import AttributeNote, NotedUnit, attribute_names, notes, pointer
from engine.data.compile import BLANKS
from engine.errors import DataError

if TYPE_CHECKING:
    import duckdb

Kind = Literal["number", "flag", "words"]

LEAST_ROWS = 20
"""A word that fewer users have is counted among the others: of so few nothing can be learnt."""

MOST_LEVELS = 24

YES = ("yes", "true", "y", "t", "1", "是", "有")
NO = ("no", "false", "n", "f", "0", "否", "无")

OTHER = "other"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute, the columns that a model makes of it, and what the mapping says of it."""

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()  # of words: the frequent ones, most frequent first
    other: bool = False  # of words: there are rarer ones, and one column for them
    unit: NotedUnit = "number"
    group: str = ""  # a group of reasons; empty: its own
    direction: Literal[-1, 0, 1] = 0
    actionable: bool | None = None
    zh: str = ""
    en: str = ""
    levels_zh: Mapping[str, str] = field(default_factory=dict)
    levels_en: Mapping[str, str] = field(default_factory=dict)

    def columns(self) -> tuple[str, ...]:
        """The names of its columns: its own, or one for each level."""
        if self.kind != "words":
            return (self.name,)
        return tuple(f"{self.name} = {level}" for level in self.column_levels())

    def column_levels(self) -> tuple[str, ...]:
        """Of words: the level behind each column."""
        return (*self.levels, OTHER) if self.other else self.levels


def columns_of(attributes: tuple[Attribute, ...]) -> tuple[str, ...]:
    """The columns of all attributes, in order."""
    return tuple(column for attribute in attributes for column in attribute.columns())


def timeless(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the loaded data are one row a user and a label, without a time axis."""
    # All rows are fetched: an unfinished result would keep the connection busy.
    ((found,),) = connection.execute(sql_text("timeless")).fetchall()
    return bool(found)


def sql_text(name: str) -> str:
    """The statement in `<name>.sql` of this folder."""
    return (resources.files("engine.features.attributes") / f"{name}.sql").read_text("utf-8")


def learn_attributes(connection: duckdb.DuckDBPyConnection) -> tuple[Attribute, ...]:
    """The attributes of the loaded users, by name; those that never vary are left out.

    Raises `DataError` when nothing is left to learn from.
    """
    names = attribute_names(connection)
    said = notes(connection)
    found = []
    for name, rows, distinct, numbers, levels in _counted(connection, names):
        attribute = described(name, rows, distinct, numbers, levels, said.get(name))
        if attribute is not None:
            found.append(attribute)
    if not found:
        raise DataError(
            "no_attributes",
            "The table has nothing to learn from",
            why="A table without a time axis needs columns in users.attributes that vary",
            next_step='List them in the mapping: [tables.users] attributes = ["tenure", …]',
        )
    return tuple(found)


def described(
    name: str,
    rows: int,
    distinct: int,
    numbers: int,
    levels: tuple[str, ...],
    note: AttributeNote | None = None,
) -> Attribute | None:
    """The attribute of these figures (see `counted.sql`); None for one that never varies."""
    note = note or AttributeNote()
    kind = note.kind or _kind(rows, distinct, numbers, levels)
    if distinct < 2 or (kind == "words" and not levels):
        return None
    chosen = levels[:MOST_LEVELS] if kind == "words" else ()
    return Attribute(
        name=name,
        kind=kind,
        levels=chosen,
        other=kind == "words" and distinct > len(chosen),
        unit=note.unit,
        group=note.group,
        direction=note.direction,
        actionable=note.actionable,
        zh=note.zh,
        en=note.en,
        levels_zh=note.levels_zh,
        levels_en=note.levels_en,
    )


def _kind(rows: int, distinct: int, numbers: int, levels: tuple[str, ...]) -> Kind:
    if distinct <= 2 and levels and {level.lower() for level in levels} <= {*YES, *NO}:
        return "flag"
    return "number" if numbers == rows else "words"


def _counted(
    connection: duckdb.DuckDBPyConnection, names: tuple[str, ...]
) -> list[tuple[str, int, int, int, tuple[str, ...]]]:
    """Of each attribute: its name, users who have it, different values, users for whom it is a
    number, and its frequent values, most frequent first and at most one more than are used."""
    rows = connection.execute(
        sql_text("counted"),
        {
            "names": list(names),
            "pointers": [pointer(name) for name in names],
            "blanks": BLANKS,
            "least": LEAST_ROWS,
            "most": MOST_LEVELS + 1,
        },
    ).fetchall()
    return [
        (name, users, distinct, numbers, tuple(levels))
        for name, users, distinct, numbers, levels in rows
    ]

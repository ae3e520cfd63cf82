"""The contract's tables as data; columns and types come from `engine/store/behaviour.sql` alone."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

import duckdb

KEYS = {
    "users": ("user_id",),
    "user_sensitive": ("user_id",),
    "events": ("event_id",),
    "payments": ("payment_id",),
    "subscriptions": ("subscription_id",),
    "contents": ("content_id",),
    "messages": ("message_id",),
    "outcomes": ("user_id", "as_of"),
}
"""What names a row, in the order of loading: users first, because the others point at them."""

FACTS = {
    "events": "occurred_at",
    "payments": "occurred_at",
    "subscriptions": "started_at",
    "messages": "occurred_at",
}
"""Tables with a time axis, and the column that says when the fact happened."""

RULE_TABLE = {
    "inactive": "events",
    "no_payment": "payments",
    "lapsed": "subscriptions",
    "label": "outcomes",
}
"""The table that each churn rule reads."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str  # DuckDB's name: VARCHAR, TIMESTAMP, DOUBLE, INTEGER, BOOLEAN
    required: bool


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    happened: str | None  # when the fact happened; None: a table without a time axis

    @property
    def makes_key(self) -> bool:
        """May the key be left out of the mapping? Then it is made from the row's content."""
        return self.happened is not None

    @property
    def has_owner(self) -> bool:
        """Does each row belong to a user of the table `users`?"""
        return self.name not in ("users", "contents")

    def names(self) -> tuple[str, ...]:
        """The columns' names, in the contract's order."""
        return tuple(column.name for column in self.columns)


def behaviour_sql() -> str:
    """The statements that make the empty tables of the contract."""
    return (resources.files("engine.store") / "behaviour.sql").read_text("utf-8")


LAYOUT = "SELECT table_name, column_name FROM information_schema.columns"
"""Every column of a behaviour database, as `layout` gives it."""


@functools.cache
def layout() -> frozenset[tuple[str, str]]:
    """(table, column) of all that this version's behaviour database has."""
    with duckdb.connect() as connection:
        connection.execute(behaviour_sql())
        return frozenset(connection.execute(LAYOUT).fetchall())


@functools.cache
def contract() -> dict[str, Table]:
    """Name -> table, users first."""
    with duckdb.connect() as connection:
        connection.execute(behaviour_sql())
        rows = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable = 'NO' "
            "FROM information_schema.columns ORDER BY table_name, ordinal_position"
        ).fetchall()
    columns: dict[str, list[Column]] = {}
    for table, name, kind, required in rows:
        columns.setdefault(table, []).append(Column(name, kind, required))
    return {
        name: Table(name, tuple(columns[name]), key, FACTS.get(name)) for name, key in KEYS.items()
    }

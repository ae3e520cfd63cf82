"""Which facts the loaded data have, so that the columns adapt to what is there."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from engine.features.spec import KINDS, one_of

if TYPE_CHECKING:
    import duckdb


def available(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The facts, for instance "events", "payments:failed", "messages:rating".

    They are read from all loaded rows, the same for every cutoff: a table's presence is a
    property of the workspace, not of a user.
    """
    text = (resources.files("engine.features") / "facts.sql").read_text("utf-8")
    sql = text.format_map({name: one_of("kind", kinds) for name, kinds in KINDS.items()})
    return frozenset(fact for (fact,) in connection.execute(sql).fetchall())

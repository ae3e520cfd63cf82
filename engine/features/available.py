"""Which facts the loaded data have, so that the columns adapt to what is there."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from engine.features.spec import (
    CANCEL_VIEWS,
    FINISHED,
    LEARNING,
    LOGIN_FAILURES,
    PRICE_VIEWS,
    SEARCHES,
    WARM,
    one_of,
)

if TYPE_CHECKING:
    import duckdb


def available(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The facts, for instance "events", "payments:failed", "messages:rating".

    They are read from all loaded rows, the same for every cutoff: a table's presence is a
    property of the workspace, not of a user.
    """
    text = (resources.files("engine.features") / "facts.sql").read_text("utf-8")
    sql = text.format_map(
        {
            "learning": one_of("kind", LEARNING),
            "finished": one_of("kind", FINISHED),
            "cancel_views": one_of("kind", CANCEL_VIEWS),
            "price_views": one_of("kind", PRICE_VIEWS),
            "searches": one_of("kind", SEARCHES),
            "warm": one_of("kind", WARM),
            "login_failures": one_of("kind", LOGIN_FAILURES),
        }
    )
    return frozenset(fact for (fact,) in connection.execute(sql).fetchall())

"""The invented world as a DuckDB file in the contract's names, made once and used again.

`python -m benchmarks.scale.world FOLDER USERS EVENTS` makes it in a process of its own: a child
inherits the peak of the process that starts it, so the one that measures has to stay small.
"""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime
from importlib import resources
from pathlib import Path

from engine.timeline import ChurnRule

CUTOFF = datetime(2026, 1, 1)
"""The end of the 360 days."""

RULE = ChurnRule("inactive", horizon_days=30, active_within_days=360)
"""So wide that nearly every user is eligible: the dearest population."""

SEED = 7
DAYS = 360
MONTH_DAYS = 30

_PARAMETER = re.compile(r"\$([a-z_]+)")


def world(folder: Path, users: int, events: int) -> Path:
    """The file for so many users and about so many events; generated where it is not there."""
    import duckdb

    path = folder / f"scale-{users}-{events}.duckdb"
    if path.exists():
        _count_knowledge(path)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    text = (resources.files("benchmarks.scale") / "world.sql").read_text("utf-8")
    contract = (resources.files("engine.store") / "behaviour.sql").read_text("utf-8")
    config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": "6GB"}
    with duckdb.connect(str(unfinished), config=config) as connection:
        connection.execute(contract)
        for section in text.split("\n----\n"):
            monthly = section.startswith("-- each month")
            starts = range(0, DAYS + MONTH_DAYS, MONTH_DAYS) if monthly else (0,)
            for start in starts:
                values = {
                    "users": users,
                    "events": events,
                    "seed": SEED,
                    "from_day": start,
                    "until_day": start + MONTH_DAYS,
                }
                named = set(_PARAMETER.findall(section)) & values.keys()
                connection.execute(section, {name: values[name] for name in named})
        connection.execute("CHECKPOINT")
    _count_knowledge(unfinished)
    unfinished.replace(path)
    return path


def _count_knowledge(path: Path) -> None:
    """The digests that a load writes, where there are none: features are kept by them."""
    import duckdb

    from engine.data.contract import contract
    from engine.data.digests import count_anew

    with duckdb.connect(str(path), read_only=True) as connection:
        if connection.execute("SELECT count(*) FROM known_digest").fetchone() != (0,):
            return
    with duckdb.connect(str(path)) as connection:
        for table in contract().values():
            count_anew(connection, table)


def eligible_users(database: Path) -> list[str]:
    """Whom `RULE` speaks of at `CUTOFF`."""
    import duckdb

    from engine.features.labels import eligible

    with duckdb.connect(str(database), read_only=True) as connection:
        return [str(user) for user in eligible(connection, RULE, CUTOFF)]


def events_as_parquet(database: Path) -> Path:
    """The columns of the events that the peers read, as a file of their own kind."""
    import duckdb

    path = database.with_suffix(".parquet")
    if path.exists():
        return path
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    literal = str(unfinished).replace("'", "''")
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute(
            "COPY (SELECT user_id, occurred_at, known_at, kind, content_id, duration_s "
            f"FROM events) TO '{literal}' (FORMAT parquet, COMPRESSION zstd)"
        )
    unfinished.replace(path)
    return path


if __name__ == "__main__":
    made = world(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    events_as_parquet(made)
    print(made)

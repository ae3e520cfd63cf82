"""Work that leaves something behind for the next process: loads of a day, features kept by cutoff.

Each step is a job of `benchmarks.scale.child` that finds what the steps before it left in a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.scale.world import CUTOFF, RULE

Finding = Callable[[], dict[str, Any]]

LAST_DAY = CUTOFF - timedelta(days=1)
LOADED_AT = CUTOFF + timedelta(days=30)

CUTOFFS = tuple(CUTOFF - timedelta(days=14 * place) for place in reversed(range(6)))
"""Those of a retrain; with later data the newest one is new and the others are kept."""

SNAPSHOT_BYTES = 16 << 30

_MAPPING = """\
[business]
name = "Scale"
currency = "CNY"
timezone = "UTC"

[churn]
rule = "inactive"
horizon_days = 30
active_within_days = 360

[tables.users]
source = "{source}"
table = "users"
mode = "append"

[tables.events]
source = "{source}"
table = "events"
where = "occurred_at {side} TIMESTAMP '{day}'"
mode = "{mode}"
"""

_OTHER_DURATIONS = """
[tables.events.columns]
duration_s = "duration_s + 1"
"""


def _load(mode: str, side: str, more: str = "") -> Callable[[Path, Path], Callable[[], Finding]]:
    def prepare(database: Path, folder: Path) -> Callable[[], Finding]:
        from engine.data.load import load

        mapping = folder / f"{mode}.toml"
        text = _MAPPING.format(source=database.name, mode=mode, side=side, day=LAST_DAY) + more
        mapping.write_text(text, "utf-8")

        def work() -> Finding:
            report = load(
                mapping, folder / "behaviour.duckdb", now=LOADED_AT, data_dir=database.parent
            )
            (events,) = (table for table in report.tables if table.table == "events")
            return lambda: {
                "read": events.read,
                "added": events.added,
                "updated": events.updated,
                "already_there": events.already_there,
                "changed": report.changed,
            }

        return work

    return prepare


def _features_at(places: Sequence[int]) -> Callable[[Path, Path], Callable[[], Finding]]:
    def prepare(database: Path, folder: Path) -> Callable[[], Finding]:
        import duckdb

        from engine.features.build import build_labelled
        from engine.features.snapshots import Snapshots

        connection = duckdb.connect(
            str(database), read_only=True, config={"threads": 2, "memory_limit": "8GB"}
        )
        connection.execute("SET temp_directory = $folder", {"folder": str(folder / "spill")})
        snapshots = Snapshots(folder / "features", SNAPSHOT_BYTES)
        cutoffs = [CUTOFFS[place] for place in places]

        def work() -> Finding:
            frames = build_labelled(connection, RULE, cutoffs, sequences=False, snapshots=snapshots)
            return lambda: {
                "rows": sum(len(frame) for frame in frames.values()),
                "kept": len(list((folder / "features").glob("*.safetensors"))),
            }

        return work

    return prepare


JOBS = {
    "load_all_but_a_day": _load("append", "<"),
    "load_a_day": _load("append", ">="),
    "load_a_day_changed": _load("upsert", ">=", _OTHER_DURATIONS),
    "load_the_same_again": _load("upsert", ">=", _OTHER_DURATIONS),
    "features_of_the_newest": _features_at((5,)),
    "features_of_the_others": _features_at((0, 1, 2, 3, 4)),
    "features_of_all": _features_at((0, 1, 2, 3, 4, 5)),
}
"""Name -> a function of the world's file and the steps' folder that prepares the work."""

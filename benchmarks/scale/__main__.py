"""`python -m benchmarks.scale`: features and sequences of a million users, beside a bare GROUP BY,
polars and pandas; retrains and loads."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, options, run, say
from benchmarks.scale import steps
from engine.errors import StateError

QUICK = ((10_000, 1_000_000),)
FULL = ((1_000_000, 10_000_000), (1_000_000, 100_000_000))
"""Users and events."""

PLENTY, SHORT, SEQUENCES_LIMIT = "8GB", "1GB", "512MB"
"""DuckDB's memory limit; what numpy holds comes on top of it."""

TIMES_GROUP_BY = 14
SHORT_PEAK_MB = 1_300
SEQUENCES_CPU_S, SEQUENCES_PEAK_MB = 30, 2_048
MOST_OF_ONE = 1.3
"""What a retrain may cost in terms of its one new cutoff: reading the kept ones is not free."""

PANDAS_EVENTS = 10_000_000
"""Beyond so many, pandas' intermediate frames do not fit this benchmark's machine."""

FOLDER = "RETENTION_SCALE"
"""The environment variable that names where the worlds are kept; else the temporary folder."""


def measure_features(quick: bool) -> list[Row]:
    """All features at one cutoff beside one grouping of the same events."""
    rows, cpu = [], []
    for users, events in _sizes(quick):
        database = _world(users, events)
        plain, ours = _child("group_by", database, PLENTY), _child("features", database, PLENTY)
        case = f"features, {plain['events']:,} events, {ours['columns']} columns"
        limit = TIMES_GROUP_BY * plain["cpu_s"]
        cpu.append((ours["cpu_s"], plain["events"]))
        rows += [
            Row(
                case,
                "cpu_s",
                ours["cpu_s"],
                {"GROUP BY user_id": plain["cpu_s"]},
                f"at most {TIMES_GROUP_BY} times the GROUP BY, {limit:.1f}",
                ours["cpu_s"] <= limit,
            ),
            Row(case, "wall_s", ours["wall_s"], {"GROUP BY user_id": plain["wall_s"]}),
            Row(case, "peak_mb", ours["peak_mb"], {"GROUP BY user_id": plain["peak_mb"]}),
        ]
    for (small, few), (large, many) in pairwise(cpu):
        grown, more = large / small, many / few
        aim = f"at most the events' {more:.1f}"
        rows.append(Row("features, growth", "cpu_times", grown, {}, aim, grown <= more))
    return rows


def measure_memory(quick: bool) -> list[Row]:
    """The same features, let go chunk by chunk, with plenty of memory and with little."""
    users, events = _sizes(quick)[-1]
    database = _world(users, events)
    plenty = _child("features_in_chunks", database, PLENTY)
    short = _child("features_in_chunks", database, SHORT)
    if plenty["digest"] != short["digest"]:
        raise StateError("results_differ", f"Features differ between {PLENTY} and {SHORT}")
    case = f"features, {events:,} events, memory_limit {SHORT}"
    beside = f"memory_limit {PLENTY}"
    return [
        Row(
            case,
            "peak_mb",
            short["peak_mb"],
            {beside: plenty["peak_mb"]},
            f"at most {SHORT_PEAK_MB}",
            short["peak_mb"] <= SHORT_PEAK_MB,
        ),
        Row(case, "cpu_s", short["cpu_s"], {beside: plenty["cpu_s"]}),
    ]


def measure_sequences(quick: bool) -> list[Row]:
    """The last 128 activities of every user."""
    users, events = _sizes(quick)[-1]
    found = _child("sequences", _world(users, events), SEQUENCES_LIMIT)
    case = f"sequences, {events:,} events, {found['kept']:,} kept"
    cpu, peak = found["cpu_s"], found["peak_mb"]
    return [
        Row(case, "cpu_s", cpu, {}, f"at most {SEQUENCES_CPU_S}", cpu <= SEQUENCES_CPU_S),
        Row(case, "peak_mb", peak, {}, f"at most {SEQUENCES_PEAK_MB}", peak <= SEQUENCES_PEAK_MB),
        Row(case, "wall_s", found["wall_s"]),
    ]


def measure_peers(quick: bool) -> list[Row]:
    """The columns of the events alone, which polars and pandas compute as well."""
    rows = []
    for users, events in _sizes(quick):
        database = _world(users, events)
        ours = _child("events_part", database, PLENTY)
        jobs = ["polars_lazy", "polars_streaming"] + ["pandas"] * (events <= PANDAS_EVENTS)
        peers = {job: _child(job, database, PLENTY) for job in jobs}
        for job, found in peers.items():
            _must_agree(job, ours, found)
        case = f"events part, {events:,} events, {ours['columns']} columns"
        for metric, better in (("wall_s", 1.0), ("cpu_s", 1.0), ("peak_mb", 0.25)):
            figures = {job: found[metric] for job, found in peers.items()}
            limit = better * min(figures.values())
            aim = f"at most {'a quarter of ' if better < 1 else ''}the best peer's, {limit:.1f}"
            rows.append(Row(case, metric, ours[metric], figures, aim, ours[metric] <= limit))
    return rows


def measure_retrain(quick: bool) -> list[Row]:
    """Six cutoffs of which five are kept, beside one and six that are not."""
    database = _world(*_sizes(quick)[0])
    with tempfile.TemporaryDirectory(dir=database.parent) as folder:
        others = _child("features_of_the_others", database, folder)
        newest = _child("features_of_all", database, folder)
    with tempfile.TemporaryDirectory(dir=database.parent) as folder:
        alone = _child("features_of_the_newest", database, folder)
    if newest["kept"] != len(steps.CUTOFFS):
        raise StateError("results_differ", f"{newest['kept']} cutoffs were kept")
    case = f"retrain, six cutoffs of which five are kept, {newest['rows']:,} rows"
    limit = MOST_OF_ONE * alone["cpu_s"]
    return [
        Row(
            case,
            "cpu_s",
            newest["cpu_s"],
            {
                "the newest cutoff alone": alone["cpu_s"],
                "none kept": others["cpu_s"] + alone["cpu_s"],
            },
            f"at most {MOST_OF_ONE} times the newest alone, {limit:.1f}",
            newest["cpu_s"] <= limit,
        ),
        Row(
            case,
            "peak_mb",
            newest["peak_mb"],
            {"the newest cutoff alone": alone["peak_mb"], "five, none kept": others["peak_mb"]},
        ),
    ]


def measure_load(quick: bool) -> list[Row]:
    """All events but those of a day, then the day, the day with other content, and that again."""
    database = _world(*_sizes(quick)[0])
    names = ("load_all_but_a_day", "load_a_day", "load_a_day_changed", "load_the_same_again")
    with tempfile.TemporaryDirectory(dir=database.parent) as folder:
        done = {name: _child(name, database, folder) for name in names}
    day = done["load_a_day"]["read"]
    expected = {"load_a_day": "added", "load_a_day_changed": "updated"}
    if any(done[name][count] != day for name, count in expected.items()):
        raise StateError("results_differ", f"A day of {day:,} events was loaded otherwise")
    if done["load_the_same_again"]["changed"]:
        raise StateError("results_differ", "Loading the same again changed something")
    rows = []
    for name, found in done.items():
        case = f"{name.replace('_', ' ')}, {found['read']:,} events"
        rows += [Row(case, metric, found[metric]) for metric in ("cpu_s", "wall_s", "peak_mb")]
    return rows


def _sizes(quick: bool) -> tuple[tuple[int, int], ...]:
    return QUICK if quick else FULL


def _world(users: int, events: int) -> Path:
    folder = os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / "retention-scale"
    say(f"scale: a world of {users:,} users and {events:,} events …")
    return Path(_apart("world", str(folder), str(users), str(events)).strip())


def _child(job: str, database: Path, limit: str) -> dict[str, Any]:
    say(f"scale: {job} …")
    found: dict[str, Any] = json.loads(_apart("child", job, str(database), limit))
    return found


def _apart(module: str, *arguments: str) -> str:
    """What a module of this benchmark prints, run as a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.scale.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"signal {-done.returncode}"])[-1]
        raise StateError("job_failed", f"{module} {' '.join(arguments)} failed: {last}")
    return done.stdout


def _must_agree(job: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Same users and same values, but for the rounding of sums of doubles."""
    same = ours["users"] == theirs["users"] and all(
        math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6)
        for mine, other_column in zip(ours["checksums"], theirs["checksums"], strict=True)
        for one, other in zip(mine, other_column, strict=True)
    )
    if not same:
        raise StateError("results_differ", f"{job} computes other values than we do")


def main() -> int:
    """The cases that were asked for."""
    measures = {
        "features": measure_features,
        "memory": measure_memory,
        "sequences": measure_sequences,
        "peers": measure_peers,
        "retrain": measure_retrain,
        "load": measure_load,
    }
    return run("scale", options("scale", __doc__ or "", tuple(measures)), measures)


if __name__ == "__main__":
    sys.exit(main())

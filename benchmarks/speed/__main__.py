"""`python -m benchmarks.speed`: the one-key retrain, and the scoring of a million users."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, options, run, say
from benchmarks.processes import retention, timed

RETRAIN_WALL_S = 240
WITHOUT_SEQUENCES_CPU_S, WITH_SEQUENCES_CPU_S = 60, 150
SCORING_PEAK_MB = 2_048

FOLDER = "RETENTION_SCALE"
"""The environment variable that names where the worlds are kept, as in `benchmarks.scale`."""

TAUGHT = (10_000, 1_000_000)
"""Users and events of the world that the models of the scoring learn from; its columns are those
of the larger ones."""


def measure_retrain(quick: bool) -> list[Row]:
    """`retention train` on the sample platform, loaded for the first time; then `score`."""
    users = 1_000 if quick else 20_000
    with tempfile.TemporaryDirectory() as folder:
        world, workspace = Path(folder) / "world", str(Path(folder) / "workspace")
        timed([sys.executable, "-m", "sample_db", str(world), "--users", str(users)])
        program = [retention(), "-w", workspace, "--json"]
        timed([*program, "load", str(world / "mapping.toml"), "--data-dir", str(world)])
        say("speed: train …")
        trained = timed([*program, "train"])
        say("speed: train again …")
        again = timed([*program, "train"])
        card: dict[str, Any] = json.loads(trained.output)
        timed([*program, "promote", card["model_id"]])
        say("speed: score …")
        scored = timed([*program, "score"])
        told = json.loads(scored.output)["users"]
    case = f"train, {users:,} users, {card['rows']:,} training rows, {card['kind']}"
    kept = "again, features kept"
    wall = f"below {RETRAIN_WALL_S}"
    return [
        Row(case, "wall_s", trained.wall_s, {kept: again.wall_s}, wall, _below(trained.wall_s)),
        Row(case, "cpu_s", trained.cpu_s, {kept: again.cpu_s}),
        Row(case, "peak_mb", trained.peak_mb, {kept: again.peak_mb}),
        Row(f"score with reasons, {told:,} users", "cpu_s", scored.cpu_s),
        Row(f"score with reasons, {told:,} users", "peak_mb", scored.peak_mb),
    ]


def _below(wall_s: float) -> bool:
    return wall_s < RETRAIN_WALL_S


def measure_scoring(quick: bool) -> list[Row]:
    """Risks of all users by a model without and by one with the sequence encoder."""
    users, events = TAUGHT if quick else (1_000_000, 100_000_000)
    folder = os.environ.get(FOLDER) or str(Path(tempfile.gettempdir()) / "retention-scale")
    say("speed: worlds …")
    small, large = (_world(folder, *size) for size in (TAUGHT, (users, events)))
    rows = []
    with tempfile.TemporaryDirectory() as models:
        say("speed: models …")
        _child("models", small, models)
        for name, limit in (
            ("without_sequences", WITHOUT_SEQUENCES_CPU_S),
            ("with_sequences", WITH_SEQUENCES_CPU_S),
        ):
            say(f"speed: score {name} …")
            found = json.loads(_child(name, large, models))
            case = f"risk of {found['users']:,} users, {events:,} events, {found['kind']}"
            cpu, peak = found["risk_cpu_s"], found["peak_mb"]
            rows += [
                Row(case, "risk_cpu_s", cpu, {}, f"below {limit}", cpu < limit),
                Row(case, "features_cpu_s", found["features_cpu_s"]),
                Row(case, "wall_s", found["wall_s"]),
                Row(case, "peak_mb", peak, {}, f"below {SCORING_PEAK_MB}", peak < SCORING_PEAK_MB),
            ]
    return rows


def _world(folder: str, users: int, events: int) -> str:
    command = [sys.executable, "-m", "benchmarks.scale.world", folder, str(users), str(events)]
    return timed(command).output.strip()


def _child(job: str, database: str, models: str) -> str:
    return timed([sys.executable, "-m", "benchmarks.speed.child", job, database, models]).output


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    asked = options("speed", __doc__ or "", ("retrain", "scoring"), arguments)
    return run("speed", asked, {"retrain": measure_retrain, "scoring": measure_scoring})


if __name__ == "__main__":
    raise SystemExit(main())

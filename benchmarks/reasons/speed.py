"""What reasons cost: of 50,000 users, of one user's screen, of a whole refresh."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, say
from benchmarks.processes import Done, retention, timed
from sample_db import generate

CASE = "speed"
EXPLAINED, QUICK_EXPLAINED = 50_000, 2_000
REASONS_CPU_S, SCREEN_MS, REFRESH_WALL_S = 300, 150, 25


def measure_speed(*, users: int, seed: int, quick: bool) -> list[Row]:
    """All figures on one world whose champion is what `retention train` makes of it.

    The workspace is refreshed after the promotion: the data are read anew, and every eligible user
    is scored and explained for the first time. The 50,000 users are the eligible ones over and
    over, explained as a scoring run does.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "workspace"
        workspace = str(folder)
        say(f"reasons: a world of {users:,} users …")
        timed([retention(), "init", workspace])
        generate(folder, users=users, seed=seed)
        program = [retention(), "-w", workspace, "--json"]
        timed([*program, "load"])
        say("reasons: train …")
        card = json.loads(timed([*program, "train"]).output)
        timed([*program, "promote", card["model_id"]])
        say("reasons: refresh …")
        refreshed = timed([*program, "refresh"])
        say("reasons: explain …")
        told = _child("reasons", workspace, str(QUICK_EXPLAINED if quick else EXPLAINED))
        screen = _child("screen", workspace)
    return [
        *_refresh_rows(refreshed, quick=quick),
        *_reason_rows(told, quick=quick),
        *_screen_rows(screen, quick=quick),
    ]


def _refresh_rows(done: Done, *, quick: bool) -> list[Row]:
    said = json.loads(done.output)
    seconds = said["seconds"]
    case = f"refresh, {said['score']['users']:,} users explained"
    list_s = seconds["load"] + seconds["score"]
    return [
        Row(case, "load_to_list_wall_s", list_s, **_aim(list_s, REFRESH_WALL_S, quick=quick)),
        Row(case, "load_wall_s", seconds["load"]),
        Row(case, "score_wall_s", seconds["score"]),
        Row(case, "whole_wall_s", done.wall_s),
        Row(case, "whole_cpu_s", done.cpu_s),
        Row(case, "peak_mb", done.peak_mb),
    ]


def _reason_rows(found: dict[str, Any], *, quick: bool) -> list[Row]:
    case = f"reasons of {found['users']:,} users, {found['kind']}"
    cpu_s = found["cpu_s"]
    return [
        Row(case, "cpu_s", cpu_s, **_aim(cpu_s, REASONS_CPU_S, quick=quick)),
        Row(case, "shares_cpu_s", found["shares_cpu_s"]),
    ]


def _screen_rows(found: dict[str, Any], *, quick: bool) -> list[Row]:
    case = f"user screen, warm, {found['users']} users"
    median_ms = found["median_ms"]
    return [
        Row(case, "median_ms", median_ms, **_aim(median_ms, SCREEN_MS, quick=quick)),
        Row(case, "p95_ms", found["p95_ms"]),
        Row(case, "median_cpu_ms", found["median_cpu_ms"]),
    ]


def _aim(value: float, limit: int, *, quick: bool) -> dict[str, Any]:
    """The aims are those of the whole size."""
    return {} if quick else {"aim": f"below {limit}", "met": value < limit}


def _child(job: str, workspace: str, *others: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.reasons.speed_child", job, workspace, *others]
    found: dict[str, Any] = json.loads(timed(command).output)
    return found

"""`python -m benchmarks.reasons`: causes named, intervals that hold, and what reasons cost."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.harness import Row, options, run
from benchmarks.reasons.coverage import measure_coverage
from benchmarks.reasons.speed import measure_speed
from benchmarks.reasons.truth import measure_truth

SEED = 7
USERS, QUICK_USERS = 20_000, 2_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    world = argparse.ArgumentParser(add_help=False)
    world.add_argument("--seed", type=int, default=SEED, help="of the sample world")
    world.add_argument("--users", type=int, help=f"in the world; {USERS}, or {QUICK_USERS} quick")
    given, others = world.parse_known_args(arguments)
    asked = options(
        "reasons", __doc__ or "", ("truth", "coverage", "speed"), others, parents=(world,)
    )
    users = given.users or (QUICK_USERS if asked.quick else USERS)
    measures: dict[str, Callable[[bool], list[Row]]] = {
        "truth": partial(_truth, users=users, seed=given.seed),
        "coverage": partial(_coverage, users=users, seed=given.seed),
        "speed": partial(_speed, users=users, seed=given.seed),
    }
    return run("reasons", asked, measures)


def _truth(quick: bool, *, users: int, seed: int) -> list[Row]:
    return measure_truth(users=users, seed=seed, quick=quick)


def _coverage(quick: bool, *, users: int, seed: int) -> list[Row]:
    return measure_coverage(users=users, seed=seed, quick=quick)


def _speed(quick: bool, *, users: int, seed: int) -> list[Row]:
    return measure_speed(users=users, seed=seed, quick=quick)


if __name__ == "__main__":
    raise SystemExit(main())

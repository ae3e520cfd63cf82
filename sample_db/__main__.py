"""`python -m sample_db OUT`: write the sample platform into a folder."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from sample_db import generate


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments and generate; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sample_db", description=__doc__)
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--users", type=int, default=20000)
    parser.add_argument("--months", type=int, default=18)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--end", type=date.fromisoformat, default=date(2026, 10, 31))
    given = parser.parse_args(arguments)
    begun = time.perf_counter()
    try:
        generate(given.out, users=given.users, months=given.months, seed=given.seed, end=given.end)
    except ValueError as error:
        parser.error(str(error))
    sys.stderr.write(f"{given.out}: {given.users} users in {time.perf_counter() - begun:.1f} s\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

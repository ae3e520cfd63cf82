"""What every benchmark shares: rows with an aim, the printed table, JSON, machine and commit."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine.errors import RetentionError
from engine.types import Interval

PACKAGES = ("duckdb", "lightgbm", "numpy", "scikit-learn", "textual", "torch")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of ours beside the peers' from the same run."""

    case: str
    metric: str  # its unit in the name where it has one: first_paint_s
    ours: float
    peers: Mapping[str, float] = field(default_factory=dict)
    aim: str = ""
    met: bool | None = None  # None: no aim
    interval: Mapping[str, Interval] = field(default_factory=dict)
    """Peer -> ours - peer with a 95 % interval; empty where none was computed."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    quick: bool
    json: bool
    out: Path | None
    cases: tuple[str, ...]
    resume: bool = False


def options(
    name: str,
    description: str,
    cases: Sequence[str],
    arguments: Sequence[str] | None = None,
    *,
    parents: Sequence[argparse.ArgumentParser] = (),
) -> Options:
    """The options every benchmark has; `cases` are the ones that `--case` may choose.

    `parents` have read the benchmark's own options before; here they only help `--help`.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=description, parents=parents
    )
    parser.add_argument("--quick", action="store_true", help="smaller, within a minute on 2 cores")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--out", type=Path, help=f"write {name}.json and {name}.md to this folder")
    parser.add_argument("--case", action="append", choices=cases, help="only this case; repeatable")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="take the cases that --out has whole already, and measure the others",
    )
    given = parser.parse_args(arguments)
    if given.resume and given.out is None:
        parser.error("--resume needs --out, where the finished cases are")
    return Options(given.quick, given.json, given.out, tuple(given.case or cases), given.resume)


def run(
    name: str,
    asked: Options,
    measures: Mapping[str, Callable[[bool], list[Row]]],
    *,
    summary: Callable[[Sequence[Row]], list[Row]] = lambda _: [],
) -> int:
    """Measure the cases that were asked for, print, write; returns the exit status.

    A case that lacks its data is said on stderr, and the others go on; the status is then 1. With
    `--out` each case is written as soon as it is whole, so that a run that was cut off can be
    resumed. `summary` makes further rows from those of all cases.
    """
    started = time.perf_counter()
    # What is measured is the code as it was read, whatever is committed meanwhile.
    origin = {"commit": commit()}
    rows: list[Row] = []
    status = 0
    for case in asked.cases:
        kept = asked.out / "cases" / f"{name}-{case}.json" if asked.out else None
        found = _finished(kept, quick=asked.quick) if asked.resume and kept else None
        if found is not None:
            rows += found
            continue
        say(f"{name}: {case} …")
        begun = time.perf_counter()
        try:
            measured = measures[case](asked.quick)
        except RetentionError as error:
            say(f"{name}: {case}: {error.sentence}")
            status = error.exit_code
            continue
        rows += measured
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            whole = as_json(measured, seconds=time.perf_counter() - begun) | origin
            write_whole(kept, json.dumps(whole | {"quick": asked.quick}, indent=1) + "\n")
    rows += summary(rows)
    report = as_json(rows, seconds=time.perf_counter() - started) | origin
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        write_whole(asked.out / f"{name}.json", json.dumps(report, indent=1) + "\n")
        write_whole(asked.out / f"{name}.md", as_markdown(rows))
    print(json.dumps(report) if asked.json else as_table(rows))
    return status


def _finished(path: Path, *, quick: bool) -> list[Row] | None:
    """The rows of a case that an earlier run measured whole; None: there are none of that kind."""
    if not path.exists():
        return None
    report = json.loads(path.read_text("utf-8"))
    if report["quick"] != quick:
        return None
    say(f"{path.stem}: measured before, at commit {report['commit']}")
    rows: list[Row] = []
    for row in report["rows"]:
        interval = {peer: Interval(**ends) for peer, ends in row.pop("interval").items()}
        rows.append(Row(**row, interval=interval))
    return rows


def say(text: str) -> None:
    """Narration: on stderr, so that stdout holds data only."""
    print(text, file=sys.stderr, flush=True)


def as_json(rows: Sequence[Row], *, seconds: float) -> dict[str, object]:
    """The benchmark command's JSON contract."""
    return {
        "rows": [
            {
                "case": row.case,
                "metric": row.metric,
                "ours": row.ours,
                "peers": dict(row.peers),
                "aim": row.aim,
                "met": row.met,
                "interval": {
                    peer: {"estimate": d.estimate, "low": d.low, "high": d.high}
                    for peer, d in row.interval.items()
                },
            }
            for row in rows
        ],
        "machine": machine(),
        "commit": commit(),
        "seconds": round(seconds, 1),
    }


def as_table(rows: Sequence[Row]) -> str:
    """For the terminal: a block per figure, a line per peer, in 80 columns."""
    blocks = []
    for row in rows:
        width = max(28, *(len(name) + 2 for name in row.peers)) if row.peers else 28
        aim = f"   aim {row.aim}: {_met(row)}" if row.aim else ""
        lines = [f"{row.case} · {row.metric}{aim}", f"  {'ours':<{width}}{row.ours:9.4f}"]
        for name, value in row.peers.items():
            difference = f"   ours is {_signed(row, name)}" if name in row.interval else ""
            lines.append(f"  {name:<{width}}{value:9.4f}{difference}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def as_markdown(rows: Sequence[Row]) -> str:
    """For the docs: one table a case, models by metrics, and the differences below it."""
    parts = []
    for case in dict.fromkeys(row.case for row in rows):
        mine = [row for row in rows if row.case == case]
        names = list(dict.fromkeys(name for row in mine for name in row.peers))
        parts.append(f"### {case}\n")
        parts.append("| model | " + " | ".join(row.metric for row in mine) + " |")
        parts.append("|---|" + "---|" * len(mine))
        parts.append("| **ours** | " + " | ".join(f"**{row.ours:.4f}**" for row in mine) + " |")
        for name in names:
            cells = [f"{row.peers[name]:.4f}" if name in row.peers else "" for row in mine]
            parts.append(f"| {name} | " + " | ".join(cells) + " |")
        if any(row.aim for row in mine):
            aims = " | ".join(f"{row.aim}: {_met(row)}" if row.aim else "" for row in mine)
            parts.append(f"| aim | {aims} |")
        compared = [row for row in mine if row.interval]
        if compared:
            parts.append("\nOurs minus the peer, with the 95 % interval:\n")
            parts.append("| peer | " + " | ".join(row.metric for row in compared) + " |")
            parts.append("|---|" + "---|" * len(compared))
            for name in names:
                cells = [_signed(row, name) if name in row.interval else "" for row in compared]
                parts.append(f"| {name} | " + " | ".join(cells) + " |")
        parts.append("")
    return "\n".join(parts)


def machine() -> dict[str, object]:
    """What the figures depend on; no name of the host or of its user."""
    return {
        "cpus": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def commit() -> str:
    """The commit that was measured, `-dirty` with local changes; empty outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader sees all of it or none."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _met(row: Row) -> str:
    return {True: "met", False: "not met", None: ""}[row.met]


def _signed(row: Row, peer: str) -> str:
    difference = row.interval[peer]
    return f"{difference.estimate:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"

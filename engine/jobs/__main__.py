"""`python -m engine.jobs KIND --workspace DIR`: the child process behind the app's long work."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from engine.errors import Cancelled, RetentionError
from engine.jobs.protocol import Reporter
from engine.jobs.run import load, refresh, score, train
from engine.types import JobEvent, Words
from engine.workspace import Workspace

Run = Callable[[Workspace, argparse.Namespace, Reporter], Mapping[str, object]]

KINDS: Mapping[str, Run] = {"load": load, "train": train, "score": score, "refresh": refresh}


def main(arguments: list[str] | None = None) -> int:
    """Run one job; returns the exit status of the command line's table."""
    options = parser().parse_args(arguments)
    reporter = Reporter()
    reporter.listen()
    run = KINDS[options.kind]
    return run_steps(
        options.kind, lambda: run(Workspace.open(options.workspace), options, reporter), reporter
    )


def run_steps(kind: str, steps: Callable[[], Mapping[str, object]], reporter: Reporter) -> int:
    """Run `steps` and report their end as the last line, whatever it is."""
    reporter.emit(JobEvent("started", kind, 0.0))
    try:
        detail = steps()
    except Cancelled as error:
        reporter.emit(JobEvent("cancelled", kind, words=_both(error)))
        return error.exit_code
    except RetentionError as error:
        reporter.emit(JobEvent("failed", kind, words=_both(error), detail={"code": error.code}))
        return error.exit_code
    reporter.emit(JobEvent("result", kind, 1.0, detail=detail))
    return 0


def parser() -> argparse.ArgumentParser:
    """The options of every job."""
    made = argparse.ArgumentParser(prog="python -m engine.jobs", description=__doc__)
    made.add_argument("kind", choices=sorted(KINDS))
    made.add_argument("--workspace", type=Path, required=True)
    made.add_argument("--mapping", type=Path)
    made.add_argument("--data-dir", type=Path)
    made.add_argument("--model", default="auto")
    made.add_argument("--budget", type=float)
    made.add_argument("--as-of", type=datetime.fromisoformat)
    made.add_argument("--retrain", action="store_true")
    return made


def _both(error: RetentionError) -> Words:
    return Words(error.sentence, error.sentence)


if __name__ == "__main__":
    sys.exit(main())

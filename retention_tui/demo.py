"""The sample workspace, from nothing to a ranked list: each step is skipped when it is done.

Also the child process of the app's first run: `python -m retention_tui.demo --workspace DIR`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.errors import Cancelled, UsageError
from engine.jobs.protocol import Reporter
from engine.places import Places
from engine.types import JobEvent

USERS = 20_000
SMALL_USERS = 2_000
SMALL_TRAINING = {"cutoffs": 4, "max_epochs": 4}
"""Training of a sample of at most `SMALL_USERS`: so few users do not repay a longer one."""
MONTHS = 18
SEED = 7
NAMES = {"zh": "知行学堂 · 示例", "en": "知行学堂 · sample"}
"""What the title bar calls the sample, by the language of the person who makes it."""


def make(
    folder: Path,
    *,
    users: int = USERS,
    months: int = MONTHS,
    seed: int = SEED,
    language: str = "zh",
    reporter: Reporter,
) -> Mapping[str, object]:
    """Make, load, train and score the sample in `folder`; what is already there is kept.

    `language` (zh or en) is the one that the workspace opens in. Raises `UsageError` when `folder`
    holds something that is no sample workspace.
    """
    from engine.workspace import Workspace

    places = Places(folder.resolve())
    _settings(places, users, language)
    mapping = places.sample / "mapping.toml"
    if not mapping.exists():
        reporter.progress("sample", 0.0)
        _generate(places.sample, users=users, months=months, seed=seed)
    workspace = Workspace.open(places.folder)
    loaded = workspace.data.summary()
    if loaded is None:
        workspace.data.load(mapping, progress=_part(reporter, "load", 0.08, 0.15))
        workspace.interventions.import_history(places.sample / "interventions.parquet")
        workspace.interventions.close_outcomes()
    if workspace.models.champion() is None:
        card = workspace.models.train(
            actor=workspace.operator,
            progress=lambda stage, done, detail: reporter.progress(
                stage, 0.15 + 0.65 * done, detail
            ),
            should_stop=reporter.should_stop,
        )
        # The first model of a sample has nothing to be compared with: the sample needs one.
        workspace.models.promote(card.model_id, workspace.operator)
    if workspace.risk.latest() is None:
        workspace.risk.score(progress=_part(reporter, "risk", 0.8, 1.0))
    run = workspace.risk.latest()
    reporter.progress("done", 1.0)
    return {"users": run.users if run else 0, "workspace": str(places.folder)}


def _settings(places: Places, users: int, language: str) -> None:
    if places.settings.exists():
        return
    if places.folder.exists() and any(places.folder.iterdir()):
        raise UsageError(
            "folder_in_use",
            f"{places.folder} is not empty and is no workspace",
            next_step="Choose another folder with --workspace",
        )
    from engine.settings import Settings, starter_text
    from engine.store.files import write_atomically

    settings = Settings.model_validate(
        {
            "workspace": {
                "name": NAMES[language],
                "language": language,
                "mapping": f"{places.sample.name}/mapping.toml",
            },
            "training": SMALL_TRAINING if users <= SMALL_USERS else {},
        }
    )
    places.folder.mkdir(parents=True, exist_ok=True)
    write_atomically(places.settings, starter_text(settings))


def _generate(out: Path, *, users: int, months: int, seed: int) -> None:
    from sample_db import generate

    # A half-made sample must not look finished: it gets its name when it is whole.
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    generate(unfinished, users=users, months=months, seed=seed)
    unfinished.rename(out)


def _part(reporter: Reporter, stage: str, low: float, high: float) -> Callable[[str, float], None]:
    """Progress of one step, scaled into its part of the whole."""

    def report(name: str, done: float) -> None:
        if reporter.should_stop():
            raise Cancelled("cancelled", "The sample was not finished; run the same command again")
        reporter.progress(stage, low + (high - low) * done)

    return report


class Narrator(Reporter):
    """Tells a person what a job would tell the app: one line a stage, on standard error."""

    def __init__(self, language: str) -> None:
        super().__init__(sys.stderr)
        self._language = language
        self._stage = ""

    def emit(self, event: JobEvent) -> None:
        if event.stage != self._stage and event.words is not None:
            self._stage = event.stage
            print(f"{event.done or 0:4.0%}  {event.words.pick(self._language)}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """The job: JSON lines on standard output."""
    from engine.jobs.__main__ import run_steps

    parser = argparse.ArgumentParser(prog="python -m retention_tui.demo", description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--language", choices=sorted(NAMES), default="zh")
    options = parser.parse_args(arguments)
    reporter = Reporter()
    reporter.listen()
    return run_steps(
        "demo",
        lambda: make(
            options.workspace,
            users=options.users,
            seed=options.seed,
            language=options.language,
            reporter=reporter,
        ),
        reporter,
    )


if __name__ == "__main__":
    sys.exit(main())

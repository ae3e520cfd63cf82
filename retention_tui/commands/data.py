"""Data commands: init, load, refresh."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import StateError
from engine.types import LoadReport
from retention_tui.commands.models import train_challenger
from retention_tui.commands.session import Session


class Pack(StrEnum):
    """The ready mappings."""

    PAID_CONTENT = "paid-content"
    ECOMMERCE = "ecommerce"
    TELECOM = "telecom"
    FINANCE = "finance"
    EDUCATION = "education"


def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    pack: Annotated[Pack, typer.Option()] = Pack.PAID_CONTENT,
    example: Annotated[
        bool, typer.Option(help="Write an invented business's files too, ready to load")
    ] = False,
) -> None:
    """An empty workspace with commented settings and mapping."""
    session: Session = context.obj
    from engine.data.packs import init_workspace

    init_workspace(folder, pack.value)
    session.say("Made the workspace {folder}", folder=folder)
    if example:
        from sample_db.examples import write_example

        write_example(pack.value, folder)
        session.say("Wrote the example's files beside the mapping. Next: retention load")
        return
    session.say("Next: edit {mapping}, then run: retention load", mapping=folder / "mapping.toml")


def load(
    context: typer.Context,
    mapping: Annotated[Path | None, typer.Argument(metavar="[MAPPING.toml]")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the mapping's sources lie, if not beside it")
    ] = None,
    propose: Annotated[
        bool, typer.Option(help="Load nothing: guess a mapping from the files and print it")
    ] = False,
    accept: Annotated[
        bool, typer.Option(help="Load also what looks broken beside the data that are there")
    ] = False,
) -> None:
    """Check and load behaviour data; the old data stay when it fails.

    Through a mapping that is named, a folder that is new or empty becomes a workspace.
    """
    session: Session = context.obj
    if propose:
        show_proposal(session, data_dir or session.folder)
        return
    if mapping is not None:
        from engine.data.packs import workspace_for

        if workspace_for(session.folder, mapping):
            session.say("Made the workspace {folder}", folder=session.folder)
    report = session.workspace.data.load(mapping, data_dir=data_dir, accept=accept)
    if session.as_json:
        session.emit(report)
    else:
        show_load(session, report)


def show_proposal(session: Session, folder: Path) -> None:
    """A guessed mapping on standard output, ready for `> mapping.toml` and an editor."""
    from engine.data.propose import propose

    proposal = propose(folder)
    if session.as_json:
        session.emit(proposal)
        return
    print(proposal.text, end="")
    for table in proposal.tables:
        session.say(
            "{table} from {source}: {rows} rows, {count} columns",
            table=table.table,
            source=table.source,
            rows=table.rows,
            count=len(table.columns),
        )
    session.say("A guess: save it as mapping.toml, check each line, then run: retention load")


def show_load(session: Session, report: LoadReport) -> None:
    """The counts of a load, table by table: read = added + updated + there + refused."""
    session.table(
        ("table", "read", "added", "updated", "there", "refused", "kept", "reasons"),
        (
            (
                table.table,
                table.read,
                table.added,
                table.updated,
                table.already_there,
                table.refused,
                table.kept,
                " ".join(f"{reason}:{count}" for reason, count in table.quarantined.items()),
            )
            for table in report.tables
        ),
    )
    session.say(
        "Loaded in {seconds:.1f} s; the data reach to {as_of:%Y-%m-%d}",
        seconds=report.seconds,
        as_of=report.as_of,
    )


def refresh(
    context: typer.Context,
    retrain: Annotated[bool, typer.Option(help="Fit a challenger too")] = False,
) -> None:
    """Load, retrain when asked, score and close outcome windows: for cron.

    A step whose input is unchanged gives what is there already.
    """
    session: Session = context.obj
    workspace = session.workspace
    seconds: dict[str, float] = {}
    result: dict[str, object] = {}

    def step(name: str, run: Callable[[], object]) -> None:
        started = time.perf_counter()
        result[name] = run()
        seconds[name] = round(time.perf_counter() - started, 2)

    loaded = workspace.data.load()
    seconds["load"] = loaded.seconds
    result["load"] = loaded
    if loaded.changed:
        session.say("Loaded {rows} rows", rows=sum(table.kept for table in loaded.tables))
    else:
        session.say("The data are the same as before")
    if retrain:
        started = time.perf_counter()
        card = train_challenger(session)
        seconds["train"] = round(time.perf_counter() - started, 2)
        session.say("Challenger {model_id} is ready", model_id=card.model_id)
        result["model_id"] = card.model_id
    step("score", workspace.risk.score)
    step("outcomes", workspace.interventions.close_outcomes)
    step("drift", lambda: watched_drift(session))
    result["seconds"] = seconds
    session.say("Seconds: {steps}", steps=", ".join(f"{k} {v:.1f}" for k, v in seconds.items()))
    if session.as_json:
        session.emit(result)


def watched_drift(session: Session) -> Mapping[str, object] | None:
    """The verdict on drift in short; None where the data have no time axis."""
    try:
        drift = session.workspace.monitor.drift()
    except StateError as error:
        if error.code == "no_time_axis":
            return None
        raise
    print(drift.words.pick(session.language), file=sys.stderr)
    return {
        "verdict": drift.verdict,
        "weighted_psi": drift.weighted_psi,
        "weighted_limit": drift.weighted_limit,
        "shifted": [one.column for one in drift.columns if one.shifted],
    }

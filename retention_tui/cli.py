"""`retention`: the command line, a public interface (names, JSON keys and exit codes are stable).

Exit status: 0 done, 1 failed, 2 usage or configuration, 3 retryable, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

import engine
from engine.errors import RetentionError
from retention_tui.commands import (
    compare,
    data,
    insight,
    labels,
    models,
    monitor,
    outreach,
    quality,
    risk,
    serve,
    whatif,
)
from retention_tui.commands.session import Session
from retention_tui.start import first_language

app = typer.Typer(
    name="retention",
    help="Keep the users of a subscription business: risk, reasons, interventions, an honest log.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130

_GLOBAL_OPTIONS = {"--workspace": True, "-w": True, "--lang": True, "--json": False}
"""Options that may stand before or after the command, and whether they take a value."""


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    workspace: Annotated[Path, typer.Option("--workspace", "-w", metavar="DIR")] = Path(),
    lang: Annotated[str | None, typer.Option(metavar="zh|en")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON on stdout")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version")] = False,
) -> None:
    """Open the app on the workspace of this folder, or run one command."""
    if lang not in {None, "zh", "en"}:
        raise typer.BadParameter(f"{lang!r} is not a language here: zh or en", param_hint="--lang")
    context.obj = Session(workspace, lang, as_json)
    if version:
        print(engine.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise typer.Exit(_open_app(context.obj))


@app.command()
def demo(
    context: typer.Context,
    headless: Annotated[bool, typer.Option(help="Stop before the app")] = False,
    users: Annotated[int, typer.Option(min=200)] = 20_000,
    seed: Annotated[int, typer.Option(min=0)] = 7,
) -> None:
    """Make the sample workspace if it is missing, load, train, score, open the app."""
    session: Session = context.obj
    from retention_tui.demo import Narrator, make

    if session.folder == Path() and not Path("retention.toml").exists():
        session.folder = Path("demo")
    narrator = Narrator(session.language)
    narrator.listen()
    result = make(
        session.folder,
        users=users,
        seed=seed,
        language=first_language(session.folder, session.chosen_language),
        reporter=narrator,
    )
    session.say("The sample is ready in {workspace}", workspace=result["workspace"])
    if headless:
        if session.as_json:
            session.emit(result)
        return
    raise typer.Exit(_open_app(session))


@app.command()
def doctor(context: typer.Context) -> None:
    """Check this machine, this terminal and this workspace."""
    from retention_tui.commands.doctor import diagnose, show

    session: Session = context.obj
    findings = diagnose(session)
    if session.as_json:
        session.emit(findings)
    else:
        show(session, findings)
    if not all(finding.passed for finding in findings):
        raise typer.Exit(1)


for command in (
    data.init,
    data.load,
    quality.check,
    data.refresh,
    labels.labels,
    labels.prove,
    models.train,
    compare.compare,
    models.models,
    models.promote,
    models.rollback,
    models.evaluate,
    insight.insight,
    monitor.monitor,
    risk.score,
    risk.rank,
    risk.why,
    whatif.whatif,
    whatif.similar,
    outreach.plan,
    outreach.approve,
    outreach.send,
    outreach.resolve,
    outreach.outcomes,
    outreach.effect,
    outreach.export,
    serve.serve,
):
    app.command()(command)
app.add_typer(outreach.templates, name="templates")
app.add_typer(outreach.audit, name="audit")


def _open_app(session: Session) -> int:
    from retention_tui.start import run

    return run(session.folder, session.chosen_language)


def globals_first(arguments: list[str]) -> list[str]:
    """Move the global options before the command, wherever they were written."""
    front: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        name, equals, _ = word.partition("=")
        if name not in _GLOBAL_OPTIONS or (equals and not _GLOBAL_OPTIONS[name]):
            rest.append(word)
        elif _GLOBAL_OPTIONS[name] and not equals and waiting:
            front += [word, waiting.pop(0)]
        else:
            front.append(word)
    return front + rest


def run(arguments: list[str]) -> int:
    """Run one command line; returns its exit status; known faults are one sentence each."""
    try:
        status = app(globals_first(arguments), standalone_mode=False)
    except RetentionError as error:
        print(error.sentence, file=sys.stderr)
        return error.exit_code
    except typer.TyperException as error:
        show = getattr(error, "show", None)
        if show is not None:
            show()
        return int(getattr(error, "exit_code", 2))
    except (KeyboardInterrupt, typer.Abort):
        print("Interrupted; nothing was half-written.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the boundary: people do not read tracebacks
        print(_unforeseen(error), file=sys.stderr)
        return 1
    return status if isinstance(status, int) else 0


def _unforeseen(error: Exception) -> str:
    """One sentence about a fault of ours; the traceback goes into a log file."""
    from platformdirs import user_log_path

    what = f"{type(error).__name__}: {error}".splitlines()[0]
    trace = "".join(traceback.format_exception(error))
    path = user_log_path("retention") / f"cli-{os.getpid()}.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(trace, "utf-8")
    except OSError:
        return f"An unforeseen fault: {what}. Please report it with these lines:\n{trace}"
    return f"An unforeseen fault: {what}. Please report it with the file {path}."


def main() -> None:
    """Entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

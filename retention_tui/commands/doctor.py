"""`retention doctor`: what works on this machine, and what to do about what does not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass

from engine.errors import RetentionError
from retention_tui.commands.session import Session

MIN_FREE_BYTES = 2 * 1024**3
"""Below this a retrain or a load may fill the disk."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    subject: str
    passed: bool
    detail: str
    next_step: str = ""


def diagnose(session: Session) -> tuple[Finding, ...]:
    """Look at Python, the terminal, the disk and the workspace."""
    return (_python(), _terminal(), _encoding(), _disk(session), *_workspace(session))


def show(session: Session, findings: tuple[Finding, ...]) -> None:
    """A line a finding."""
    session.table(
        ("check", "result", "detail", "next step"),
        (
            (
                session.t(finding.subject),
                session.t("ok") if finding.passed else session.t("look"),
                finding.detail,
                finding.next_step,
            )
            for finding in findings
        ),
    )


def _python() -> Finding:
    return Finding("Python", sys.version_info >= (3, 11), platform.python_version())


def _terminal() -> Finding:
    size = shutil.get_terminal_size()
    wide = size.columns >= 80 and size.lines >= 24
    return Finding(
        "terminal",
        wide or not sys.stdout.isatty(),
        f"{size.columns}×{size.lines} {os.environ.get('TERM', '')}".strip(),
        "" if wide else "Enlarge the window to 80×24",
    )


def _encoding() -> Finding:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return Finding(
        "encoding",
        encoding == "utf8",
        encoding,
        "" if encoding == "utf8" else "Set LANG=C.UTF-8 or PYTHONUTF8=1",
    )


def _disk(session: Session) -> Finding:
    folder = session.folder if session.folder.exists() else session.folder.absolute().parent
    free = shutil.disk_usage(folder).free
    enough = free >= MIN_FREE_BYTES
    return Finding(
        "free disk space",
        enough,
        f"{free / 1024**3:.1f} GiB",
        "" if enough else "Free some space before you load or train",
    )


def _workspace(session: Session) -> list[Finding]:
    try:
        workspace = session.workspace
        loaded = workspace.data.summary()
        champion = workspace.models.champion()
        run = workspace.risk.latest()
        cache_bytes = workspace.models.feature_cache_bytes()
    except RetentionError as error:
        return [Finding("workspace", False, error.what, error.next_step)]
    return [
        Finding("workspace", True, str(workspace.folder)),
        Finding(
            "behaviour data",
            loaded is not None,
            f"{loaded.users} users, {loaded.as_of:%Y-%m-%d}" if loaded else "",
            "" if loaded else "Run retention load",
        ),
        Finding(
            "model in service",
            champion is not None,
            champion.model_id if champion else "",
            "" if champion else "Run retention train",
        ),
        Finding(
            "scores",
            run is not None,
            f"{run.users} users, {run.cutoff:%Y-%m-%d}" if run else "",
            "" if run else "Run retention score",
        ),
        Finding("feature cache", True, f"{cache_bytes / 1024**2:.0f} MiB"),
    ]

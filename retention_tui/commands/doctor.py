"""`retention doctor`: what works on this machine, and what to do about what does not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime

from engine.errors import RetentionError
from retention_tui.commands.session import Session
from retention_tui.i18n import N_

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
                session.t(finding.next_step) if finding.next_step else "",
            )
            for finding in findings
        ),
    )


def _python() -> Finding:
    return Finding(N_("Python"), sys.version_info >= (3, 11), platform.python_version())


def _terminal() -> Finding:
    size = shutil.get_terminal_size()
    wide = size.columns >= 80 and size.lines >= 24
    return Finding(
        N_("terminal"),
        wide or not sys.stdout.isatty(),
        f"{size.columns}×{size.lines} {os.environ.get('TERM', '')}".strip(),
        "" if wide else N_("Enlarge the window to 80×24"),
    )


def _encoding() -> Finding:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return Finding(
        N_("encoding"),
        encoding == "utf8",
        encoding,
        "" if encoding == "utf8" else N_("Set LANG=C.UTF-8 or PYTHONUTF8=1"),
    )


def _disk(session: Session) -> Finding:
    folder = session.folder if session.folder.exists() else session.folder.absolute().parent
    free = shutil.disk_usage(folder).free
    enough = free >= MIN_FREE_BYTES
    return Finding(
        N_("free disk space"),
        enough,
        f"{free / 1024**3:.1f} GiB",
        "" if enough else N_("Free some space before you load or train"),
    )


def _workspace(session: Session) -> list[Finding]:
    try:
        workspace = session.workspace
        loaded = workspace.data.summary()
        champion = workspace.models.champion()
        run = workspace.risk.latest()
        cache_bytes = workspace.models.feature_cache_bytes()
    except RetentionError as error:
        return [Finding(N_("workspace"), False, error.what, error.next_step)]
    return [
        Finding(N_("workspace"), True, str(workspace.folder)),
        Finding(
            N_("behaviour data"),
            loaded is not None,
            _users(session, loaded.users, loaded.as_of) if loaded else "",
            "" if loaded else N_("Run retention load"),
        ),
        Finding(
            N_("model in service"),
            champion is not None,
            champion.model_id if champion else "",
            "" if champion else N_("Run retention train"),
        ),
        Finding(
            N_("scores"),
            run is not None,
            _users(session, run.users, run.cutoff) if run else "",
            "" if run else N_("Run retention score"),
        ),
        Finding(N_("feature cache"), True, f"{cache_bytes / 1024**2:.0f} MiB"),
    ]


def _users(session: Session, users: int, day: datetime) -> str:
    return session.t("{users} users, {day}", users=users, day=f"{day:%Y-%m-%d}")

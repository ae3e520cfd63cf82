"""Opens the app on a folder; nothing of Textual is imported before `run` is called."""

from __future__ import annotations

import asyncio
import locale
import os
import signal
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from retention_tui.i18n import LANGUAGES


def utcnow() -> datetime:
    """The present instant, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def first_language(folder: Path, wanted: str | None) -> str:
    """`wanted`, else the workspace's setting, else the system's: Chinese or English.

    The settings are read here without their checks: those are slower than the first paint may
    wait, and the engine reports a broken file on the first question.
    """
    if wanted in LANGUAGES:
        return str(wanted)
    try:
        content = tomllib.loads((folder / "retention.toml").read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        content = {}
    section = content.get("workspace")
    said = section.get("language") if isinstance(section, dict) else None
    if said in LANGUAGES:
        return str(said)
    system = os.environ.get("LC_ALL") or os.environ.get("LANG") or locale.getlocale()[0] or ""
    return "zh" if system.startswith("zh") or not system.startswith("en") else "en"


def run(folder: Path, language: str | None) -> int:
    """Open the app on `folder` until it is left; returns the exit status."""
    if os.environ.get("TERM_PROGRAM") == "iTerm.app" and "TMUX" not in os.environ:
        # iTerm2 loses text that an input method commits under the kitty keyboard protocol.
        os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    from retention_tui.app import RetentionApp
    from retention_tui.client import LocalEngineClient
    from retention_tui.jobs import JobRunner

    # The whole path: screens show it, and a job's command line says whose it is.
    folder = folder.resolve()
    client = LocalEngineClient(folder, utcnow)
    jobs = JobRunner(folder, utcnow)
    app = RetentionApp(client, language=first_language(folder, language), jobs=jobs, clock=utcnow)

    async def until_left() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, app.exit)
        try:
            await app.run_async()
            await jobs.cancel()
        finally:
            jobs.kill()

    try:
        asyncio.run(until_left())
    finally:
        jobs.kill()
        client.close()
    return app.return_code or 0

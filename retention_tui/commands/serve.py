"""`retention serve`: the app in a browser."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import secrets
from typing import Annotated
from urllib.parse import urlsplit

import typer

from engine.errors import UsageError
from retention_tui.commands.session import Session

TOKEN_VARIABLE = "RETENTION_SERVE_TOKEN"

LEAST_TOKEN = 16
"""Characters of a token that a person has chosen."""


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: a free one")] = 8321,
    sessions: Annotated[int, typer.Option(min=1, max=64, help="Open at once, at most")] = 4,
    public_url: Annotated[
        str | None,
        typer.Option(help="What the browser sees, when a proxy with TLS stands in front"),
    ] = None,
) -> None:
    """Open the app in a browser: a token at the door, this machine only.

    The address that is printed holds the token; RETENTION_SERVE_TOKEN sets it instead.
    """
    session: Session = context.obj
    _check_extra()
    seen = None if public_url is None else _origin(public_url)
    if seen is None and not _loopback(host):
        raise UsageError(
            "host",
            f"{host} can be reached from other machines",
            why="Without TLS everyone on the way could read the token and the users' data",
            next_step="Put a proxy with TLS in front and say --public-url https://…, "
            "or leave --host out and reach this machine by ssh -L",
        )
    token = _token()
    from retention_tui.web.guard import Guard
    from retention_tui.web.server import AppServer, listen

    with listen(host, port) as listening:
        where = f"[{host}]" if ":" in host else host
        url = seen or f"http://{where}:{listening.getsockname()[1]}"
        guard = Guard(token, url, sessions)
        server = AppServer(session.folder, session.chosen_language, guard, "留存 Retention")
        address = f"{url}/?token={token}"
        if session.as_json:
            session.emit({"url": url, "address": address, "sessions": sessions})
        else:
            session.say("Open this address; who has it has your rights:")
            print(address, flush=True)
            session.say("Ctrl+C ends it, and the sessions with it.")
        server.run(listening)


def _check_extra() -> None:
    if importlib.util.find_spec("textual_serve") is None:
        raise UsageError(
            "extra_missing",
            "The browser mode needs the package textual-serve",
            next_step="pip install 'retention-workbench[web]'",
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origin(url: str) -> str:
    """`url` as a browser writes an origin: scheme, host, port, nothing else."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise UsageError(
            "public_url",
            f"{url!r} is no address of a site",
            why="The app needs a host name of its own, without a path",
            next_step="Write it like https://retention.example.com",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _token() -> str:
    token = os.environ.get(TOKEN_VARIABLE)
    if token is None:
        return secrets.token_urlsafe(24)
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isalnum():
        raise UsageError(
            "token",
            f"{TOKEN_VARIABLE} has {len(token)} characters or others than letters and digits",
            why=f"A token that can be guessed is none: {LEAST_TOKEN} letters or digits at least",
            next_step=f"Leave {TOKEN_VARIABLE} out: a good one is drawn at every start",
        )
    return token

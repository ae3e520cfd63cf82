"""`retention serve`: one process of the app for every page that is open.

On textual-serve, with a guard before it and a page that asks nothing of other hosts.
"""

from __future__ import annotations

import shlex
import socket
import sys
from pathlib import Path

from aiohttp import web
from textual_serve.server import Server

from engine.errors import RetentionError, StorageError
from retention_tui.web.guard import Guard, Handler

SHUTDOWN_S = 5.0
"""How long a session may take to end its jobs when the server is stopped."""

PAGES = Path(__file__).parent / "pages"


class AppServer(Server):
    """Serves the app of one workspace to who holds the token."""

    def __init__(self, folder: Path, language: str | None, guard: Guard, title: str) -> None:
        words = [sys.executable, "-m", "retention_tui.cli", "--workspace", str(folder.resolve())]
        if language is not None:
            words += ["--lang", language]
        super().__init__(
            shlex.join(words), title=title, public_url=guard.public_url, templates_path=PAGES
        )
        self._guard = guard

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        guard = self._guard

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await guard(request, handler)

        app.middlewares.append(guarded)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the command has printed the address."""

    def run(self, listening: socket.socket) -> None:
        """Serve on `listening` until a signal ends it."""
        # No access log: it would print the token.
        web.run_app(
            self._make_app(),
            sock=listening,
            shutdown_timeout=SHUTDOWN_S,
            print=lambda *_: None,
            access_log=None,
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket on `host`:`port`; port 0 takes a free one.

    Raises `StorageError` when the address is taken or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise _taken(host, port, error) from error
    return listening


def _taken(host: str, port: int, error: OSError) -> RetentionError:
    return StorageError(
        "address",
        f"{host}:{port} cannot be served: {error.strerror}",
        next_step="Choose another port: retention serve --port 0 takes a free one",
    )

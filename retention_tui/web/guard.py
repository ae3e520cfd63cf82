"""Who may come in: a token, this page's own origin, and no more sessions than agreed.

textual-serve has none of the three: without them any page that the operator visits could open the
app through the loopback address (cross-site WebSocket hijacking, CWE-1385) or rename itself to it
(DNS rebinding, CWE-350).
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from retention_tui.i18n import N_, in_each_language

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SESSION_PATH = "/ws"
"""The request that starts one process of the app and lasts as long as it."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(slots=True)
class Guard:
    """Stands before every request of one server."""

    token: str
    public_url: str  # scheme, host and port, as the browser writes an origin
    most_sessions: int
    live: int = 0

    @property
    def cookie(self) -> str:
        """Cookies know no ports: two servers of one machine must not share a name."""
        return f"retention_{urlsplit(self.public_url).port or 'web'}"

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer `request`, or say in plain words why not."""
        try:
            response = await self._answer(request, handler)
        except web.HTTPException as refusal:
            self._harden(refusal)
            raise
        if not response.prepared:
            self._harden(response)
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host != urlsplit(self.public_url).netloc:
            raise web.HTTPForbidden(
                text=in_each_language(N_("Open {address}"), address=self.public_url)
            )
        if not hmac.compare_digest(request.cookies.get(self.cookie, "").encode(), self._secret):
            return self._let_in(request)
        if request.path.startswith("/static") and request.path.endswith("/"):
            raise web.HTTPNotFound  # the library lists its folders
        if request.path not in (SESSION_PATH, "/"):
            return await handler(request)
        if self.live >= self.most_sessions:
            raise web.HTTPServiceUnavailable(
                text=in_each_language(
                    N_("All {n} sessions are in use: close one, then open this again."),
                    n=self.most_sessions,
                )
            )
        if request.path == "/":
            return await handler(request)
        # A page of another site may open a WebSocket to here, but cannot forge its own origin.
        if request.headers.get("Origin") != self.public_url:
            raise web.HTTPForbidden(
                text=in_each_language(N_("Another site may not open this app."))
            )
        self.live += 1
        try:
            return await handler(request)
        finally:
            self.live -= 1

    def _let_in(self, request: web.Request) -> web.StreamResponse:
        if not hmac.compare_digest(request.query.get("token", "").encode(), self._secret):
            raise web.HTTPUnauthorized(
                text=in_each_language(
                    N_("Open the whole address that `retention serve` printed, with its token.")
                )
            )
        welcome = web.HTTPFound("/")  # the token leaves the address bar and the history
        welcome.set_cookie(
            self.cookie,
            self.token,
            httponly=True,
            samesite="Strict",
            secure=self.public_url.startswith("https:"),
        )
        raise welcome

    @property
    def _secret(self) -> bytes:
        return self.token.encode()

    def _harden(self, response: web.StreamResponse) -> None:
        socket = self.public_url.replace("http", "ws", 1)
        response.headers.update(HEADERS)
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
            f"font-src 'self'; img-src 'self' data:; connect-src 'self' {socket}; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

"""Who is let in to the app in a browser, asked of a real server on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

pytest.importorskip("textual_serve", reason="the browser mode comes with the extra `web`")

from aiohttp import ClientSession, CookieJar, WSServerHandshakeError, web
from aiohttp.test_utils import TestServer

from retention_tui.web.guard import Guard, Handler

TOKEN = "a-token-of-enough-letters"


class Door:
    """A guarded server whose sessions last until they are closed."""

    def __init__(self, server: TestServer, guard: Guard) -> None:
        self.guard = guard
        self.url = str(server.make_url("/")).rstrip("/")

    def client(self) -> ClientSession:
        return ClientSession(cookie_jar=CookieJar(unsafe=True))  # cookies of an address, not a name

    async def inside(self) -> ClientSession:
        client = self.client()
        await client.get(f"{self.url}/?token={TOKEN}")
        return client


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    guard = Guard(TOKEN, "", most_sessions=2)

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await guard(request, handler)

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=f"page {request.path}")

    async def session(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        return socket

    app = web.Application(middlewares=[guarded])
    app.add_routes([web.get("/ws", session), web.get("/{rest:.*}", page)])
    async with TestServer(app) as server:
        guard.public_url = str(server.make_url("/")).rstrip("/")
        yield Door(server, guard)


@pytest.mark.parametrize("path", ["/", "/ws", "/download/1", "/static/js/textual.js", "/x"])
@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", f"?token={TOKEN}x", "?token=留"])
async def test_nothing_is_answered_without_the_token(door: Door, path: str, token: str) -> None:
    async with door.client() as client, client.get(door.url + path + token) as response:
        assert response.status == 401
        assert "retention serve" in await response.text()
        assert not response.cookies


async def test_the_token_becomes_a_cookie_and_leaves_the_address(door: Door) -> None:
    async with door.client() as client:
        first = await client.get(f"{door.url}/?token={TOKEN}", allow_redirects=False)
        assert (first.status, first.headers["Location"]) == (302, "/")
        cookie = first.cookies[door.guard.cookie]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        page = await client.get(door.url)
        assert await page.text() == "page /"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "https://127.0.0.1", "http://127.0.0.1"]
)
async def test_a_page_of_another_site_opens_no_session(door: Door, origin: str | None) -> None:
    async with await door.inside() as client:
        with pytest.raises(WSServerHandshakeError) as refused:
            await client.ws_connect(f"{door.url}/ws", origin=origin)
        assert refused.value.status == 403
        assert door.guard.live == 0


async def test_a_renamed_host_is_refused_even_with_the_cookie(door: Door) -> None:
    async with await door.inside() as client:
        response = await client.get(door.url, headers={"Host": "rebound.example"})
        assert response.status == 403
        assert door.url in await response.text()


async def test_no_more_sessions_than_agreed_and_a_closed_one_makes_room(door: Door) -> None:
    async with await door.inside() as client:
        first = await client.ws_connect(f"{door.url}/ws", origin=door.url)
        second = await client.ws_connect(f"{door.url}/ws", origin=door.url)
        with pytest.raises(WSServerHandshakeError) as refused:
            await client.ws_connect(f"{door.url}/ws", origin=door.url)
        assert refused.value.status == 503
        full = await client.get(door.url)
        assert (full.status, "All 2 sessions" in await full.text()) == (503, True)
        await second.send_str("there")
        assert await second.receive_str() == "there"
        await first.close()
        again = await client.ws_connect(f"{door.url}/ws", origin=door.url)
        assert door.guard.live == 2
        await again.close()
        await second.close()


async def test_folders_of_the_library_are_not_listed(door: Door) -> None:
    async with await door.inside() as client:
        for path in ("/static/", "/static/js/"):
            assert (await client.get(door.url + path)).status == 404


def test_two_servers_of_one_machine_share_no_cookie() -> None:
    names = {Guard(TOKEN, f"http://127.0.0.1:{port}", 1).cookie for port in (8321, 8322)}
    assert len(names) == 2

"""A real mail server of the tests' own, which refuses, defers or drops where it is told to."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

STAGES = ("helo", "mail", "rcpt", "data", "body", "dot")
"""Where a connection can end, in order: at the greeting … after the final dot, unanswered."""


class MailServer:
    """What it took, by Message-ID, and what it does at each stage of each message."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.connections = 0
        self.answers: dict[str, Callable[[str], str | None]] = {}
        """Stage -> the answer to a recipient; None: as usual; "drop": the connection ends."""

    def _said(self, stage: str, recipient: str) -> str | None:
        answer = self.answers.get(stage)
        return None if answer is None else answer(recipient)

    def take(self, envelope: Envelope) -> None:
        content = envelope.content
        assert isinstance(content, bytes)
        [line] = [one for one in content.split(b"\r\n") if one.startswith(b"Message-ID: ")]
        self.taken[line.decode().partition("<")[2].partition("@")[0]] += 1

    # --- hooks of aiosmtpd -------------------------------------------------------------------

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, host: str, replies: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = host
        said = self._said("helo", "")
        return _end(server, replies) if said == "drop" else replies

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self._answered("mail", server, "")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self._answered("rcpt", server, address)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.take(envelope)
        return self._answered("dot", server, envelope.rcpt_tos[0])

    def _answered(self, stage: str, server: SMTP, recipient: str) -> str:
        said = self._said(stage, recipient)
        return _end(server, "250 OK") if said == "drop" else said or "250 OK"


class Dropping(SMTP):
    """Ends the connection at the word DATA, or after the first line of the body."""

    async def smtp_DATA(self, arg: str) -> None:
        handler: MailServer = self.event_handler
        recipient = self.envelope.rcpt_tos[0] if self.envelope.rcpt_tos else ""
        if handler._said("data", recipient) == "drop":
            _end(self, None)
        elif handler._said("body", recipient) == "drop":
            await self.push("354 go on")
            await self._reader.readline()
            _end(self, None)
        else:
            await super().smtp_DATA(arg)


def _end(server: SMTP, answer: Any) -> Any:
    assert server.transport is not None
    server.transport.abort()
    return answer


class _Controller(Controller):
    def factory(self) -> SMTP:
        return Dropping(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        # The library's own first call goes to the port that was asked for, not the one it got.
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(**options: Any) -> Iterator[tuple[MailServer, int]]:
    """A server on a free port of this machine; yields what it knows, and its port."""
    server = MailServer()
    controller = _Controller(server, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield server, controller.port
    finally:
        controller.stop()


def kill(process: int) -> None:
    """As a power cut would: no handler runs."""
    os.kill(process, signal.SIGKILL)

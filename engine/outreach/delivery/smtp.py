"""The relay: messages handed one by one to the operator's mail server (RFC 5321).

Until the final dot nothing has left, so whatever fails before it may be tried again; once the dot
is on the wire only the server's answer tells, and without one the message is uncertain and never
tried again by itself (RFC 1047).
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email import policy
from email.parser import BytesParser
from types import TracebackType

from engine.errors import UsageError
from engine.outreach.delivery.faults import Deferred, Refused, Uncertain, Unreachable
from engine.settings import SmtpSettings

PASSWORD_VARIABLE = "RETENTION_SMTP_PASSWORD"
"""The environment variable that holds the password: it is never kept in a file of ours."""

PER_CONNECTION = 100
"""Messages after which the connection is renewed: many servers end longer ones themselves."""

FIRST_PAUSE_S = 1.0
"""Before the second attempt to connect; it doubles from there."""

NO_ENTRY = (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError, ssl.SSLError)
"""A wrong password or certificate, or no encryption where we ask for it: not to be tried again."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Relay:
    """One connection to a mail server, opened on the first message and renewed when it drops.

    `wait` sleeps that many seconds and `monotonic` is the clock of the rate limit, both handed in.
    """

    slow = True
    """A delivery may take seconds: the ledger is not held meanwhile."""

    def __init__(
        self,
        settings: SmtpSettings,
        sender: str,
        password: str | None,
        *,
        wait: Callable[[float], None],
        monotonic: Callable[[], float],
        context: ssl.SSLContext | None = None,
    ) -> None:
        check(settings, password)
        self._settings = settings
        self._sender = sender
        self._password = password
        self._wait = wait
        self._monotonic = monotonic
        self._context = context
        self._server: smtplib.SMTP | None = None
        self._handed = 0
        self._next_s = monotonic()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def produced(self, intervention_id: str) -> bool:
        """A server keeps no list that we could ask: what was cut off stays unknown."""
        return False

    def deliver(self, intervention_id: str, raw: bytes) -> None:
        """Hand the message over, once.

        Raises `Refused` when it never will be taken, `Deferred` when it certainly did not leave,
        `Uncertain` when only the server can know, and `Unreachable` or `UsageError` when no other
        message would fare better.
        """
        recipient = _recipient(raw)
        self._keep_the_rate()
        server = self._greeted(recipient)
        try:
            code, answer = server.docmd("DATA")
            if code != 354:
                raise self._turned_away(code, answer)
            server.send(_stuffed(raw))
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            raise _not_left(f"The connection ended before the end of the message: {error}") from (
                error
            )
        try:
            server.send(b".\r\n")
            code, answer = server.getreply()
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise Uncertain(
                "smtp_uncertain",
                f"The server never answered to the end of message {intervention_id}",
                why="It may have taken it or not",
                next_step="Look into the server's log, then say which it was",
            ) from error
        if code != 250:
            raise self._turned_away(code, answer)
        self._handed += 1

    def close(self) -> None:
        """Say good-bye and forget the connection."""
        if self._server is not None:
            try:
                self._server.quit()
            except (smtplib.SMTPException, OSError):
                self._server.close()  # the other side had gone: there is nobody to part from
        self._server, self._handed = None, 0

    def _keep_the_rate(self) -> None:
        now_s = self._monotonic()
        if self._next_s > now_s:
            self._wait(self._next_s - now_s)
        self._next_s = max(now_s, self._next_s) + 60 / self._settings.messages_per_minute

    def _greeted(self, recipient: str) -> smtplib.SMTP:
        """A server that has accepted sender and recipient; a dropped connection is made anew."""
        pause_s = FIRST_PAUSE_S
        for attempt in range(1, self._settings.attempts + 1):
            try:
                server = self._connected()
                code, answer = server.mail(self._sender)
                if 500 <= code < 600:
                    raise _unusable(f"{code} {_shown(answer)}")  # of the sender, so of every one
                if code == 250:
                    code, answer = server.rcpt(recipient)
                if code not in (250, 251):
                    raise self._turned_away(code, answer)
                return server
            except NO_ENTRY as error:
                self.close()
                raise _unusable(str(error)) from error
            except OSError as error:  # smtplib's own faults are OSErrors too
                self._server = None
                if attempt == self._settings.attempts:
                    raise Unreachable(
                        "smtp_unreachable",
                        f"{self._settings.host}:{self._settings.port} does not answer: {error}",
                        why="The message did not leave",
                        next_step="Send the same plan again later: only what is missing goes out",
                    ) from error
            self._wait(pause_s)
            pause_s *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _connected(self) -> smtplib.SMTP:
        if self._server is not None and self._handed >= PER_CONNECTION:
            self.close()
        if self._server is None:
            settings = self._settings
            context = self._context or ssl.create_default_context()
            if settings.security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(
                    settings.host, settings.port, timeout=settings.timeout_s, context=context
                )
            else:
                server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_s)
            try:
                if settings.security == "starttls":
                    server.starttls(context=context)
                server.ehlo_or_helo_if_needed()
                if settings.username:
                    server.login(settings.username, self._password or "")
            except (smtplib.SMTPException, OSError):
                server.close()
                raise
            self._server = server
        return self._server

    def _turned_away(self, code: int, answer: bytes) -> Refused | Deferred:
        """The fault that the server's answer means; the connection is ready for the next one."""
        said = f"{code} {_shown(answer)}"
        if self._server is not None:
            try:
                self._server.rset()
            except (smtplib.SMTPServerDisconnected, OSError):
                self._server = None  # 421: the server ends the connection with its answer
        if 500 <= code < 600:
            return Refused("smtp_refused", f"The mail server refuses the message: {said}")
        return _not_left(f"The mail server takes the message later: {said}")


def check(settings: SmtpSettings, password: str | None) -> None:
    """Raise `UsageError` for a relay that cannot work or would show the password to others."""
    if not settings.host:
        raise UsageError(
            "smtp_host",
            "No mail server is set",
            next_step="Set smtp.host in retention.toml, or send to the outbox",
        )
    if settings.security == "none" and settings.host not in LOOPBACK:
        raise UsageError(
            "smtp_plain",
            f"smtp.security is none for {settings.host}",
            why="Messages and addresses would cross the network in the clear",
            next_step="Set smtp.security to starttls or tls; none is for this machine only",
        )
    if settings.username and not password:
        raise UsageError(
            "smtp_password",
            f"There is no password for {settings.username} at {settings.host}",
            why="It is never kept in a file of ours",
            next_step=f"Put it into the environment variable {PASSWORD_VARIABLE}",
        )


def _recipient(raw: bytes) -> str:
    head = BytesParser(policy=policy.SMTP).parsebytes(raw, headersonly=True)
    address: str = head["To"].addresses[0].addr_spec
    return address


def _stuffed(raw: bytes) -> bytes:
    """`raw` with its leading dots doubled (RFC 5321, 4.5.2), ending in a line end."""
    body = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    return (b"." if body.startswith(b".") else b"") + body.replace(b"\r\n.", b"\r\n..")


def _not_left(what: str) -> Deferred:
    return Deferred(
        "smtp_later",
        what,
        why="The message did not leave",
        next_step="Send the same plan again later: only what is missing goes out",
    )


def _unusable(said: str) -> UsageError:
    return UsageError(
        "smtp_login",
        f"The mail server does not let us in: {said}",
        why="The message did not leave",
        next_step=f"Check [smtp], {PASSWORD_VARIABLE}, the sender's address and the certificate",
    )


def _shown(answer: bytes) -> str:
    return answer.decode("utf-8", "replace")[:200]

"""An intervention as an e-mail: bytes that any relay takes, with headers nobody can smuggle into.

Text part first, HTML second, both base64, so that the message is pure ASCII. Every header value is
cleaned, and the finished bytes are parsed again: a message whose header list is not exactly the
intended one does not leave.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime
from typing import Any

from engine.errors import TemplateError, UsageError
from engine.outreach.cleaning import one_line
from engine.outreach.context import unsubscribe_link
from engine.settings import Settings
from engine.types import RenderedMessage

LANGUAGES = {"zh": "zh-CN", "en": "en"}

AD_PREFIX = {"zh": "【广告】", "en": "[AD] "}
"""In mainland China the subject of a commercial e-mail says so first."""

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who gets which intervention."""

    intervention_id: str
    name: str
    address: str
    marketing: bool


class UriListHeader(UnstructuredHeader):
    """A header of `<uri>` parts: folded between them, never inside and never encoded.

    The library's own folding writes a URI of more than about 60 characters as an encoded word,
    which mail clients do not read as a link (python/cpython #85725).
    """

    max_count = 1

    def fold(self, *, policy: Any) -> str:
        parts = re.findall(r"<[^<>]*>", str(self)) or [str(self)]
        name: str = getattr(self, "name")  # noqa: B009 - set by the registry, unknown to its stubs
        return f"{name}: " + f",{policy.linesep} ".join(parts) + str(policy.linesep)


def mail_policy() -> policy.EmailPolicy[Any]:
    """SMTP line ends, ASCII only, and lists of URIs that stay readable."""
    registry: Any = HeaderRegistry()
    registry.map_to_type("list-unsubscribe", UriListHeader)
    registry.map_to_type("list-id", UriListHeader)
    return policy.SMTP.clone(header_factory=registry, cte_type="7bit")


def build(
    rendered: RenderedMessage, envelope: Envelope, settings: Settings, *, now: datetime
) -> bytes:
    """The message as bytes; the same arguments give the same bytes.

    Raises `UsageError` for an address or a sender that is none, and `TemplateError` when the
    bytes do not parse back to the intended headers.
    """
    outreach = settings.outreach
    sender = _address(outreach.sender_name, outreach.sender_address, "outreach.sender_address")
    mail = EmailMessage(policy=mail_policy())
    mail["From"] = sender
    mail["To"] = _address(envelope.name, envelope.address, "the user's address")
    mail["Subject"] = header_text(subject_of(rendered, settings, marketing=envelope.marketing))
    mail["Date"] = format_datetime(now.replace(tzinfo=UTC))
    mail["Message-ID"] = message_id(envelope.intervention_id, settings)
    mail["Auto-Submitted"] = "auto-generated"
    if envelope.marketing:
        _add_list_headers(mail, envelope, settings, sender.domain)
    intended = [*mail.keys(), "MIME-Version", "Content-Type", "Content-Language"]
    mail.set_content(rendered.text, charset="utf-8", cte="base64")
    mail.add_alternative(rendered.html, subtype="html", charset="utf-8", cte="base64")
    # The library draws a boundary at random: the same message must give the same bytes.
    mail.set_boundary(f"=_{rendered.sha256[:40]}")
    # Last, since set_content drops every header that begins with Content-.
    mail["Content-Language"] = LANGUAGES[rendered.locale]
    raw = mail.as_bytes()
    _assert_headers(raw, intended)
    return raw


def subject_of(rendered: RenderedMessage, settings: Settings, *, marketing: bool) -> str:
    """The subject as sent: commercial mail in China is marked as such."""
    if marketing and settings.outreach.region == "CN":
        return AD_PREFIX[rendered.locale] + rendered.subject
    return rendered.subject


def message_id(intervention_id: str, settings: Settings) -> str:
    """Fixed by the intervention, so that a relay can tell a repetition."""
    domain = settings.outreach.sender_address.rpartition("@")[2]
    return f"<{intervention_id}@{domain}>"


def header_text(text: str) -> str:
    """Foreign text for a header: one line, and nothing that reads as an encoded word.

    Python before 3.11.10 decodes `=?…?=` on the way out and so lets it inject headers
    (CVE-2024-6923).
    """
    return one_line(text, limit=400).replace("=?", "=\u200b?")


def address_problem(address: str) -> str:
    """Why `address` is not one that a message may go to; empty when it is."""
    text = address.strip()
    local, separator, domain = text.rpartition("@")
    if not separator or not local or not domain:
        return "an address is name@domain"
    if not text.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return "the domain is no domain name"
    if len(local) > 64 or not _LOCAL.fullmatch(local):
        return "the part before @ holds letters that are not allowed"
    labels = domain.split(".")
    if len(domain) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(part) for part in labels):
        return "the domain is no domain name"
    return ""


def _address(name: str, address: str, where: str) -> Address:
    problem = address_problem(address)
    if problem:
        raise UsageError(
            "bad_address",
            f"{where} is {one_line(address, 80)!r}",
            why=problem,
            next_step="Correct it; nothing was sent",
        )
    local, _, domain = address.strip().rpartition("@")
    return Address(header_text(name), local, domain.encode("idna").decode("ascii"))


def _add_list_headers(
    mail: EmailMessage, envelope: Envelope, settings: Settings, domain: str
) -> None:
    from engine.outreach.context import token_of

    outreach = settings.outreach
    token = token_of(envelope.intervention_id, "unsubscribe")
    links = [unsubscribe_link(settings, token)]
    if outreach.unsubscribe_url and outreach.unsubscribe_mailto:
        mail_only = settings.model_copy(
            update={"outreach": outreach.model_copy(update={"unsubscribe_url": ""})}
        )
        links.append(unsubscribe_link(mail_only, token))
    unsafe = [link for link in links if not re.fullmatch(r"[!-;=?-~]+", link)]
    if unsafe or not (outreach.unsubscribe_url or outreach.unsubscribe_mailto):
        raise UsageError(
            "unsubscribe",
            "Marketing mail needs a way to unsubscribe"
            if not unsafe
            else f"The unsubscribe address {unsafe[0]!r} holds letters that are not allowed",
            next_step="Set outreach.unsubscribe_url or outreach.unsubscribe_mailto",
        )
    mail["List-Unsubscribe"] = ", ".join(f"<{link}>" for link in links)
    if links[0].startswith("https://"):
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["List-ID"] = f"<members.{domain}>"


def _assert_headers(raw: bytes, intended: list[str]) -> None:
    head = raw.partition(b"\r\n\r\n")[0]
    names = BytesParser(policy=policy.compat32).parsebytes(raw, headersonly=True).keys()
    bare_break = re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    if names != intended or bare_break or not raw.isascii() or b"\x00" in head:
        raise TemplateError(
            "header_injection",
            "A message was built with headers that nobody meant",
            why=f"Intended {intended}, found {list(names)}",
            next_step="Nothing was sent; report the user's name and the template",
        )

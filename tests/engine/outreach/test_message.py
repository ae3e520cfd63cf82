"""Messages as bytes: what a relay and a reader get, and that nobody else writes headers."""

from __future__ import annotations

import re
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from engine.errors import TemplateError, UsageError
from engine.outreach.message import Envelope, _assert_headers, address_problem, build
from engine.outreach.templates import TemplateLibrary
from engine.settings import Settings
from engine.types import RenderedMessage

NOW = datetime(2026, 10, 1, 8, 30)
ID = "01a0f4c2-c400-7037-ba5e-5b24f60f213c"
LONG = "https://mail.example.com/unsubscribe/" + "x" * 120
LIBRARY = TemplateLibrary()
NAMES = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "List-Unsubscribe",
    "List-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Language",
]


def rendered(subject: str = "Hello", locale: str = "en") -> RenderedMessage:
    return RenderedMessage(
        "care_check_in", "v", locale, subject, "pre", "text 文\n", "<p>html 文</p>", "ab" * 32
    )


def settings(**outreach: object) -> Settings:
    return Settings.model_validate({"outreach": {"region": "other"} | outreach})


def built(
    name: str = "Lin", address: str = "lin@example.com", *, marketing: bool = True,
    subject: str = "Hello", locale: str = "en", **outreach: object,
) -> bytes:  # fmt: skip
    envelope = Envelope(ID, name, address, marketing)
    return build(rendered(subject, locale), envelope, settings(**outreach), now=NOW)


def parsed(raw: bytes) -> EmailMessage:
    found = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(found, EmailMessage)
    return found


def content(part: object) -> str:
    """The text of a part; on the wire its lines end in CR LF."""
    text = part.get_content()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


def test_parts_come_back_as_written() -> None:
    raw = built()
    mail = parsed(raw)
    assert raw.isascii()
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert content(text) == "text 文\n"
    assert html.get_content_type() == "text/html"
    assert content(html).strip() == "<p>html 文</p>"
    assert text["Content-Transfer-Encoding"] == html["Content-Transfer-Encoding"] == "base64"
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)


def test_headers_are_exactly_these() -> None:
    mail = parsed(built())
    assert mail.keys() == NAMES
    assert mail["Message-ID"] == f"<{ID}@example.com>"
    assert mail["Date"] == "Thu, 01 Oct 2026 08:30:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "en"


@pytest.mark.parametrize("template_id", sorted(LIBRARY.templates))
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_real_templates_survive_the_way(template_id: str, locale: str) -> None:
    message = LIBRARY.render(template_id, locale, LIBRARY.sample(template_id, locale))
    marketing = LIBRARY.get(template_id).meta.message_class == "marketing"
    raw = build(message, Envelope(ID, "林晓 🌱", "lin@example.com", marketing), Settings(), now=NOW)
    mail = parsed(raw)
    prefix = {"zh": "【广告】", "en": "[AD] "}[locale] if marketing else ""
    assert mail["Subject"] == prefix + message.subject
    assert mail["To"].addresses[0].display_name == "林晓 🌱"
    text, html = mail.iter_parts()
    assert content(text) == message.text
    assert content(html) == message.html
    assert (mail["List-Unsubscribe"] is not None) is marketing
    assert len(raw) < 100_000


def test_the_same_message_gives_the_same_bytes() -> None:
    assert built() == built()


def test_a_long_unsubscribe_address_stays_readable() -> None:
    raw = built(unsubscribe_url=LONG)
    line = next(line for line in raw.split(b"\r\n") if line.startswith(b"List-Unsubscribe:"))
    assert re.fullmatch(
        rb"List-Unsubscribe: <https://mail\.example\.com/unsubscribe/x+/\w+>,", line
    )
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert b"\r\n <mailto:unsubscribe@example.com?subject=unsubscribe%20" in raw
    assert b"=?utf-8?" not in raw.split(b"List-Unsubscribe:")[1].split(b"\r\nList-Unsub")[0]


def test_one_click_only_with_https() -> None:
    assert b"List-Unsubscribe-Post" not in built()
    assert b"List-Unsubscribe: <mailto:unsubscribe@example.com?subject=unsubscribe%20" in built()


def test_two_messages_have_two_tokens() -> None:
    other = Envelope(ID[:-1] + "d", "Lin", "lin@example.com", True)
    first = parsed(built())["List-Unsubscribe"]
    second = parsed(build(rendered(), other, settings(), now=NOW))["List-Unsubscribe"]
    assert first != second
    assert "lin" not in first.removeprefix("<mailto:unsubscribe@example.com")


def test_marketing_without_a_way_out_is_refused() -> None:
    with pytest.raises(UsageError, match=r"needs a way to unsubscribe.*outreach\.unsubscribe_url"):
        built(unsubscribe_mailto="")
    assert b"List-Unsubscribe" not in built(unsubscribe_mailto="", marketing=False)


# --- nobody else writes headers -----------------------------------------------------------------

BREAKS = [
    "\r\n",
    "\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x85",
    "\u2028",
    "\u2029",
    "\x00",
    "\x1b[2J",
    "\r\n\r\n",
]
INJECTIONS = [
    *(f"Lin{mark}Bcc: evil@example.net" for mark in BREAKS),
    *(f"{mark}Bcc: evil@example.net" for mark in BREAKS),
    "=?utf-8?q?foo=0ABcc=3A_evil=40example=2Enet?=",
    "=?utf-8?q?foo=0D=0ABcc=3A_evil=40example=2Enet?=",
    "=?utf-8?b?Zm9vCkJjYzogZXZpbEBleGFtcGxlLm5ldA==?=",
    "=?UTF-8?Q?=0ABcc:evil@example.net?=",
    "=?iso-8859-1?q?a=0ASubject=3A_other?=",
    "x =?utf-8?q?=0ABcc=3A_e?= =?utf-8?q?vil?=",
    "=?utf-8?q?=00?=",
    "=?=?utf-8?q?=0ABcc=3Ae?=",
    '"Lin" <evil@example.net>, "x',
    "Lin <evil@example.net>",
    "Lin, evil@example.net",
    'Lin" <evil@example.net> "',
    "Lin\\",
    'Lin\\" <evil@example.net>',
    "(comment) Lin",
    "Lin;group:evil@example.net;",
    "Content-Type: text/html",
    "Lin\n\n<script>alert(1)</script>",
    "\u202eniL",
    "Lin\u200b\r\nX-Evil: 1",
    "a" * 2000,
    "é" * 500,
    "林" * 500,
    "🌱" * 300,
    "%0ABcc:evil@example.net",
    "\\r\\nBcc: evil@example.net",
    "&#10;Bcc: evil@example.net",
    "\ud800lone",
    "",
    " ",
    "\t",
]
assert len(INJECTIONS) >= 40


@pytest.mark.parametrize("hostile", INJECTIONS, ids=range(len(INJECTIONS)))
@pytest.mark.parametrize("where", ["name", "subject", "sender_name"])
def test_foreign_text_adds_no_header_and_no_recipient(hostile: str, where: str) -> None:
    raw = built(**{where: hostile})  # type: ignore[arg-type]
    for rules in (policy.default, policy.compat32, policy.SMTP):
        again = BytesParser(policy=rules).parsebytes(raw)
        assert again.keys() == NAMES
        assert "Bcc" not in again
    mail = parsed(raw)
    assert [address.addr_spec for address in mail["To"].addresses] == ["lin@example.com"]
    assert [address.addr_spec for address in mail["From"].addresses] == ["care@example.com"]
    # What a relay that decodes and writes again would make of it.
    assert BytesParser(policy=policy.default).parsebytes(mail.as_bytes()).keys() == NAMES


@budget(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_any_name_and_subject_keep_the_header_list(name: str, subject: str) -> None:
    mail = parsed(built(name=name, subject=subject))
    assert mail.keys() == NAMES
    assert [address.addr_spec for address in mail["To"].addresses] == ["lin@example.com"]


@pytest.mark.parametrize(
    "address",
    ["lin@example.com\r\nBcc: evil@example.net", "lin@example.com, evil@example.net", "lin",
     "@x.cn", "lin@", "lin@localhost", "a b@example.com", "lin@exa mple.com", "<lin@example.com>",
     "lin@example.com>", "lin@-example.com", "lin@example..com", ".lin@example.com",
     "li..n@example.com", "林@example.com", '"a b"@example.com', "lin@[127.0.0.1]",
     "l@" + "x" * 64 + ".cn",
     "x" * 65 + "@example.com", "lin@example.com\x00", "", "lin@@example.com", "lin@exam_ple.com"],
)  # fmt: skip
def test_addresses_that_are_none(address: str) -> None:
    assert address_problem(address)
    with pytest.raises(UsageError, match=r"nothing was sent"):
        built(address=address)


@pytest.mark.parametrize(
    ("address", "written"),
    [("lin@example.com", "lin@example.com"), (" lin+a@example.org ", "lin+a@example.org"),
     ("o'neil@example.net", "o'neil@example.net"), ("lin@例子.example", "lin@xn--fsqu00a.example")],
)  # fmt: skip
def test_addresses_that_are_good(address: str, written: str) -> None:
    assert parsed(built(address=address))["To"].addresses[0].addr_spec == written


def test_bytes_with_an_unmeant_header_do_not_leave() -> None:
    raw = built()
    with pytest.raises(TemplateError, match="headers that nobody meant"):
        _assert_headers(raw.replace(b"\r\nDate:", b"\r\nBcc: evil@example.net\r\nDate:"), NAMES)
    with pytest.raises(TemplateError, match="headers that nobody meant"):
        _assert_headers(raw.replace(b"\r\n\r\n", b"\n\n", 1), NAMES)

"""What a message may say of a real user: facts from the behaviour data, as plain variables.

Facts are those known before `as_of`. Only what a template prints is read; an address stays in the
envelope and never becomes a variable of a template.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

from engine.errors import DataError
from engine.outreach.cleaning import one_line
from engine.settings import Settings
from engine.store.lease import lease
from engine.types import Offer, Words

if TYPE_CHECKING:
    import duckdb

TICKET_DAYS = 30
"""A ticket that nobody closed for longer than this no longer counts as open."""

STARTED_DAYS = 365
"""How far back a started title still counts as unfinished."""

TOPIC_DAYS = 180
"""The favourite topic is taken from this window."""

POPULAR_DAYS = 90
"""What is popular is taken from this window."""

POOL = 20
"""Titles per topic among which the unopened ones are looked for."""

FAILED_PAYMENT_DAYS = 30
"""A failed payment older than this is no news."""

ENDING_DAYS = 45
"""A plan is about to end when it ends within this."""

MAX_NAME = 60

PLAN_WORDS: Mapping[str, Words] = {
    "weekly": Words("周会员", "Weekly membership"),
    "monthly": Words("月度会员", "Monthly membership"),
    "quarterly": Words("季度会员", "Quarterly membership"),
    "half_yearly": Words("半年会员", "Half-year membership"),
    "annual": Words("年度会员", "Annual membership"),
    "yearly": Words("年度会员", "Annual membership"),
}
"""Plans that data name by a code; any other name is written as it stands."""


@dataclass(frozen=True, slots=True)
class Business:
    """What the loaded data say of the business."""

    as_of: datetime
    currency: str
    timezone: str

    def local_date(self, instant: datetime) -> date:
        """The calendar day of a naive UTC instant where the business is."""
        return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(self.timezone)).date()


@dataclass(frozen=True, slots=True)
class Title:
    """A recommended title."""

    content_id: str
    title: str
    author: str
    minutes: float | None


@dataclass(frozen=True, slots=True)
class Facts:
    """One user as a message and its guardrails see them."""

    user_id: str
    unit_id: str  # smallest user id that shares the address: the unit of the draw
    name: str
    email: str | None
    locale: str | None
    marketing_consent: bool | None
    personalisation_allowed: bool | None
    plan: str = ""
    plan_ends_at: datetime | None = None
    auto_renew: bool = False
    renewal_price: float | None = None  # of the plan, else the usual payment
    failed_at: datetime | None = None
    failed_amount: float | None = None
    open_tickets: int = 0
    unfinished_titles: int | None = None
    next_title: str | None = None
    topic: str = ""
    recommended: tuple[Title, ...] = field(default=())


def business(connection: duckdb.DuckDBPyConnection) -> Business:
    """Of the newest load; raises `DataError` when nothing is loaded."""
    row = connection.execute("SELECT as_of, currency, timezone FROM load_run").fetchone()
    if row is None:
        raise DataError(
            "nothing_loaded",
            "No behaviour data is loaded in this workspace",
            next_step="Run `retention load` with a mapping, or `retention demo` for the sample",
        )
    return Business(row[0], str(row[1]), str(row[2]))


def facts(behaviour: Path, user_ids: Sequence[str]) -> tuple[Business, dict[str, Facts]]:
    """What is known of `user_ids` at the end of the data; ids that are no users are left out."""
    with lease(behaviour) as connection:
        where = business(connection)
        bound = {"user_ids": list(user_ids), "as_of": where.as_of}
        people = connection.execute(
            _sql("people"), bound | {"ticket_days": TICKET_DAYS, "started_days": STARTED_DAYS}
        ).fetchall()
        titles = connection.execute(
            _sql("recommended"),
            bound | {"topic_days": TOPIC_DAYS, "popular_days": POPULAR_DAYS, "pool": POOL},
        ).fetchall()
    in_topic: dict[str, list[Title]] = {}
    anywhere: dict[str, list[Title]] = {}
    topic: dict[str, str] = {}
    for user_id, from_topic, its_topic, content_id, title, author, minutes in titles:
        chosen = Title(
            str(content_id), one_line(str(title)), one_line(str(author or ""), MAX_NAME), minutes
        )
        (in_topic if from_topic else anywhere).setdefault(user_id, []).append(chosen)
        if from_topic:
            topic[user_id] = one_line(str(its_topic), MAX_NAME)
    found = {}
    for row in people:
        user_id = str(row[0])
        personal = row[5] is not False
        own = in_topic.get(user_id, []) if personal else []
        found[user_id] = Facts(
            user_id=user_id,
            unit_id=str(row[6]),
            name=one_line(str(row[1] or ""), MAX_NAME),
            email=row[2],
            locale=row[3],
            marketing_consent=row[4],
            personalisation_allowed=row[5],
            plan=one_line(str(row[7] or ""), MAX_NAME) if _running(row[8], where.as_of) else "",
            plan_ends_at=row[8],
            auto_renew=bool(row[9]),
            renewal_price=row[10],
            failed_at=row[11],
            failed_amount=row[12],
            open_tickets=int(row[13]),
            unfinished_titles=int(row[14]) if row[14] and personal else None,
            next_title=one_line(str(row[15])) if row[15] and personal else None,
            topic=topic.get(user_id, "") if own else "",
            recommended=tuple(own or anywhere.get(user_id, [])),
        )
    return where, found


def locale_of(person: Facts, settings: Settings) -> str:
    """The language to write in: the user's, else the workspace's."""
    if not person.locale:
        return settings.workspace.language
    return "zh" if person.locale.lower().startswith("zh") else "en"


def variables(
    person: Facts,
    where: Business,
    settings: Settings,
    *,
    locale: str,
    offer: Offer,
    token: str,
    now: datetime,
) -> dict[str, object]:
    """Everything that a template may print of `person`; what is not known is absent.

    `token` is opaque and stands for this message in its links (see `token_of`).
    """
    outreach = settings.outreach
    values: dict[str, object] = {
        "name": person.name,
        "site_url": outreach.site_url,
        "site_name": settings.workspace.name,
        "sender_name": outreach.sender_name,
        "sender_address": outreach.sender_address,
        "postal_address": outreach.postal_address,
        "unsubscribe_url": unsubscribe_link(settings, token),
        "no_targeting_url": no_targeting_link(settings, token),
        "plan": _plan_words(person.plan, locale),
        "currency": where.currency,
        "auto_renew": person.auto_renew,
    }
    ends_at = person.plan_ends_at
    if person.plan and ends_at and where.as_of <= ends_at <= where.as_of + timedelta(ENDING_DAYS):
        values["plan_ends_on"] = where.local_date(ends_at)
    if person.renewal_price:
        values["renewal_price"] = round(person.renewal_price, 2)
    if person.failed_at and person.failed_at >= where.as_of - timedelta(FAILED_PAYMENT_DAYS):
        values["failed_on"] = where.local_date(person.failed_at)
        if person.failed_amount:
            values["failed_amount"] = round(person.failed_amount, 2)
    if person.unfinished_titles and person.next_title:
        values["lessons_left"] = person.unfinished_titles
        values["next_title"] = person.next_title
    if person.recommended:
        values["topic"] = person.topic
        values["recommended"] = [
            {"title": title.title, "author": title.author, "minutes": title.minutes}
            for title in person.recommended
        ]
    if offer.given:
        values["offer_percent"] = float(offer.percent)
        values["offer_code"] = f"STAY-{token_of(token, 'offer')[:8].upper()}"
        values["offer_until"] = where.local_date(now + timedelta(days=offer.valid_days))
    return values


def token_of(intervention_id: str, purpose: str) -> str:
    """An opaque word for one intervention: 26 letters and digits, made of its random id."""
    digest = hashlib.sha256(f"{purpose}|{intervention_id}".encode()).digest()
    return base64.b32encode(digest[:16]).decode("ascii").rstrip("=").lower()


def unsubscribe_link(settings: Settings, token: str) -> str:
    """Where a reader unsubscribes: the operator's page, else a mail to the operator."""
    return _choice_link(settings, "unsubscribe", token)


def no_targeting_link(settings: Settings, token: str) -> str:
    """Where a reader asks for messages that are not made from their behaviour."""
    return _choice_link(settings, "no-targeting", token)


def _choice_link(settings: Settings, choice: str, token: str) -> str:
    outreach = settings.outreach
    if outreach.unsubscribe_url:
        base = outreach.unsubscribe_url.rstrip("/")
        return f"{base}/{token}" + ("" if choice == "unsubscribe" else f"?choice={choice}")
    mailbox = outreach.unsubscribe_mailto.removeprefix("mailto:")
    return f"mailto:{mailbox}?subject={quote(f'{choice} {token}')}"


def _plan_words(plan: str, locale: str) -> str:
    words = PLAN_WORDS.get(plan.lower())
    return words.pick(locale) if words else plan


def _running(ends_at: datetime | None, as_of: datetime) -> bool:
    return ends_at is None or ends_at >= as_of


@functools.cache
def _sql(name: str) -> str:
    return (resources.files("engine.outreach") / "sql" / f"{name}.sql").read_text("utf-8")


def presentable(values: Mapping[str, object]) -> dict[str, object]:
    """`values` as the ledger keeps them: JSON types, the name left out (it is read again)."""
    return {
        key: {"date": value.isoformat()} if isinstance(value, date) else value
        for key, value in values.items()
        if key != "name"
    }


def restored(kept: Mapping[str, object], name: str) -> dict[str, object]:
    """The inverse of `presentable`, with the name as it stands now."""
    values: dict[str, object] = {"name": name}
    for key, value in kept.items():
        if isinstance(value, Mapping) and set(value) == {"date"}:
            values[key] = date.fromisoformat(str(value["date"]))
        else:
            values[key] = value
    return values

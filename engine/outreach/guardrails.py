"""Who must not be written to, and why: one ordered table of gates, the first match wins.

Gates before the draw decide who is eligible, alike for those who are treated and those who are
held out. Gates after the draw stop a message and leave the user in the analysis as assigned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from engine.outreach.context import Facts
from engine.outreach.message import address_problem
from engine.settings import OutreachSettings
from engine.types import Words

if TYPE_CHECKING:
    import duckdb

CONSENT_REGIONS = frozenset({"CN", "EU"})
"""Where marketing needs a recorded yes; elsewhere a recorded no is enough to stop it."""


@dataclass(frozen=True, slots=True)
class History:
    """What the ledger knows of a user before a message."""

    suppressed_all: str = ""  # reason of a standing suppression of everything
    suppressed_marketing: str = ""
    last_marketing_at: datetime | None = None
    last_offer_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One user and one message, as the gates see them."""

    person: Facts | None  # None: not among the users
    history: History
    marketing: bool
    offer: bool
    applicable: bool  # the template's required facts are at hand
    settings: OutreachSettings
    now: datetime


@dataclass(frozen=True, slots=True)
class Gate:
    """A named reason not to send."""

    code: str
    words: Words
    status: Literal["suppressed", "capped"]
    stops: Callable[[Case], bool]


def _suppressed(reason: str) -> Callable[[Case], bool]:
    return lambda case: case.history.suppressed_all == reason


def _unsubscribed(case: Case) -> bool:
    return case.marketing and bool(case.history.suppressed_marketing)


def _no_consent(case: Case) -> bool:
    if not case.marketing or case.person is None:
        return False
    consent = case.person.marketing_consent
    return consent is not True if case.settings.region in CONSENT_REGIONS else consent is False


def _no_address(case: Case) -> bool:
    return case.person is not None and not (case.person.email or "").strip()


def _invalid_address(case: Case) -> bool:
    return case.person is not None and bool(address_problem(case.person.email or ""))


def _open_ticket(case: Case) -> bool:
    return case.marketing and case.person is not None and case.person.open_tickets > 0


def _cooldown(case: Case) -> bool:
    return case.marketing and _within(
        case.history.last_marketing_at, case.settings.cooldown_days, case.now
    )


def _offer_cooldown(case: Case) -> bool:
    return case.offer and _within(
        case.history.last_offer_at, case.settings.offer_cooldown_days, case.now
    )


def _within(last: datetime | None, days: int, now: datetime) -> bool:
    return last is not None and days > 0 and now - last < timedelta(days=days)


ELIGIBILITY: tuple[Gate, ...] = (
    Gate("erased", Words("已注销或要求删除", "Erased"), "suppressed", _suppressed("erased")),
    Gate(
        "unknown_user",
        Words("用户表中没有此人", "Not among the users"),
        "suppressed",
        lambda case: case.person is None,
    ),
    Gate(
        "do_not_contact",
        Words("要求不再联系", "Do not contact"),
        "suppressed",
        _suppressed("do_not_contact"),
    ),
    Gate("complaint", Words("曾投诉", "Complained"), "suppressed", _suppressed("complaint")),
    Gate(
        "hard_bounce",
        Words("邮箱已失效", "Address bounces"),
        "suppressed",
        _suppressed("hard_bounce"),
    ),
    Gate("no_address", Words("没有邮箱", "No address"), "suppressed", _no_address),
    Gate(
        "invalid_address", Words("邮箱格式不对", "Invalid address"), "suppressed", _invalid_address
    ),
    Gate("unsubscribed", Words("已退订", "Unsubscribed"), "suppressed", _unsubscribed),
    Gate("no_consent", Words("未同意接收营销邮件", "No consent"), "suppressed", _no_consent),
    Gate("open_ticket", Words("有未解决的工单", "Open ticket"), "suppressed", _open_ticket),
    Gate(
        "not_applicable",
        Words("模板不适用", "Template does not apply"),
        "suppressed",
        lambda case: not case.applicable,
    ),
)
"""Before the draw, in the order in which the law and the user's word stand."""

AFTER_DRAW: tuple[Gate, ...] = (
    Gate("cooldown", Words("近期已联系", "Contacted recently"), "capped", _cooldown),
    Gate("offer_cooldown", Words("近期已给优惠", "Offered recently"), "capped", _offer_cooldown),
)
"""After the draw: the user stays in the analysis as assigned."""


AT_SENDING: tuple[Gate, ...] = (
    *(gate for gate in ELIGIBILITY if gate.code not in ("not_applicable",)),
    *AFTER_DRAW,
)
"""Looked at again just before a message leaves: between plan and sending the world moves on."""


def first_stop(gates: Sequence[Gate], case: Case) -> Gate | None:
    """The first of `gates` that stops `case`; None when the way is free."""
    return next((gate for gate in gates if gate.stops(case)), None)


def histories(connection: duckdb.DuckDBPyConnection, user_ids: Sequence[str]) -> dict[str, History]:
    """Of every user in `user_ids` whom the ledger knows; the others have an empty `History`."""
    found: dict[str, History] = {}
    rows = connection.execute(
        """
        WITH wanted AS (SELECT DISTINCT unnest(?::VARCHAR[]) AS user_id),
        contact AS (
            SELECT i.user_id,
                   max(coalesce(s.sent_at, i.imported_sent_at))
                       FILTER (WHERE i.message_class = 'marketing') AS last_marketing_at,
                   max(coalesce(s.sent_at, i.imported_sent_at))
                       FILTER (WHERE i.offer_percent > 0) AS last_offer_at
            FROM intervention AS i
            LEFT JOIN intervention_sent AS s USING (intervention_id)
            GROUP BY i.user_id
        ),
        stop AS (
            SELECT user_id, max(reason) FILTER (WHERE scope = 'all') AS all_reason,
                   max(reason) FILTER (WHERE scope = 'marketing') AS marketing_reason
            FROM standing_suppression
            GROUP BY user_id
        )
        SELECT w.user_id, stop.all_reason, stop.marketing_reason, c.last_marketing_at,
               c.last_offer_at
        FROM wanted AS w
        LEFT JOIN stop USING (user_id)
        LEFT JOIN contact AS c USING (user_id)
        """,
        [list(user_ids)],
    ).fetchall()
    for user_id, all_reason, marketing_reason, last_marketing_at, last_offer_at in rows:
        found[str(user_id)] = History(
            all_reason or "", marketing_reason or "", last_marketing_at, last_offer_at
        )
    return found

"""Money, dates and numbers as people read them; Babel is loaded on first use, after the paint."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from retention_tui.i18n import current_language, t, tn

SMALL_SUM = 10
ABSENT = "-"
"""What a cell shows for a fact that is not known."""


def number(value: float | None, digits: int = 0) -> str:
    """`value` with thousands marks; a dash for None, NaN and infinities."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return f"{value:,.{digits}f}"


def percent(value: float | None, digits: int = 0) -> str:
    """A share of 0 … 1 as a percentage."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return f"{value * 100:.{digits}f}%"


def signed(value: float | None, digits: int = 2) -> str:
    """`value` with its sign written."""
    if value is None or not math.isfinite(value):
        return ABSENT
    return f"{value:+,.{digits}f}"


def money(value: float | None, currency: str) -> str:
    """An amount of `currency` (ISO 4217): in whole units, small sums to the cent."""
    if value is None or not math.isfinite(value):
        return ABSENT
    digits = 2 if 0 < abs(value) < SMALL_SUM and value != round(value) else 0
    amount = f"{_symbol(currency, current_language())}{abs(value):,.{digits}f}"
    return f"-{amount}" if value < 0 else amount


@cache
def _symbol(currency: str, language: str) -> str:
    from babel.numbers import get_currency_symbol

    # The yuan sign alone in both languages: one currency a workspace, and cells are scarce.
    locale = "zh_CN" if currency == "CNY" or language == "zh" else "en_US"
    return str(get_currency_symbol(currency, locale))


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local(moment: datetime, timezone: str) -> datetime:
    """A naive UTC instant as wall time of `timezone`; an unknown zone is read as UTC."""
    return moment.replace(tzinfo=UTC).astimezone(_zone(timezone)).replace(tzinfo=None)


def day(moment: datetime | None, timezone: str = "UTC") -> str:
    """`2026-09-18`, in the wall time of `timezone`."""
    return ABSENT if moment is None else local(moment, timezone).strftime("%Y-%m-%d")


def minute(moment: datetime | None, timezone: str = "UTC") -> str:
    """`2026-09-18 14:05`, in the wall time of `timezone`."""
    return ABSENT if moment is None else local(moment, timezone).strftime("%Y-%m-%d %H:%M")


def days_before(moment: datetime | None, reference: datetime | None) -> str:
    """How many days `moment` lies before `reference`, in few cells."""
    if moment is None or reference is None:
        return ABSENT
    days = max(0, (reference - moment).days)
    return t("today") if days == 0 else tn("{n} d", "{n} d", days)


def duration(seconds: float) -> str:
    """`1:05` for 65 seconds."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"

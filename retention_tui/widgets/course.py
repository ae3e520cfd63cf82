"""How sure a risk is, and its course over the days: one line for a screen, some for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.horizons import STANDARD_DAYS, RiskByDay, RiskOnDay
from retention_tui.i18n import t
from retention_tui.i18n.formats import number, percent
from retention_tui.widgets.charts import spark

if TYPE_CHECKING:
    from textual.content import Content

CURVE_CELLS = 12
"""Of the drawn course: one column each step of the rule's window."""

LINE_DAYS = 3
"""That the line of a screen names; `retention why` has all."""


def course_line(told: RiskByDay | None) -> Content:
    """The interval, the days that operators ask for, and the curve."""
    from textual.content import Content  # the command line uses the words below without it

    if told is None:
        return Content.styled(not_stored(), "$foreground-muted")
    interval = t("{low}–{high} at {level}", low=number(told.low, 2), high=number(told.high, 2),
                 level=percent(told.level))  # fmt: skip
    if told.event is None:
        return Content.from_markup(
            "$interval  [$foreground-muted]$days[/]", interval=interval, days=no_days()
        )
    on_days = (
        t("{day} {risk}", day=point.day, risk=number(point.risk, 2))
        for point in _some(asked_days(told))
    )
    return Content.from_markup(
        "$interval  $curve  [$foreground-muted]$title[/] $days",
        interval=interval,
        title=title_of(told),
        days="  ".join(on_days),
        curve=curve(told),
    )


def title_of(told: RiskByDay) -> str:
    """What the numbers of the days say."""
    return t("gone by day") if told.event == "leave" else t("not back by day")


def not_stored() -> str:
    """There is a risk, but nothing that tells how sure it is."""
    return t("No interval is stored with this model; train a new one to have it")


def no_days() -> str:
    """The labels do not say on which day somebody left."""
    return t("the labels tell no day")


def interval_words(told: RiskByDay) -> str:
    """The interval in a sentence, and whom it speaks of."""
    return t(
        "Of 100 users with this risk, {low} to {high} leave (an interval at {level}). It is about "
        "users like this one; nobody can be as sure of one person.",
        low=number(100 * told.low, 0 if told.low >= 0.1 else 1),
        high=number(100 * told.high, 0 if told.high >= 0.1 else 1),
        level=percent(told.level),
    )


def asked_days(told: RiskByDay) -> tuple[RiskOnDay, ...]:
    """The standard days inside the rule's window, and its end."""
    return tuple(
        point for point in told.days if point.day in STANDARD_DAYS or point.day == told.days[-1].day
    )


def _some(days: tuple[RiskOnDay, ...]) -> tuple[RiskOnDay, ...]:
    """The first, one in the middle and the last: what one line of 80 cells holds."""
    return days if len(days) <= LINE_DAYS else (days[0], days[len(days) // 2], days[-1])


def curve(told: RiskByDay) -> str:
    """The course from the start of the rule's window to its end, in equal steps.

    Returning starts with everybody away, so the height is a share of all; leaving starts with
    nobody gone, and the last column is the whole risk.
    """
    known = {told.lead_days: 1.0 if told.event == "return" else 0.0}
    known |= {point.day: point.risk for point in told.days}
    first, last = min(known), max(known)
    steps = (first + (last - first) * step / (CURVE_CELLS - 1) for step in range(CURVE_CELLS))
    return spark([_between(known, place) for place in steps], CURVE_CELLS)


def _between(known: dict[int, float], place: float) -> float:
    """The value at `place`, straight between the days around it."""
    left = max(day for day in known if day <= place + 1e-9)
    right = min(day for day in known if day >= place - 1e-9)
    if left >= right:
        return known[left]
    return known[left] + (known[right] - known[left]) * (place - left) / (right - left)

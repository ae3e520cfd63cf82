"""The protocols of the two shops: population, question and cutoffs, fixed before any model."""

from __future__ import annotations

from datetime import date, timedelta

from benchmarks.peers.shops import Protocol


def _end_of_week(week: int) -> date:
    """The midnight after week `week` of 1997, which starts on the first of January."""
    return date(1997, 1, 1) + timedelta(days=7 * week)


CDNOW = Protocol(
    case="cdnow",
    horizon_days=91,
    active_within_days=600,  # everybody: the cohort bought first in the first quarter of 1997
    train=tuple(_end_of_week(week) for week in (17, 20, 23, 26)),
    test=_end_of_week(39),
    season=False,
)
ONLINE_RETAIL = Protocol(
    case="online-retail",
    horizon_days=90,
    active_within_days=365,
    train=tuple(date(2010, 6, 17) + timedelta(days=30 * step) for step in range(13)),
    test=date(2011, 9, 10),
    season=True,
)

"""A seeded paid-knowledge platform whose churn is drawn from a known hazard."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from sample_db.arrays import stream
from sample_db.behaviour import sessions
from sample_db.mechanism import Mechanism
from sample_db.people import make_people
from sample_db.seasons import Calendar
from sample_db.titles import make_titles
from sample_db.world import live
from sample_db.write import write

__all__ = ["generate"]

FEWEST_USERS, FEWEST_MONTHS = 10, 4


def generate(
    out: Path,
    *,
    users: int = 20000,
    months: int = 18,
    seed: int = 7,
    end: date = date(2026, 10, 31),
) -> None:
    """Write the sample platform into the folder `out`: tables, campaign log, mapping and truth.

    The same arguments give the same bytes. `end` is the last day of data.
    Raises ValueError for fewer than 10 users or 4 months.
    """
    if users < FEWEST_USERS or months < FEWEST_MONTHS:
        raise ValueError(
            f"{users} users over {months} months is too little: "
            f"at least {FEWEST_USERS} users and {FEWEST_MONTHS} months are needed"
        )
    calendar = Calendar.ending(end, months)
    history = live(make_people(users, seed, calendar), calendar, seed, Mechanism())
    titles = make_titles(stream(seed, "titles"), calendar.days)
    write(Path(out), history, sessions(history, seed), titles, seed)

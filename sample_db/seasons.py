"""The calendar of the platform: its weeks, and how much people study in each of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from sample_db.arrays import Doubles, Floats

DAYS_PER_MONTH = 365.25 / 12
SPRING_FESTIVAL = {
    2019: (2, 5), 2020: (1, 25), 2021: (2, 12), 2022: (2, 1), 2023: (1, 22), 2024: (2, 10),
    2025: (1, 29), 2026: (2, 17), 2027: (2, 6), 2028: (1, 26), 2029: (2, 13), 2030: (2, 3),
    2031: (1, 23), 2032: (2, 11), 2033: (1, 31), 2034: (2, 19), 2035: (2, 8),
}  # fmt: skip
LEARNER_KINDS = ("exam", "work", "leisure")


@dataclass(frozen=True, slots=True)
class Calendar:
    """Whole weeks that end at `as_of`, the first midnight (UTC) after the last day of data.

    Day 0 is the first day; cutoff t is the start of week t, so every cutoff is a whole number of
    weeks before `as_of`. The world is simulated for `AFTER_WEEKS` more weeks, which no table
    shows: they close the label windows of the newest cutoffs in the truth.
    """

    start: datetime
    weeks: int

    AFTER_WEEKS = 5

    @classmethod
    def ending(cls, end: date, months: int) -> Calendar:
        """The calendar of `months` months up to and including the day `end`."""
        weeks = round(months * DAYS_PER_MONTH / 7)
        as_of = datetime(end.year, end.month, end.day) + timedelta(days=1)
        return cls(as_of - timedelta(weeks=weeks), weeks)

    @property
    def days(self) -> int:
        return 7 * self.weeks

    @property
    def simulated_weeks(self) -> int:
        return self.weeks + self.AFTER_WEEKS

    @property
    def as_of(self) -> datetime:
        return self.start + timedelta(days=self.days)

    def day(self, index: int) -> datetime:
        """The midnight that starts day `index` (negative: before the first day of data)."""
        return self.start + timedelta(days=index)


def days_to_spring_festival(day: datetime) -> int:
    """Days from the nearest Spring Festival to `day`; negative before it."""
    month, dom = SPRING_FESTIVAL.get(day.year, (2, 5))
    return (day - datetime(day.year, month, dom)).days


def study_factor(calendar: Calendar) -> Floats:
    """How much learners of each kind study: (kind, simulated week), 1 = an ordinary week."""
    factor = np.ones((len(LEARNER_KINDS), calendar.simulated_weeks), dtype=np.float32)
    for week in range(calendar.simulated_weeks):
        middle = calendar.day(7 * week + 3)
        doy = middle.timetuple().tm_yday
        festival = days_to_spring_festival(middle)
        exam = (
            1 + 0.35 * _bump(doy, 150, 25) + 0.4 * _bump(doy, 345, 25) - 0.25 * _bump(doy, 185, 15)
        )
        work = (
            1 + 0.2 * _bump(doy, 15, 15) + 0.12 * _bump(doy, 255, 25) - 0.15 * _bump(doy, 215, 25)
        )
        leisure = 1 + 0.2 * _bump(doy, 210, 30) + 0.1 * _bump(doy, 355, 15)
        holiday = 0.45 if -4 <= festival <= 8 else 1.0
        golden_week = 0.8 if 274 <= doy <= 280 else 1.0
        factor[:, week] = np.array([exam, work, leisure]) * holiday * golden_week
    return factor


def away_factor(calendar: Calendar) -> Doubles:
    """How likely a vacation is to begin in each simulated week, against an ordinary week."""
    factor = np.ones(calendar.simulated_weeks)
    for week in range(calendar.simulated_weeks):
        middle = calendar.day(7 * week + 3)
        doy = middle.timetuple().tm_yday
        festival = days_to_spring_festival(middle)
        factor[week] += 2.0 * (-8 <= festival <= 5) + 0.8 * (185 <= doy <= 230) + 0.8 * (doy == 274)
    return factor


def promotion(calendar: Calendar) -> Doubles:
    """How much more people buy in each simulated week (618, Double Eleven, the new year)."""
    factor = np.ones(calendar.simulated_weeks)
    for week in range(calendar.simulated_weeks):
        doys = {calendar.day(7 * week + d).timetuple().tm_yday for d in range(7)}
        factor[week] += 1.8 * bool(doys & set(range(305, 316)))  # Double Eleven
        factor[week] += 1.0 * bool(doys & set(range(163, 171)))  # 618
        factor[week] += 0.6 * bool(doys & {1, 2, 365})
    return factor


def _bump(day: int, middle: int, width: int) -> float:
    gap = min(abs(day - middle), 365 - abs(day - middle))
    return float(np.exp(-0.5 * (gap / width) ** 2))

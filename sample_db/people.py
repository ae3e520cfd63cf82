"""Who the users are: traits that do not move, most of them invisible in the tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sample_db.arrays import Bools, Floats, Ints, stream
from sample_db.seasons import LEARNER_KINDS, Calendar, promotion

TOPICS = 12
ENGLISH_SHARE = 0.30
STOCK_SHARE = 0.28  # users who had signed up before the first day of data and were still there
STOCK_DAYS = 420  # how far back their sign-ups go
GROWTH = 1.0  # log growth of weekly sign-ups over the whole period (e^1.0 = 2.7 times)
SLEEPING_DOG_SHARE = 0.10  # whom any contact drives away
RHYTHM_MEDIAN = 2.4  # active days a week of the median user, in an ordinary week
RHYTHM_SPREAD = 0.62  # standard deviation of the log rhythm: a heavy tail both ways
FRAILTY_SPREAD = 0.35  # standard deviation of the log of everything else that makes one leave
WEEKDAY_SHAPES = np.array(
    [
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        [1.2, 1.2, 1.2, 1.2, 1.1, 0.55, 0.55],  # commuters
        [0.7, 0.7, 0.7, 0.7, 0.8, 1.7, 1.7],  # weekend learners
    ]
)  # Monday first; each row sums to 7
UTC_OFFSETS_EN = np.array([-8, -5, 0, 1, 8, 8, 10])  # hours; Singapore and Hong Kong count twice


@dataclass(frozen=True, slots=True)
class People:
    """One array per trait, all of length U."""

    signup_day: Ints  # day index, negative = before the first day of data
    english: Bools
    learner: Ints  # index into LEARNER_KINDS
    rhythm: Floats  # active days a week
    weekday_shape: Ints
    intensity: Floats  # mean further events on an active day
    need: Floats  # standard normal: how much the platform means to them
    stamina: Floats  # 0 … 1: how slowly the novelty wears off
    price_sensitivity: Floats  # 0 … 1
    frustration: Floats  # 0 … 1: how much trouble it takes to annoy them
    completion: Floats  # 0 … 1: finishes what was started
    breadth: Ints  # 1 … 5 favourite topics
    topics: Ints  # (U, TOPICS): own order of topics, favourites first
    silent_sufferer: Bools  # never writes a ticket
    responsiveness: Floats  # how strongly contact works; 1 = as a template's mean
    sleeping_dog: Bools
    frailty: Floats  # multiplies the hazard, invisible
    away_rate: Floats  # vacations a week in an ordinary week
    utc_offset_h: Ints
    consent: Bools
    personalisation: Bools

    @property
    def count(self) -> int:
        return len(self.signup_day)


def make_people(users: int, seed: int, calendar: Calendar) -> People:
    """Draw `users` people; users are numbered in the order of their sign-up."""
    rng = stream(seed, "people")
    signup_day = np.sort(_signup_days(rng, users, calendar))
    english = rng.random(users) < ENGLISH_SHARE
    learner = rng.choice(len(LEARNER_KINDS), size=users, p=[0.3, 0.42, 0.28])
    need = rng.standard_normal(users)
    breadth = 1 + rng.binomial(4, 0.38, users)
    rhythm = RHYTHM_MEDIAN * np.exp(
        RHYTHM_SPREAD * (0.35 * need + 0.94 * rng.standard_normal(users))
    )
    # Busy professionals with a settled rhythm are the ones whom a mail annoys most.
    dog = 0.45 * (learner == 1) + 0.5 * (rhythm > RHYTHM_MEDIAN) - 0.2 * (breadth > 2)
    dog = np.exp(1.6 * dog)
    dog = dog / dog.mean() * SLEEPING_DOG_SHARE
    offset = np.where(english, rng.choice(UTC_OFFSETS_EN, users), 8)
    return People(
        signup_day=signup_day,
        english=english,
        learner=learner,
        rhythm=np.minimum(rhythm, 12).astype(np.float32),
        weekday_shape=rng.choice(3, size=users, p=[0.4, 0.33, 0.27]),
        intensity=_f32(1.15 * np.exp(0.6 * rng.standard_normal(users) - 0.18)),
        need=_f32(need),
        stamina=_f32(rng.beta(3, 2, users)),
        price_sensitivity=_f32(rng.beta(1.6, 2.4, users)),
        frustration=_f32(rng.beta(1.6, 2.6, users)),
        completion=_f32(rng.beta(2.5, 2.0, users)),
        breadth=breadth,
        topics=np.argsort(rng.random((users, TOPICS)) + _popularity(), axis=1),
        silent_sufferer=rng.random(users) < 0.45,
        responsiveness=_f32(rng.gamma(2.5, 1 / 2.5, users)),
        sleeping_dog=rng.random(users) < dog,
        frailty=_f32(np.exp(FRAILTY_SPREAD * rng.standard_normal(users) - FRAILTY_SPREAD**2 / 2)),
        away_rate=_f32(rng.gamma(1.6, 1 / 1.6, users)),
        utc_offset_h=offset.astype(np.int64),
        consent=rng.random(users) < 0.86,
        personalisation=rng.random(users) < 0.93,
    )


def _signup_days(rng: np.random.Generator, users: int, calendar: Calendar) -> Ints:
    stock = round(users * STOCK_SHARE)
    before = -1 - np.floor(STOCK_DAYS * rng.beta(1.0, 1.6, stock)).astype(np.int64)
    weeks = calendar.weeks
    pull = np.exp(GROWTH * np.arange(weeks) / weeks) * (0.6 + 0.4 * promotion(calendar)[:weeks])
    week = rng.choice(weeks, size=users - stock, p=pull / pull.sum())
    return np.concatenate([before, 7 * week + rng.integers(0, 7, users - stock)])


def _popularity() -> Floats:
    """Topics differ in popularity: a smaller number sorts earlier."""
    return _f32(np.linspace(0.0, 0.5, TOPICS))


def _f32(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Floats:
    return np.asarray(values, dtype=np.float32)

"""What the platform's log shows of a history: sessions and the events inside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sample_db.arrays import MICROSECONDS_PER_DAY, Bools, Doubles, Floats, Ints, stream
from sample_db.people import TOPICS
from sample_db.titles import Titles
from sample_db.world import History

KINDS = (
    "app_open", "lesson_started", "lesson_finished", "audio_played", "column_read", "search",
    "favourite", "note_written", "share", "purchase_viewed", "cancel_page_viewed",
    "login_failed", "live_joined",
)  # fmt: skip
KIND = {name: index for index, name in enumerate(KINDS)}
BASE_WEIGHT = np.array(
    [0.0, 0.24, 0.15, 0.20, 0.15, 0.09, 0.035, 0.025, 0.015, 0.04, 0.0025, 0.006, 0.012]
)  # of an ordinary user's events after the opening one
WITHOUT_CONTENT = ("app_open", "search", "cancel_page_viewed", "login_failed")
MEDIAN_S = np.array([0, 620, 540, 900, 240, 20, 0, 90, 0, 35, 40, 0, 2400], dtype=np.float64)
DURATION_SPREAD = 0.9  # standard deviation of the log duration
DEVICES = ("ios", "android", "web", "mini_program")
SWITCHES_DEVICE = 0.12
LATE_SHARE = 0.02  # of sessions: offline phones that report 1 … 9 days later
LATE_DAYS = 9
EVENTS_PER_TITLE = 9  # how many events a learner spends on one title before the next
EXPLORES = 0.08  # events outside the favourite topics
MAX_EXTRA = 30  # events after the opening one in one session


@dataclass(frozen=True, slots=True)
class Sessions:
    """One row per user and active day, in time order (only what the tables may show)."""

    user: Ints
    day: Ints
    known_day: Ints

    @property
    def late(self) -> tuple[Ints, Ints, Ints]:
        """User, day and known day of the sessions that arrived late."""
        rows = self.known_day > self.day
        return self.user[rows], self.day[rows], self.known_day[rows]

    def seen(self, days: int, users: int) -> Bools:
        """(days, users): sessions that were known on their own day."""
        out = np.zeros((days, users), dtype=np.bool_)
        rows = self.known_day == self.day
        out[self.day[rows], self.user[rows]] = True
        return out


def sessions(history: History, seed: int) -> Sessions:
    """The sessions inside the period, some of them late."""
    rng = stream(seed, "sessions")
    shown = history.active[: history.calendar.weeks].reshape(-1, history.people.count)
    day, user = np.nonzero(shown)
    late = rng.random(len(user)) < LATE_SHARE
    known = day + late * rng.integers(1, LATE_DAYS + 1, len(user))
    return Sessions(user, day, known)


def events(history: History, visits: Sessions, titles: Titles, seed: int) -> dict[str, np.ndarray]:
    """The event table as arrays: user, occurred and known (microseconds after day 0), kind …"""
    rng = stream(seed, "events")
    people = history.people
    shown = visits.known_day < history.calendar.days  # what has not arrived cannot be shown
    user, day, known_day = visits.user[shown], visits.day[shown], visits.known_day[shown]
    interest = history.interest[day // 7, user]
    mean = people.intensity[user] * np.exp(0.12 * interest)
    extra = np.minimum(rng.poisson(rng.gamma(0.9, mean / 0.9)), MAX_EXTRA)
    first = np.concatenate([[0], np.cumsum(extra + 1)[:-1]])
    at = np.repeat(np.arange(len(user)), extra + 1)
    position = np.arange(len(at)) - first[at]

    kind = np.zeros(len(at), dtype=np.int64)
    rest = np.flatnonzero(position > 0)
    kind[rest] = _kinds(history, user[at[rest]], day[at[rest]] // 7, rng)
    seconds = _session_second(history, user, rng)[at]
    gaps = np.where(position > 0, rng.exponential(420.0, len(at)), 0.0)
    gaps = np.cumsum(gaps)
    seconds = np.minimum(seconds + gaps - gaps[first[at]], 86_390.0)
    occurred = day[at] * MICROSECONDS_PER_DAY + (seconds * 1e6).astype(np.int64)
    # Known a moment later, within the same day; late sessions arrive together.
    moment = np.minimum((seconds + rng.exponential(4.0, len(at))) * 1e6, MICROSECONDS_PER_DAY - 1)
    known = known_day[at] * MICROSECONDS_PER_DAY + moment.astype(np.int64)
    content = _contents(history, user[at], day[at], kind, titles, rng)
    spread = np.exp(DURATION_SPREAD * rng.standard_normal(len(at)))
    duration = MEDIAN_S[kind] * spread * np.exp(0.1 * interest[at])
    main = rng.choice(4, size=people.count, p=[0.34, 0.42, 0.1, 0.14])
    other = rng.random(len(user)) < SWITCHES_DEVICE
    device = np.where(other, rng.integers(0, 4, len(user)), main[user])
    order = np.argsort(known, kind="stable")
    columns = {
        "user": user[at], "occurred": occurred, "known": known, "kind": kind, "content": content,
        "duration": np.where(duration > 0, np.round(duration), np.nan),
        "value": _progress(history, user[at], day[at] // 7, kind, rng), "device": device[at],
    }  # fmt: skip
    return {name: column[order] for name, column in columns.items()}


def _kinds(history: History, user: Ints, week: Ints, rng: np.random.Generator) -> Ints:
    """Draw a kind for each event; hidden states tilt the draw, taste and noise blur it."""
    people = history.people
    taste = np.exp(0.8 * rng.standard_normal((people.count, len(KINDS)))).astype(np.float32)
    curious = (rng.random(people.count) < 0.06).astype(np.float32)  # look at such pages anyway
    out = np.empty(len(user), dtype=np.int64)
    for start in range(0, len(user), 250_000):
        rows = slice(start, start + 250_000)
        u, w = user[rows], week[rows]
        weight = taste[u] * BASE_WEIGHT.astype(np.float32)
        worn = np.clip(history.used_up[w, u] - 0.6, 0, 1)
        weight[:, KIND["lesson_finished"]] *= 0.4 + 1.2 * people.completion[u]
        weight[:, KIND["lesson_started"]] *= 1 - 0.5 * worn
        weight[:, KIND["search"]] *= 1 + 1.3 * worn
        for name in ("favourite", "note_written", "share", "live_joined"):
            weight[:, KIND[name]] *= np.exp(0.3 * history.interest[w, u])
        weight[:, KIND["cancel_page_viewed"]] *= (
            1 + 10 * curious[u] + 12 * history.near_end[w, u] + 30 * history.price_shock[w, u]
        )
        weight[:, KIND["login_failed"]] *= 1 + 5 * history.troubled[w, u]
        edges = np.cumsum(weight, axis=1)
        draw = rng.random(len(u), dtype=np.float32) * edges[:, -1]
        out[rows] = np.minimum((edges <= draw[:, None]).sum(axis=1), len(KINDS) - 1)
    return out


def _session_second(history: History, user: Ints, rng: np.random.Generator) -> Doubles:
    """Second of the UTC day at which each session starts, from the local habits."""
    habit = rng.choice([7.6, 12.5, 20.5, 22.3], size=history.people.count, p=[0.27, 0.13, 0.4, 0.2])
    local = habit[user] + 1.6 * rng.standard_normal(len(user))
    hour = np.mod(local - history.people.utc_offset_h[user], 24)
    return np.asarray(hour * 3600, dtype=np.float64)


def _contents(
    history: History, user: Ints, day: Ints, kind: Ints, titles: Titles, rng: np.random.Generator
) -> Ints:
    """The title of each event, -1 for kinds without one: people work through their topics."""
    people = history.people
    plain = np.isin(kind, [KIND[name] for name in WITHOUT_CONTENT])
    rows = np.flatnonzero(~plain)
    u = user[rows]
    draw = rng.random((3, len(rows)))
    rank = np.floor(people.breadth[u] * draw[0] ** 1.5).astype(np.int64)
    rank = np.where(
        draw[1] < EXPLORES, np.floor(TOPICS * draw[1] / EXPLORES).astype(np.int64), rank
    )
    foreign = draw[2] < np.where(people.english[u], 0.12, 0.04)
    pool = people.topics[u, rank] + TOPICS * (people.english[u] ^ foreign)
    key = u * (2 * TOPICS) + pool
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    first_of_run = np.ones(len(key), dtype=np.bool_)
    first_of_run[1:] = sorted_key[1:] != sorted_key[:-1]
    run = np.maximum.accumulate(np.where(first_of_run, np.arange(len(key)), 0))
    nth = np.empty(len(key), dtype=np.int64)
    nth[order] = np.arange(len(key)) - run
    out_now = titles.published_in_pool(pool, day[rows])
    entry = (u * 7919 + pool * 104_729) % 97  # where in a topic each learner starts
    content = np.full(len(user), -1)
    content[rows] = titles.pool_start.ravel()[pool] + (entry + nth // EVENTS_PER_TITLE) % out_now
    return content


def _progress(
    history: History, user: Ints, week: Ints, kind: Ints, rng: np.random.Generator
) -> Floats:
    """Share of the item played, for lessons, audio and columns; NaN elsewhere."""
    done = rng.beta(1.6, 1.0, len(user)) * (0.45 + 0.55 * history.people.completion[user])
    done = done * np.exp(-0.04 * history.backlog[week, user])
    value = np.full(len(user), np.nan)
    partly = np.isin(
        kind, [KIND[name] for name in ("lesson_started", "audio_played", "column_read")]
    )
    value[partly] = done[partly]
    value[kind == KIND["lesson_finished"]] = 1.0
    return np.round(value, 3).astype(np.float32)

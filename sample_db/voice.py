"""What users say: who writes when, in which mood, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sample_db.arrays import MICROSECONDS_PER_DAY, Ints, stream
from sample_db.behaviour import Sessions
from sample_db.mechanism import CAUSES
from sample_db.membership import FAILED
from sample_db.texts import topics, words
from sample_db.titles import Titles
from sample_db.world import History

TICKET_WHEN_TROUBLED = 0.75  # of those who write at all
TICKET_WHEN_CHARGE_FAILED = 0.12
PER_SESSION = {"question": 0.004, "review": 0.007, "comment": 0.009, "survey": 0.0015}
LEAVING_SURVEY = 0.05
NEVER_RESOLVED = 0.18
RATING_SPREAD = 0.95

Pairs = list[list[str]]  # sentences, each in (Chinese, English)


@dataclass(slots=True)
class _Rows:
    user: list[Ints] = field(default_factory=list)
    occurred: list[Ints] = field(default_factory=list)
    resolved: list[Ints] = field(default_factory=list)  # -1: not, or not asked for
    channel: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    rating: list[float] = field(default_factory=list)


def messages(
    history: History, visits: Sessions, titles: Titles, seed: int
) -> dict[str, np.ndarray]:
    """The message table as arrays in time order."""
    rng = stream(seed, "voice")
    people, rows, known, topic_names = history.people, _Rows(), words("messages"), topics()

    def say(user: Ints, day: Ints, channel: str, pairs: list[Pairs], rating: np.ndarray) -> None:
        second = rng.random(len(user)) * 57_600 + 1_800  # daytime in UTC+8, roughly
        occurred = day * MICROSECONDS_PER_DAY + (second * 1e6).astype(np.int64)
        wait = (rng.gamma(1.2, 2.2, len(user)) * MICROSECONDS_PER_DAY).astype(np.int64)
        open_ = (channel != "ticket") | (rng.random(len(user)) < NEVER_RESOLVED)
        rows.user.append(user)
        rows.occurred.append(occurred)
        rows.resolved.append(np.where(open_, -1, occurred + wait))
        rows.channel += [channel] * len(user)
        rows.rating += list(rating)
        pick = rng.random((2, len(user)))
        for i, u in enumerate(user):
            pair = pairs[i][int(pick[0, i] * len(pairs[i]))]
            english = int(people.english[u])
            topic = int(people.topics[u, 0])
            start, size = titles.pool_start[english, topic], titles.pool_size[english, topic]
            title = titles.title[int(start + pick[1, i] * min(size, 4))]
            text = pair[english].replace("{t}", title)
            rows.text.append(text.replace("{p}", topic_names[topic][english]))

    def unrated(user: Ints) -> np.ndarray:
        return np.full(len(user), np.nan)

    week, user = np.nonzero(history.trouble_begins[: history.calendar.weeks])
    writes = ~people.silent_sufferer[user] & (rng.random(len(user)) < TICKET_WHEN_TROUBLED)
    week, user = week[writes], user[writes]
    day = 7 * week + rng.integers(0, 7, len(user))
    say(user, day, "ticket", [known["trouble_tickets"]] * len(user), unrated(user))

    failed = [part for part in history.memberships.payments if (part["status"] == FAILED).any()]
    if failed:
        user = np.concatenate([part["user"] for part in failed])
        day = np.concatenate([part["day"] for part in failed])
        writes = rng.random(len(user)) < TICKET_WHEN_CHARGE_FAILED
        user, day = user[writes], day[writes] + 1
        say(user, day, "ticket", [known["payment_tickets"]] * len(user), unrated(user))

    for occasion, chance in PER_SESSION.items():
        at = np.flatnonzero(rng.random(len(visits.user)) < chance)
        user, day = visits.user[at], visits.day[at]
        week = day // 7
        mood = 4.25 + 0.35 * history.interest[week, user] - 1.1 * history.troubled[week, user]
        mood = mood - 0.5 * people.frustration[user] - 0.6 * (history.used_up[week, user] > 0.9)
        stars = np.clip(np.round(mood + RATING_SPREAD * rng.standard_normal(len(user))), 1, 5)
        worn = (history.used_up[week, user] > 0.8) & (rng.random(len(user)) < 0.35)
        dear = (history.price_shock[week, user] > 0.1) & (rng.random(len(user)) < 0.3)
        if occasion == "question":
            say(user, day, "ticket", [known["question_tickets"]] * len(user), unrated(user))
        elif occasion == "review":
            say(user, day, "review", [_review(s) for s in stars], stars)
        elif occasion == "comment":
            pairs = [_comment(bool(w), bool(d)) for w, d in zip(worn, dear, strict=True)]
            say(user, day, "comment", pairs, unrated(user))
        else:
            pairs = [known["good_surveys"] if s >= 4 else known["bad_surveys"] for s in stars]
            say(user, day, "survey", pairs, stars)

    leaves = np.flatnonzero(rng.random(len(history.departures["user"])) < LEAVING_SURVEY)
    user = history.departures["user"][leaves]
    day = history.departures["day"][leaves] + rng.integers(0, 10, len(leaves))
    why = [known["leaving_surveys"][CAUSES[c]] for c in history.departures["cause"][leaves]]
    say(user, day, "survey", why, np.clip(np.round(rng.normal(2.6, 1, len(user))), 1, 5))
    return _columns(history, rows)


def _review(stars: float) -> Pairs:
    if stars >= 4:
        return _pairs("good_reviews")
    return _pairs("mixed_reviews" if stars == 3 else "bad_reviews")


def _comment(worn: bool, dear: bool) -> Pairs:
    if dear:
        return _pairs("price_comments")
    return _pairs("exhausted_comments" if worn else "plain_comments")


def _pairs(name: str) -> Pairs:
    pairs: Pairs = words("messages")[name]
    return pairs


def _columns(history: History, rows: _Rows) -> dict[str, np.ndarray]:
    occurred = np.concatenate(rows.occurred)
    end = history.calendar.days * MICROSECONDS_PER_DAY
    known = occurred + 60_000_000  # a minute through the desk's inbox
    resolved = np.concatenate(rows.resolved)
    resolved = np.where(resolved >= end, -1, resolved)
    keep = np.flatnonzero(known < end)
    order = keep[np.argsort(occurred[keep], kind="stable")]
    return {
        "user": np.concatenate(rows.user)[order],
        "occurred": occurred[order],
        "known": known[order],
        "resolved": resolved[order],
        "channel": np.array(rows.channel, dtype=object)[order],
        "text": np.array(rows.text, dtype=object)[order],
        "rating": np.array(rows.rating, dtype=np.float64)[order],
    }

"""What the platform offers: about 400 invented titles in twelve topics, Chinese and English."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sample_db.arrays import Doubles, Ints
from sample_db.names import author_names
from sample_db.people import TOPICS
from sample_db.texts import words

FORMATS = ("course", "column", "audiobook")
ZH_PER_TOPIC, EN_PER_TOPIC = 24, 10
CATALOGUE_DAYS = 720  # how far back before day 0 the oldest titles go
BEFORE_SHARE = 0.55  # of the titles are out before day 0


@dataclass(frozen=True, slots=True)
class Titles:
    """One entry per title; pools (language, topic) are contiguous and sorted by publication."""

    title: list[str]
    topic: list[str]
    author: list[str]
    description: list[str]
    format: Ints
    minutes: Doubles
    price: Doubles  # CNY
    published_day: Ints
    pool_start: Ints  # (2, topics): first index of pool (0 = zh, 1 = en)
    pool_size: Ints

    @property
    def count(self) -> int:
        return len(self.title)

    def published_in_pool(self, pool: Ints, day: Ints) -> Ints:
        """How many titles of flat pool `pool` (language x topics + topic) are out on `day`."""
        starts, sizes = self.pool_start.ravel(), self.pool_size.ravel()
        out = np.ones(len(pool), dtype=np.int64)
        for p in range(len(starts)):
            rows = np.flatnonzero(pool == p)
            days = self.published_day[starts[p] : starts[p] + sizes[p]]
            out[rows] = np.maximum(np.searchsorted(days, day[rows], side="right"), 1)
        return out


def make_titles(rng: np.random.Generator, days: int) -> Titles:
    """Invent the catalogue of a platform that is observed for `days` days."""
    title: list[str] = []
    topic: list[str] = []
    author: list[str] = []
    description: list[str] = []
    format_, minutes, price, published = [], [], [], []
    starts = np.zeros((2, TOPICS), dtype=np.int64)
    sizes = np.zeros_like(starts)
    known = words("titles")
    for english, per_topic in enumerate((ZH_PER_TOPIC, EN_PER_TOPIC)):
        language = ("zh", "en")[english]
        patterns, blurbs = known["patterns"][language], known["blurbs"][language]
        for t, entry in enumerate(known["topics"]):
            subjects = entry["subjects"][language]
            choices = [(s, f, p) for s in subjects for f in FORMATS for p in patterns[f]]
            picked = rng.choice(len(choices), size=per_topic, replace=False)
            early = rng.random(per_topic) < BEFORE_SHARE
            early[:2] = True
            day = np.where(
                early,
                -1 - np.floor(CATALOGUE_DAYS * rng.random(per_topic)),
                np.floor(days * rng.random(per_topic)),
            ).astype(np.int64)
            starts[english, t], sizes[english, t] = len(title), per_topic
            people = author_names(rng, 5, english=bool(english))
            for at, release in zip(picked, np.sort(day), strict=True):
                subject, kind, pattern = choices[int(at)]
                name = people[int(rng.integers(len(people)))]
                lessons, each = int(rng.integers(12, 48)), int(rng.integers(8, 22))
                text = pattern.format(s=subject)
                title.append(text[0].upper() + text[1:])
                topic.append(entry[language])
                author.append(name)
                blurb = blurbs[int(rng.integers(len(blurbs)))]
                description.append(blurb.format(author=name, s=subject, n=lessons, m=each))
                format_.append(FORMATS.index(kind))
                minutes.append(float(lessons * each))
                base = (99.0, 68.0, 29.0)[FORMATS.index(kind)]
                price.append(float(np.round(base * np.exp(0.45 * rng.standard_normal())) + 0.9))
                published.append(int(release))
    return Titles(
        title, topic, author, description, np.array(format_), np.array(minutes),
        np.array(price), np.array(published), starts, sizes,
    )  # fmt: skip

"""Invented people: names, addresses that cannot be delivered, telephone numbers that never ring."""

from __future__ import annotations

import json

import numpy as np

from sample_db.arrays import stream
from sample_db.people import People
from sample_db.seasons import LEARNER_KINDS
from sample_db.texts import words

OCCUPATIONS = (("student", "teacher"), ("engineer", "manager", "clerk"), ("retired", "freelance"))
MAIL_DOMAINS = ("example.com", "example.org", "example.net")
NO_EMAIL_SHARE, NO_CITY_SHARE, NO_ATTRIBUTES_SHARE, NO_SENSITIVE_SHARE = 0.02, 0.08, 0.35, 0.25


def author_names(rng: np.random.Generator, count: int, *, english: bool) -> list[str]:
    """Names for invented authors."""
    return [person(rng, english=english)[0] for _ in range(count)]


def profile_rows(people: People, seed: int) -> dict[str, list[object]]:
    """What the users' profiles show, column by column (users in order)."""
    rng, known = stream(seed, "profiles"), words("names")
    out: dict[str, list[object]] = {
        name: []
        for name in (
            "name", "email", "phone", "locale", "timezone", "city", "channel", "attributes",
            "gender", "birth_year",
        )
    }  # fmt: skip
    draw = rng.random((people.count, 5))
    for user in range(people.count):
        english = bool(people.english[user])
        name, ascii_name = person(rng, english=english)
        number = int(rng.integers(10_000))
        domain = MAIL_DOMAINS[number % len(MAIL_DOMAINS)]
        offset = int(people.utc_offset_h[user])
        if english:
            places = known["en_cities"][str(offset)]
            city, zone = places[number % len(places)]
            phone = (
                f"+1 202-555-01{number % 100:02d}"
                if offset < 0
                else f"+44 7700 900{number % 1000:03d}"
            )
        else:
            city, zone = known["zh_cities"][number % len(known["zh_cities"])], "Asia/Shanghai"
            phone = f"+86 100 0000 {number:04d}"
        learner = int(people.learner[user])
        jobs = OCCUPATIONS[learner]
        age = int(np.clip(rng.normal((22, 34, 45)[learner], (3, 7, 13)[learner]), 16, 78))
        attributes = {"occupation": jobs[number % len(jobs)], "goal": LEARNER_KINDS[learner]}
        out["name"].append(name)
        email = f"{ascii_name}{user}@{domain}"
        out["email"].append(email if draw[user, 0] >= NO_EMAIL_SHARE else None)
        out["phone"].append(phone)
        out["locale"].append("en" if english else "zh-CN")
        out["timezone"].append(zone)
        out["city"].append(city if draw[user, 1] >= NO_CITY_SHARE else None)
        out["channel"].append(known["channels"][int(6 * draw[user, 2] ** 1.4)])
        filled_in = draw[user, 3] >= NO_ATTRIBUTES_SHARE
        out["attributes"].append(json.dumps(attributes) if filled_in else None)
        told = draw[user, 4] >= NO_SENSITIVE_SHARE
        out["gender"].append(("female", "male")[number % 2] if told else None)
        out["birth_year"].append(2026 - age if told else None)
    return out


def person(rng: np.random.Generator, *, english: bool) -> tuple[str, str]:
    """A name, and how its owner would spell it in an address."""
    known = words("names")
    if english:
        first, last = (_pick(known[part], rng.random()) for part in ("en_first", "en_last"))
        return f"{first} {last}", f"{first}.{last}".lower()
    # Common surnames stand first in the list.
    surname = _pick(known["zh_surnames"], rng.random() ** 1.4).split(":")
    given = _pick(known["zh_given"], rng.random()).split(":")
    return surname[0] + given[0], f"{surname[1]}.{given[1]}"


def _pick(words_: list[str], at: float) -> str:
    return words_[int(len(words_) * at)]

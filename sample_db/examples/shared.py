"""Tables that several examples have: customers, terms, tickets; and a little dirt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sample_db.arrays import Ints
from sample_db.examples import files
from sample_db.examples.lives import Lives

CITIES = ("北京", "上海", "广州", "成都", "杭州", "武汉")
STATUS_SHARE = (0.95, 0.035, 0.015)
COMPLAINTS = ("播放卡顿，打不开", "扣费有疑问，请核对", "怎么取消自动续费", "客服一直没有回复")


@dataclass(frozen=True, slots=True)
class Terms:
    """T consecutive terms, by customer and then by time."""

    user: Ints  # (T,)
    start_day: Ints  # (T,) days since the start of the data


def ids(prefix: str, numbers: npt.NDArray[Any]) -> list[str]:
    """Names such as U00042."""
    return [f"{prefix}{number:05d}" for number in numbers.tolist()]


def users(
    lives: Lives,
    path: Path,
    *,
    user: str,
    joined: str,
    city: str = "",
    extra: Mapping[str, Any] | None = None,
) -> None:
    """The table of customers, with the column names of the trade."""
    names, addresses = lives.people()
    prefix = {"customer_id": "C", "msisdn_hash": "S", "client_id": "K", "learner_id": "L"}
    columns: dict[str, Any] = {
        user: ids(prefix.get(user, "U"), np.arange(len(lives))),
        joined: lives.joined_on(),
        "name": names,
        "email": addresses,
        "agreed_marketing": lives.consents().astype(int),
    }
    if city:
        columns[city] = [CITIES[number % len(CITIES)] for number in range(len(lives))]
    files.csv(path, columns | dict(extra or {}))


def terms(lives: Lives, term_days: int, *, share: float) -> Terms:
    """Who of a `share` of the customers holds a term: renewed while the customer is there."""
    rng = lives.rng("terms")
    buys = rng.random(len(lives)) < share
    user, start = [], []
    for member in np.flatnonzero(buys).tolist():
        # A term of before the data runs on into them.
        day = int(lives.joined[member])
        day += max(0, -day // term_days) * term_days
        while day < lives.days:
            if not lives.present[member, max(day, 0) // 7]:
                break
            user.append(member)
            start.append(day)
            day += term_days
    return Terms(np.array(user, dtype=np.int64), np.array(start, dtype=np.int64))


def statuses(rng: np.random.Generator, count: int, words: tuple[str, str, str]) -> list[str]:
    """Mostly the first of the words for succeeded, failed and refunded."""
    return [words[number] for number in rng.choice(3, count, p=STATUS_SHARE).tolist()]


def with_dirt(columns: dict[str, Any], *, status: str) -> dict[str, Any]:
    """`columns` with three rows that a loader must put aside: a status that no mapping knows."""
    words = list(columns["status"])
    for number in (1, len(words) // 2, len(words) - 2):
        words[number] = status
    return columns | {"status": words}


def tickets(
    lives: Lives,
    path: Path,
    *,
    user: str,
    prefix: str,
    opened: str = "created_at",
    text: str = "text",
) -> None:
    """Complaints: rather from those whose interest is low."""
    rng = lives.rng("tickets")
    asked = lives.act("tickets", 0.012, pull=-0.8)
    words = rng.integers(0, len(COMPLAINTS), len(asked.user))
    files.csv(
        path,
        {
            "ticket_id": ids("Q", np.arange(len(asked.user))),
            user: ids(prefix, asked.user),
            opened: lives.moments(asked.second),
            text: [COMPLAINTS[number] for number in words.tolist()],
        },
    )

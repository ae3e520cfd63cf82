"""Customers who join, whose interest rises and falls, and who leave: the core of the examples."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import numpy.typing as npt

from sample_db.arrays import Bools, Doubles, Ints, stream
from sample_db.names import person

DAY_S = 86_400
JOINED_BEFORE_SHARE = 0.55  # customers from before the first week
INTEREST_MEMORY = 0.93  # of a week's interest that the next one keeps
LEAVES_AT_NO_INTEREST = -3.9  # log-odds of leaving in a week, at interest 0
INTEREST_HOLDS = 1.5  # log-odds of leaving that a unit of interest takes away
HOURS = np.array([0.2, 0.1, 0.1, 0.1, 0.1, 0.2, 0.6, 1.2, 1.4, 1.2, 1.1, 1.1,
                  1.6, 1.3, 1.0, 1.0, 1.1, 1.3, 1.6, 2.0, 2.6, 2.6, 1.8, 0.8])  # fmt: skip
"""How busy each hour of the local day is."""


@dataclass(frozen=True, slots=True)
class Actions:
    """N things done, in the order of time; `interest` is that of the week in which it was done."""

    user: Ints  # (N,)
    second: Ints  # (N,) local seconds since the start of the data
    interest: Doubles  # (N,)


@dataclass(frozen=True, slots=True)
class Lives:
    """U customers over W weeks."""

    start: datetime  # local midnight at which the data begin
    joined: Ints  # (U,) day on which a customer joined; negative: before the data begin
    interest: Doubles  # (U, W)
    present: Bools  # (U, W)
    seed: int
    name: str

    @classmethod
    def draw(cls, users: int, weeks: int, *, end: date, seed: int, name: str) -> Lives:
        """The customers of the business `name`, whose last day of data is `end`."""
        rng = stream(seed, f"{name} lives")
        steady = rng.normal(0.0, 0.7, users)
        interest = np.empty((users, weeks))
        now = steady + rng.normal(0.0, 0.6, users)
        for week in range(weeks):
            drift = (1 - INTEREST_MEMORY) * (steady - 0.2) + rng.normal(0.0, 0.28, users)
            now = INTEREST_MEMORY * now + drift
            interest[:, week] = now
        old = rng.random(users) < JOINED_BEFORE_SHARE
        before = -rng.integers(1, 500, users)
        joined = np.where(old, before, rng.integers(0, weeks * 7 - 21, users))
        log_odds = LEAVES_AT_NO_INTEREST - INTEREST_HOLDS * interest
        stays = rng.random((users, weeks)) > 1 / (1 + np.exp(-log_odds))
        here = np.arange(weeks)[None, :] >= np.maximum(joined, 0)[:, None] // 7
        # Nobody leaves before the first week: what was drawn there does not count.
        present = np.logical_and.accumulate(stays | ~here, axis=1) & here
        first = datetime(end.year, end.month, end.day) + timedelta(days=1 - weeks * 7)
        return cls(first, joined, interest, present, seed, name)

    def __len__(self) -> int:
        return len(self.joined)

    @property
    def days(self) -> int:
        return 7 * int(self.present.shape[1])

    def rng(self, concept: str) -> np.random.Generator:
        """A random stream for one concept of this business."""
        return stream(self.seed, f"{self.name} {concept}")

    def act(self, concept: str, per_week: float, *, pull: float = 0.7) -> Actions:
        """What present customers do `per_week` times at interest 0; `pull`: more with interest."""
        rng = self.rng(concept)
        rate = per_week * np.exp(pull * np.clip(self.interest, -3, 3)) * self.present
        counts = rng.poisson(rate)
        user, week = (np.repeat(index, counts.ravel()) for index in np.indices(counts.shape)
                      .reshape(2, -1))  # fmt: skip
        hour = rng.choice(24, len(user), p=HOURS / HOURS.sum())
        second = (week * 7 + rng.integers(0, 7, len(user))) * DAY_S
        second += hour * 3600 + rng.integers(0, 3600, len(user))
        late_enough = second >= self.joined[user] * DAY_S
        order = np.lexsort((user[late_enough], second[late_enough]))
        user, week, second = (part[late_enough][order] for part in (user, week, second))
        return Actions(user.astype(np.int64), second.astype(np.int64), self.interest[user, week])

    def moments(self, second: Ints) -> npt.NDArray[np.datetime64]:
        """Local times, to the second."""
        return np.datetime64(self.start, "s") + second.astype("timedelta64[s]")

    def joined_on(self) -> npt.NDArray[np.datetime64]:
        """The local days on which the customers joined."""
        return np.datetime64(self.start, "D") + self.joined.astype("timedelta64[D]")

    def people(self) -> tuple[list[str], list[str]]:
        """Invented names and addresses that cannot be delivered."""
        rng = self.rng("people")
        named = [person(rng, english=False) for _ in range(len(self))]
        addresses = [f"{spelt}{number}@example.com" for number, (_, spelt) in enumerate(named)]
        return [name for name, _ in named], addresses

    def consents(self) -> Bools:
        """Who agreed to marketing."""
        return np.asarray(self.rng("consent").random(len(self)) < 0.8)

"""Users of the past who resemble one user: facts that cross to the screens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.types import InterventionRow, Words

CAVEAT = Words(
    "相似不等于原因：他们之后怎样，不能证明当时的做法有效。",
    "Alike is not why: what became of them does not prove that what was done helped.",
)


@dataclass(frozen=True, slots=True)
class SimilarUser:
    """One user as known at a past cutoff, and what followed."""

    user_id: str
    name: str
    cutoff: datetime
    left: bool
    distance: float  # of the middle distance between two users; 0: alike in all that counts
    closeness: Words
    alike: tuple[Words, ...]  # what is unusual about both
    unlike: Words | None  # what differs most; None: nothing does
    contacts: tuple[InterventionRow, ...]  # decided from the cutoff to the end of the window


@dataclass(frozen=True, slots=True)
class SimilarReport:
    """The nearest who stayed and who left, of all users at the newest cutoffs with known labels."""

    user_id: str
    name: str
    segment: str
    cutoff: datetime
    compared: int  # users of the past
    past: tuple[datetime, ...]  # the cutoffs that they are taken from
    nearest: int  # so many of the nearest …
    nearest_left: int  # … of whom so many left
    stayed: tuple[SimilarUser, ...]  # nearest first
    left: tuple[SimilarUser, ...]
    caveat: Words = CAVEAT

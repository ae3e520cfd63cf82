"""What an edit is: something that an operator could cause, as rows of one user's history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from engine.timeline import ChurnRule
from engine.types import Words
from engine.whatif.history import Change

YESTERDAY = timedelta(days=1)
"""How long before the cutoff a payment, a renewal or a solution is put."""

ID = "whatif"
"""Begins the ids of rows that never were."""

Purpose = Literal["use", "content", "support", "payment", "term", "purchase"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that could be caused."""

    code: str
    purpose: Purpose  # two edits of one purpose stand in for each other
    words: Words
    change: Change
    groups: frozenset[str]  # reason groups whose templates aim at this
    offer: bool = False  # by a discount


@dataclass(frozen=True, slots=True)
class UsualKind:
    """A kind of event as it is usual on the platform."""

    kind: str
    duration_s: float | None
    value: float | None
    with_content: bool


@dataclass(frozen=True, slots=True)
class Possible:
    """What the workspace and its settings make possible for one user."""

    rule: ChurnRule
    facts: frozenset[str]
    currency: str
    percent: float  # of a discount; 0: none may be given
    usual: tuple[UsualKind, ...]  # most frequent first
    next_content: tuple[str, str] | None  # id and title of a content to finish; None: there is none


def before(moment: datetime | None, cutoff: datetime) -> bool:
    """Whether what `moment` says had happened at the cutoff."""
    return moment is not None and moment < cutoff

"""What a what-if tells: facts that cross to the screens, standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.types import Interval, Words

CAVEAT = Words(
    "这是模型的看法，不是已证实的效果：模型把这些行为与留存联系在一起，促成它们未必有同样的作用。",
    "The model's view, not a proven effect: it goes by what users do who stay; to cause the same "
    "may do less.",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What campaigns that aimed at the same have shown, everyone counted as assigned."""

    templates: tuple[str, ...]
    campaigns: int
    lift: Interval | None  # difference in retention, 95 %; None: not measured, or too few users
    words: Words


@dataclass(frozen=True, slots=True)
class Possibility:
    """The risk if one thing, or two together, had happened in the last days."""

    codes: tuple[str, ...]
    words: Words
    risk: float
    change: float  # risk minus the present risk; below 0: lower
    decided: bool  # the churn rule itself already counts the user as staying
    measured: Measured


@dataclass(frozen=True, slots=True)
class WhatIfReport:
    """One user's present risk, and what would change it by the model in service."""

    user_id: str
    name: str
    segment: str
    cutoff: datetime
    model_id: str
    risk: float  # computed anew from the rows loaded now
    run_risk: float  # as the newest scoring run has it; other only where the data have changed
    possibilities: tuple[Possibility, ...]  # what lowers the risk most comes first
    pair: Possibility | None  # the two together that lower it most, where that beats either alone
    caveat: Words = CAVEAT

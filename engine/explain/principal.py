"""Which of a user's reasons are told one by one; what is shown adds up to the whole."""

from __future__ import annotations

from dataclasses import dataclass

from engine.explain.order import LEAST_SHARE, raising_first
from engine.types import Explanation, Reason, Words

COMPARED = Words("；", "; ")
"""In a reason's sentence: between what is so and what it is compared with."""

PAUSES = " ，、；"
"""After these a long sentence goes on in the next line."""

MOST_RAISING, MOST_STAYING = 4, 3
"""Reasons told one by one: more are not read."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Reasons told as one."""

    count: int
    contribution: float
    share: float


@dataclass(frozen=True, slots=True)
class Principal:
    """An explanation as a person reads it.

    The contributions of `raising`, `staying` and `further` and the remainder add up to the user's
    log-odds less those of retained users of the segment.
    """

    raising: tuple[Reason, ...]  # what raises the risk, what sets the user apart first
    staying: tuple[Reason, ...]  # what speaks for staying, largest first
    further: Rest  # all other reasons together
    remainder: float  # what no reason accounts for
    remainder_share: float
    remainder_shown: bool  # is it large enough to be told


def principal(
    explanation: Explanation, *, raising: int = MOST_RAISING, staying: int = MOST_STAYING
) -> Principal:
    """At most `raising` reasons that raise the risk and `staying` that lower it, and the rest."""
    told = [reason for reason in explanation.reasons if abs(reason.share) >= LEAST_SHARE]
    up = raising_first(told)[:raising]
    down = tuple(reason for reason in told if reason.contribution < 0)[:staying]
    others = [reason for reason in explanation.reasons if reason not in (*up, *down)]
    pull = sum(abs(reason.contribution) for reason in explanation.reasons)
    pull += abs(explanation.remainder)
    share = explanation.remainder / pull if pull else 0.0
    return Principal(
        raising=up,
        staying=down,
        further=Rest(
            len(others),
            sum(reason.contribution for reason in others),
            sum(reason.share for reason in others),
        ),
        remainder=explanation.remainder,
        remainder_share=share,
        remainder_shown=abs(share) > LEAST_SHARE,
    )

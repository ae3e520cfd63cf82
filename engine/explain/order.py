"""In which order the reasons that raise a risk are told: what sets this user apart goes first.

Nearly everyone at risk is quiet of late, whatever drove them: by size alone, "less use" would head
every list and hide the failed charge behind it. Sizes stay what they are; only the order changes.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.types import Reason

UNUSUAL = 1.0
"""Standard deviations above the usual contribution of the group, from which a reason leads."""

LEAST_SHARE = 0.01
"""Of all that pulls either way; what is below it is never told on its own, nor does it lead."""

CIRCUMSTANCES = frozenset({"history", "calendar", "sequence"})
"""Groups that say in what circumstances a user is and not what is wrong; they are told last."""


def raising_first(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """The reasons that raise the risk: the unusual ones, then the others by size, then the
    circumstances."""
    return tuple(sorted((r for r in reasons if r.contribution > 0), key=_rank))


def _rank(reason: Reason) -> tuple[int, float]:
    if reason.group in CIRCUMSTANCES:
        return 2, -reason.contribution
    unusual = reason.above_usual
    if unusual is not None and unusual >= UNUSUAL and reason.share >= LEAST_SHARE:
        return 0, -unusual
    return 1, -reason.contribution

"""The edits that one user is offered, and which of them go together."""

from __future__ import annotations

from itertools import combinations

from engine.whatif.edit import Edit, Possible
from engine.whatif.history import History
from engine.whatif.payments import (
    lower_price,
    payment_repaired,
    purchase,
    renewal_on,
    term_renewed,
)
from engine.whatif.use import content_finished, tickets_solved, two_visits

EDITS = (
    two_visits,
    content_finished,
    tickets_solved,
    payment_repaired,
    renewal_on,
    term_renewed,
    lower_price,
    purchase,
)


def offered(history: History, possible: Possible) -> tuple[Edit, ...]:
    """Every edit that can be told of this user, at most one of a code."""
    found = (edit(history, possible) for edit in EDITS)
    return tuple(edit for edit in found if edit is not None)


def pairs(edits: tuple[Edit, ...]) -> tuple[tuple[Edit, Edit], ...]:
    """Two edits at a time that do not stand in for each other."""
    return tuple(
        (one, other) for one, other in combinations(edits, 2) if one.purpose != other.purpose
    )

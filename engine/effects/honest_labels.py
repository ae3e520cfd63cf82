"""Labels after contact: the outcome of a contacted user is not the risk of doing nothing.

The target is churn if nothing is done. Every (user, cutoff) row is one of four, first that fits:
treated inside the label window (dropped from the fit), held out inside it (the only evidence on
people like those we contact), treated before the cutoff (history, and legitimate), untreated.
Models are fitted on the rows that are left and calibrated with those rows weighted by
1 / P(not treated). Labels themselves are never edited.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.effects.assignment import HOLDOUT
from engine.errors import DataError
from engine.types import LabelCounts, Words

UNTREATED, HELD_OUT, TREATED_INSIDE, TREATED_BEFORE = 0, 1, 2, 3
"""Codes of a row's status."""

MAX_WEIGHT = 20.0
"""Above it a handful of held-out rows would rule the calibration."""


@dataclass(frozen=True, slots=True)
class Contacts:
    """M planned actions from the intervention log; times are naive UTC."""

    user_ids: NDArray[np.object_]  # (M,) str
    decided_at: NDArray[np.datetime64]  # (M,)
    sent_at: NDArray[np.datetime64]  # (M,) NaT: never sent (held out, suppressed, cancelled)
    arms: NDArray[np.object_]  # (M,) "holdout" or a treatment
    propensity: NDArray[np.float64]  # (M,) of the arm taken
    draws: NDArray[np.object_] | None = None  # (M,) salt of the draw; None: one draw for all


@dataclass(frozen=True, slots=True)
class HonestLabels:
    """What the log says about N labelled rows."""

    status: NDArray[np.int8]  # (N,) UNTREATED, HELD_OUT, TREATED_INSIDE or TREATED_BEFORE
    training_mask: NDArray[np.bool_]  # (N,) rows whose label is churn with nothing done
    weight: NDArray[np.float64]  # (N,) to calibrate and measure with: 1 / P(not treated) ≤ 20
    counts: LabelCounts
    verifiable: bool  # False: users were contacted and nobody like them was held out
    words: Words


def honest_labels(
    user_ids: NDArray[Any],
    cutoffs: NDArray[np.datetime64] | datetime,
    contacts: Contacts,
    window: timedelta,
) -> HonestLabels:
    """The status and weights of N rows: `user_ids` (N,) at `cutoffs` (N,), or all at one cutoff.

    `window` = lead + horizon: a contact at t is inside when cutoff ≤ t < cutoff + window; it counts
    when it was sent, a held-out decision when it was taken. A treatment never sent changes nothing
    and leaves the row as it is. Repeated decisions of one draw (the global holdout) count once;
    different draws multiply. Raises `DataError` for a holdout without a probability in (0, 1].
    """
    moment = np.dtype("datetime64[us]")
    start = np.broadcast_to(np.asarray(cutoffs, dtype=moment), len(user_ids))
    stop = start + np.timedelta64(window // timedelta(microseconds=1), "us")
    held = contacts.arms == HOLDOUT
    sent = ~held & ~np.isnat(contacts.sent_at)
    _check_propensity(contacts, held)

    clock = _Clock(
        user_ids,
        start,
        stop,
        np.concatenate([contacts.user_ids[sent], contacts.user_ids[held]]),
        np.concatenate([contacts.sent_at[sent], contacts.decided_at[held]]).astype(moment),
    )
    treated = np.arange(int(sent.sum()))
    first, last, earliest = clock.spans(treated)
    inside, before = last > first, first > earliest

    order, begin, end = clock.ordered(np.arange(len(treated), len(treated) + int(held.sum())))
    log_p = np.log(contacts.propensity[held])[order]
    draws = None if contacts.draws is None else contacts.draws[held][order]
    not_treated = np.exp(_sum_of_draws(log_p, draws, begin, end))

    status = np.full(len(user_ids), UNTREATED, dtype=np.int8)
    status[before] = TREATED_BEFORE
    status[end > begin] = HELD_OUT
    status[inside] = TREATED_INSIDE
    weight = np.minimum(1 / not_treated, MAX_WEIGHT)
    weight[inside] = 0.0
    counts = LabelCounts(
        untreated=int((status == UNTREATED).sum()),
        holdout=int((status == HELD_OUT).sum()),
        treated_inside=int(inside.sum()),
        treated_before=int((status == TREATED_BEFORE).sum()),
        dropped=int(inside.sum()),
    )
    verifiable = not counts.treated_inside or counts.holdout > 0
    return HonestLabels(status, ~inside, weight, counts, verifiable, _words(counts, verifiable))


class _Clock:
    """Contacts found by (user, time): users and instants become ranks, so edges are exact."""

    def __init__(
        self,
        user_ids: NDArray[Any],
        start: NDArray[np.datetime64],
        stop: NDArray[np.datetime64],
        contact_users: NDArray[Any],
        contact_times: NDArray[np.datetime64],
    ) -> None:
        _, who = np.unique(
            np.concatenate([user_ids, contact_users]).astype(str), return_inverse=True
        )
        times, when = np.unique(np.concatenate([start, stop, contact_times]), return_inverse=True)
        n, span = len(user_ids), len(times)
        self._user = who[:n] * span
        self._start = self._user + when[:n]
        self._stop = self._user + when[n : 2 * n]
        self._contact = who[n:] * span + when[2 * n :]

    def ordered(
        self, which: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """The order of the contacts `which`, and each row's slice of that order: its window."""
        keys = self._contact[which]
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        return order, np.searchsorted(keys, self._start), np.searchsorted(keys, self._stop)

    def spans(
        self, which: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Per row the first contact in its window, the first after it, and the user's first."""
        keys = np.sort(self._contact[which])
        return (
            np.searchsorted(keys, self._start),
            np.searchsorted(keys, self._stop),
            np.searchsorted(keys, self._user),
        )


def _sum_of_draws(
    log_p: NDArray[np.float64],
    draws: NDArray[np.object_] | None,
    begin: NDArray[np.intp],
    end: NDArray[np.intp],
) -> NDArray[np.float64]:
    """(N,) log P(held out in every draw) over each slice; the same draw counts once, at its least
    probable share."""
    total = np.zeros(len(begin))
    for row in np.flatnonzero(end > begin):
        piece = slice(begin[row], end[row])
        if draws is None:
            total[row] = log_p[piece].min()
        else:
            least: dict[str, float] = {}
            for name, value in zip(draws[piece], log_p[piece], strict=True):
                least[name] = min(value, least.get(name, 0.0))
            total[row] = sum(least.values())
    return total


def _check_propensity(contacts: Contacts, held: NDArray[np.bool_]) -> None:
    wrong = held & ~((contacts.propensity > 0) & (contacts.propensity <= 1))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            "bad_propensity",
            f"The held-out user {contacts.user_ids[row]!r} has the propensity "
            f"{contacts.propensity[row]}",
            why="A logged draw has a probability above 0 and at most 1",
            next_step="Mend that row of the intervention log and load it again",
        )


def _words(counts: LabelCounts, verifiable: bool) -> Words:
    zh = (
        f"未干预 {counts.untreated:,} 行，对照 {counts.holdout:,} 行，"
        f"此前干预过 {counts.treated_before:,} 行；"
        f"窗口内干预 {counts.treated_inside:,} 行，不参与训练。"
    )
    en = (
        f"{counts.untreated:,} rows untreated, {counts.holdout:,} held out, "
        f"{counts.treated_before:,} contacted before the cutoff; "
        f"{counts.treated_inside:,} contacted inside the window and left out of training."
    )
    if not verifiable:
        zh += "没有对照组，被触达人群的得分无法验证。"
        en += " There is no holdout, so scores of contacted segments can't be verified."
    return Words(zh, en)

"""Time: cutoff, lead, horizon, embargo, maturity; and the churn rules.

A cutoff c is the instant at which the past ends: features use rows with `known_at < c`. The label
looks at the window [c + lead, c + lead + horizon). A cutoff is mature once that window is closed
by the data. Training cutoffs must be mature before the first validation or test cutoff begins
(embargo), so that no label of the future leaks into the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal

from engine.errors import DataError

RuleKind = Literal["inactive", "lapsed", "no_payment", "label"]


@dataclass(frozen=True, slots=True)
class ChurnRule:
    """What 'leaves' means in this business; versioned with the data it was loaded with.

    - `inactive`: no event (of `kinds`) in the label window or the grace after it.
    - `no_payment`: no payment (of `statuses`) in the label window or the grace after it.
    - `lapsed`: no subscription is left running at the end of the window; terms that follow each
      other within the grace are one membership.
    - `label`: given by the table `outcomes` for the dates in its `as_of`.

    Who is on pause when the window ends has not left. Every field after the horizon has a default,
    so that rules kept as JSON by older versions stay readable.
    """

    kind: RuleKind
    horizon_days: int
    lead_days: int = 0
    active_within_days: int = 30  # eligible: the rule's own activity seen this recently
    grace_days: int = 0
    kinds: tuple[str, ...] = ()  # of events that count as activity; empty: all
    statuses: tuple[str, ...] = ("succeeded",)  # of payments that count as one
    refunds_undo: bool = True  # a refund takes its payment, or the rest of its term, back
    include_trials: bool = False  # eligible: users whose only running subscriptions are trials
    include_paused: bool = False  # eligible: users whose only running subscriptions are on pause
    minimum_history_days: int = 0  # eligible: signed up at least so long before the cutoff
    minimum_payments: int = 0  # eligible: payments known before the cutoff

    @property
    def lead(self) -> timedelta:
        return timedelta(days=self.lead_days)

    @property
    def horizon(self) -> timedelta:
        return timedelta(days=self.horizon_days)

    @property
    def grace(self) -> timedelta:
        return timedelta(days=self.grace_days)

    def window(self, cutoff: datetime) -> tuple[datetime, datetime]:
        """The half-open label window of `cutoff`."""
        start = cutoff + self.lead
        return start, start + self.horizon

    def matures_at(self, cutoff: datetime) -> datetime:
        """When the label of `cutoff` is known."""
        return self.window(cutoff)[1] + self.grace

    def mature(self, cutoff: datetime, as_of: datetime) -> bool:
        """Whether data that end at `as_of` (exclusive) tell the label of `cutoff`."""
        return self.matures_at(cutoff) <= as_of


@dataclass(frozen=True, slots=True)
class CutoffPlan:
    """Which cutoffs fit, stop early, calibrate and test: ascending midnights UTC.

    Between two phases lies an embargo: every label of one phase is closed when the first cutoff
    of the next begins.
    """

    train: tuple[datetime, ...]
    validate: datetime
    calibrate: datetime
    test: tuple[datetime, ...]

    @property
    def all(self) -> tuple[datetime, ...]:
        """Every cutoff, ascending."""
        return (*self.train, self.validate, self.calibrate, *self.test)


ENOUGH_TRAINING_CUTOFFS = 3
"""Short histories give up test cutoffs beyond the first until so many are left to learn from."""

WEEK = timedelta(days=7)
GRID_ORIGIN = datetime(1970, 1, 4)  # a Sunday; any weekday would do, so long as it stays


def plan_cutoffs(
    rule: ChurnRule,
    *,
    first_at: datetime,
    as_of: datetime,
    cutoffs: int,
    every_days: int,
    test_cutoffs: int,
    given: Sequence[datetime] = (),
) -> CutoffPlan:
    """The newest mature cutoffs test; calibration, validation and training go before them.

    `first_at` and `as_of` bound the data. Cutoffs a week or more apart are Sundays, so that a
    nightly retrain meets the snapshots of the night before: one new cutoff a week, and a test that
    is at most six days older than the data allow. A history too short for the whole plan counts
    days instead, gets fewer training cutoffs, then fewer test cutoffs; the embargo is never given
    up. Raises `DataError` with the days that are needed when not even one cutoff a phase fits.
    The rule `label` knows only the dates `given`.
    """
    if rule.kind == "label":
        return plan_given(rule, given, cutoffs=cutoffs)
    span = rule.matures_at(first_at) - first_at
    every = timedelta(days=every_days)
    if every >= WEEK:
        weekly = _plan(rule, first_at, as_of, cutoffs, every, test_cutoffs, _sunday_at_or_before)
        if weekly is not None and len(weekly.train) == cutoffs:
            return weekly
    enough = min(cutoffs, ENOUGH_TRAINING_CUTOFFS)
    for tests in range(test_cutoffs, 0, -1):
        plan = _plan(rule, first_at, as_of, cutoffs, every, tests, _midnight_at_or_before)
        if plan is not None and (tests == 1 or len(plan.train) >= enough):
            return plan
    needed = (history(rule) + 4 * span).days + 1
    raise DataError(
        "history_too_short",
        f"The data cover {(as_of - first_at).days} days",
        why=f"Training, validation, calibration and test under this churn rule "
        f"({rule.lead_days} days lead, {rule.horizon_days} days horizon) need {needed} days",
        next_step="Load a longer history, or shorten horizon_days in the mapping",
    )


def _plan(
    rule: ChurnRule,
    first_at: datetime,
    as_of: datetime,
    cutoffs: int,
    every: timedelta,
    tests: int,
    floor: Callable[[datetime], datetime],
) -> CutoffPlan | None:
    span = rule.matures_at(first_at) - first_at
    newest_test = floor(as_of - span)
    test = tuple(floor(newest_test - every * back) for back in reversed(range(tests)))
    calibrate = floor(test[0] - span)
    validate = floor(calibrate - span)
    newest_train = floor(validate - span)
    earliest = first_at + history(rule)
    wished = (floor(newest_train - every * back) for back in reversed(range(cutoffs)))
    train = tuple(cutoff for cutoff in wished if cutoff >= earliest)
    return CutoffPlan(train, validate, calibrate, test) if train else None


def history(rule: ChurnRule) -> timedelta:
    """How much past a cutoff needs: as far back as the label looks ahead, or eligibility looks.

    Where a minimum of history is asked for, an earlier cutoff would have nobody to speak of.
    """
    looks_back = min(rule.active_within_days, rule.horizon_days)
    return timedelta(days=max(1, looks_back, rule.minimum_history_days))


def plan_given(rule: ChurnRule, given: Sequence[datetime], *, cutoffs: int) -> CutoffPlan:
    """The phases when labels are given for the dates `given` (ascending) and for no others.

    The newest date tests; calibration, validation and up to `cutoffs` training dates go before
    it, each behind the embargo. Raises `DataError` when the dates are too few or too close.
    """
    span = rule.matures_at(datetime.min) - datetime.min

    def newest(before: datetime | None) -> datetime | None:
        found = [date for date in given if before is None or date + span <= before]
        return found[-1] if found else None

    test = newest(None)
    calibrate = test and newest(test)
    validate = calibrate and newest(calibrate)
    train = [date for date in given if validate and date + span <= validate]
    if not (test and calibrate and validate and train):
        raise DataError(
            "too_few_label_dates",
            f"The given labels speak of {len(given)} dates (as_of)",
            why="Training, validation, calibration and test need four of them, each at least "
            f"{span.days} days after the one before",
            next_step="Load labels of earlier dates into outcomes.as_of, or use another churn rule",
        )
    return CutoffPlan(tuple(train[-cutoffs:]), validate, calibrate, (test,))


def _midnight_at_or_before(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time())


def _sunday_at_or_before(moment: datetime) -> datetime:
    return GRID_ORIGIN + (moment - GRID_ORIGIN) // WEEK * WEEK

"""Intervals of the risk: they hold the rate they speak of, and days agree with the risk itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.evaluation.coverage import interval_coverage
from engine.features.frame import EventTimes, FeatureFrame, LabelledFrame, no_sequences
from engine.models.calibration import sigmoid
from engine.models.intervals import LEVEL, RiskIntervals
from engine.store.codec import from_json, to_json
from engine.training.calibrate import fit_calibration
from engine.training.intervals import (
    PRIOR_CUTOFFS,
    PRIOR_DRIFT,
    course_days,
    fit_intervals,
    rehearsed_drift,
)

HORIZON = 28
LEAD = 7


def users(
    log_odds: NDArray[np.float64],
    generator: np.random.Generator,
    event: Literal["leave", "return"] = "return",
    cutoff: str = "2026-03-01",
) -> LabelledFrame:
    """One row a user; he leaves by his log-odds, and whom the event comes to, by a day at random.

    Those of higher log-odds return later, and leave sooner.
    """
    rows = len(log_odds)
    label = generator.random(rows) < sigmoid(log_odds)
    day = generator.uniform(0, HORIZON, rows) ** np.where(log_odds > 0, 1.0, 0.8)
    came = label == (event == "leave")
    frame = FeatureFrame(
        np.array([f"u{number}" for number in range(rows)], object),
        np.full(rows, np.datetime64(cutoff, "s")),
        np.full(rows, "", object),
        ("score",),
        log_odds[:, None].astype(np.float32),
        no_sequences(rows),
    )
    times = EventTimes(
        event,
        HORIZON,
        np.where(came, day, np.inf).astype(np.float32),
        np.full(rows, HORIZON, np.float32),
    )
    return LabelledFrame(frame, label.astype(np.float32), np.ones(rows, np.float32), times)


def fitted(event: Literal["leave", "return"] = "return", rows: int = 4_000) -> RiskIntervals:
    generator = np.random.default_rng(3)
    log_odds = generator.normal(-1.5, 1.2, rows)
    return fit_intervals(
        log_odds, users(log_odds, generator, event), lead_days=LEAD, drift=(0.1, 0.05)
    )


@pytest.mark.parametrize("event", ["leave", "return"])
def test_days_are_monotone_and_end_at_the_risk(event: Literal["leave", "return"]) -> None:
    intervals = fitted(event)
    log_odds = np.array([-30.0, -4.0, -1.0, 0.0, 3.0, 30.0])
    risk, low, high = intervals.by_day(log_odds)
    sign = 1 if event == "leave" else -1
    for part in (risk, low, high):
        assert (sign * np.diff(part, axis=1) >= -1e-12).all()
        assert ((part >= 0) & (part <= 1)).all()
    assert (low <= risk + 1e-12).all()
    assert (risk <= high + 1e-12).all()
    np.testing.assert_allclose(risk[:, -1], sigmoid(log_odds), atol=1e-12)
    np.testing.assert_allclose((low[:, -1], high[:, -1]), intervals.interval(log_odds), atol=1e-12)


def test_one_user_reads_as_the_arrays_do_and_survives_the_file() -> None:
    intervals = from_json(RiskIntervals, to_json(fitted()))
    told = intervals.of(-0.7)
    assert [point.day for point in told.days] == [LEAD + day for day in course_days(LEAD, HORIZON)]
    assert {14, 30, LEAD + HORIZON} <= {point.day for point in told.days}
    last = told.days[-1]
    assert last.risk == pytest.approx(float(sigmoid(-0.7)))
    assert (last.low, last.high) == pytest.approx((told.low, told.high))


def test_days_outside_the_window_of_the_rule_are_not_told() -> None:
    days = course_days(LEAD, 10)
    assert max(days) == 10
    assert min(days) >= 1
    assert 14 - LEAD in days
    assert 30 - LEAD not in days


def test_labels_without_a_day_have_an_interval_and_no_days() -> None:
    generator = np.random.default_rng(0)
    log_odds = generator.normal(-1, 1, 500)
    rows = users(log_odds, generator)
    rows = LabelledFrame(rows.frame, rows.label, rows.weight)
    told = fit_intervals(log_odds, rows, lead_days=0, drift=(0.0, 0.0)).of(-1.0)
    assert told.event is None
    assert told.days == ()
    assert told.low < float(sigmoid(-1.0)) < told.high


@pytest.mark.parametrize("left", [0, 1])
def test_a_class_that_is_missing_still_gives_finite_intervals(left: int) -> None:
    generator = np.random.default_rng(0)
    log_odds = generator.normal(3.0 if left else -3.0, 0.3, 60)
    rows = users(np.full(60, 60.0 if left else -60.0), generator)
    low, high = fit_intervals(log_odds, rows, lead_days=0, drift=(0.0, 0.0)).interval(log_odds)
    assert np.isfinite(low).all()
    assert (low < high).all()


@pytest.mark.parametrize("event", ["leave", "return"])
def test_intervals_hold_the_rate_of_later_users(event: Literal["leave", "return"]) -> None:
    """No drift: what calibration rows tell of later rows of the same world, thirty times over."""
    inside, days, widths = [], [], []
    for seed in range(30):
        generator = np.random.default_rng(seed)
        first, later = (generator.normal(-1.4, 1.1, 2_000) for _ in range(2))
        rows = users(1.2 * first - 0.1, generator, event)
        calibration = fit_calibration(first, rows.label)
        intervals = fit_intervals(calibration.apply(first), rows, lead_days=0, drift=(0.0, 0.0))
        found = interval_coverage(
            intervals, calibration.apply(later), users(1.2 * later - 0.1, generator, event)
        )
        inside.append(found.allowing)
        days.append(found.days_allowing)
        widths.append(found.width)
    assert np.mean(inside) >= LEVEL
    assert np.mean(np.array(days, np.float64)) >= LEVEL - 0.02
    assert np.mean(widths) < 0.2


def test_the_past_tells_how_far_calibration_drifts() -> None:
    """Eight cutoffs whose shift is drawn anew: the rehearsal finds its size, and none of none."""
    generator = np.random.default_rng(11)
    log_odds = generator.normal(-1.0, 1.2, 2_000)

    def past(size: float) -> LabelledFrame:
        start = datetime(2026, 1, 4)
        parts = []
        for number in range(9):
            day = f"{start + timedelta(days=28 * number):%Y-%m-%d}"
            shift = size * (-1) ** (number // 2)
            rows = users(log_odds + shift, generator, cutoff=day)
            rows.frame.values[:, 0] = log_odds
            parts.append(rows)
        frame = FeatureFrame(
            np.concatenate([part.frame.user_ids for part in parts]),
            np.concatenate([part.frame.cutoffs for part in parts]),
            np.concatenate([part.frame.segments for part in parts]),
            ("score",),
            np.concatenate([part.frame.values for part in parts]),
            no_sequences(sum(map(len, parts))),
        )
        return LabelledFrame(
            frame,
            np.concatenate([part.label for part in parts]),
            np.concatenate([part.weight for part in parts]),
        )

    def closes(cutoff: datetime) -> datetime:
        return cutoff + timedelta(days=28)

    still, moving = (rehearsed_drift(past(size), closes, seed=1)[0] for size in (0.0, 0.4))
    assert still < PRIOR_DRIFT[0]
    assert 0.4 < moving < 0.8  # every second step is of 0.8, the others of none
    one_cutoff = users(log_odds, generator)
    assert PRIOR_CUTOFFS > 0
    assert rehearsed_drift(one_cutoff, closes, seed=1) == pytest.approx(PRIOR_DRIFT)

"""The day that decided a label agrees with the label, and with what was known of it earlier."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np
import pytest

from engine.features.build import build_labelled
from engine.features.labels import labels
from engine.features.times import between, censored_rows, event_times
from engine.models.nets.hazard import bin_targets
from engine.timeline import ChurnRule, CutoffPlan

BINS = (7, 14, 30)


def _rule(kind: str, **other: object) -> ChurnRule:
    return ChurnRule(kind, 30, active_within_days=60, **other)  # type: ignore[arg-type]


RULES = [
    _rule("inactive"),
    _rule("inactive", lead_days=3, grace_days=4),
    _rule("no_payment", grace_days=5),
    _rule("lapsed", grace_days=2),
    _rule("lapsed", lead_days=7),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.kind}-{rule.grace_days}")
def test_the_bins_say_what_the_label_says(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime
) -> None:
    user_ids, label = labels(connection, rule, cutoff)
    times = event_times(connection, rule, cutoff, user_ids, label)
    assert times is not None
    assert len(np.unique(label)) == 2
    assert np.array_equal(np.isfinite(times.day), label == (1 if times.event == "leave" else 0))
    target, counts = bin_targets(times, BINS)
    said = target * counts + (1 - counts) * (0 if times.event == "leave" else 1)
    churned = said.max(axis=1) if times.event == "leave" else said.min(axis=1)
    assert np.array_equal(churned, label)


@pytest.mark.parametrize("rule", RULES[:3], ids=lambda rule: f"{rule.kind}-{rule.grace_days}")
@pytest.mark.parametrize("days", [2, 9, 20, 31])
def test_what_counts_early_is_not_taken_back_later(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime, days: int
) -> None:
    # Rows of the test world that are known late tell a past that nobody could see at the time.
    connection.execute("UPDATE events SET known_at = occurred_at")
    connection.execute("UPDATE payments SET known_at = occurred_at")
    told_before = cutoff + rule.lead + timedelta(days=days)
    found = labels(connection, rule, cutoff)
    early = event_times(connection, rule, cutoff, *found, told_before=told_before)
    whole = event_times(connection, rule, cutoff, *found)
    assert early is not None
    assert whole is not None
    target, counts = bin_targets(early, BINS)
    later, all_counts = bin_targets(whole, BINS)
    assert np.all(counts <= all_counts)
    assert np.array_equal(target[counts > 0], later[counts > 0])
    assert (counts.sum(axis=0) > 0).tolist() == [
        days >= 7,
        days >= 14,
        days >= 30 + rule.grace_days,
    ]


def test_given_labels_have_no_day(connection: duckdb.DuckDBPyConnection, cutoff: datetime) -> None:
    nobody = np.zeros(0, object), np.zeros(0, np.float32)
    assert event_times(connection, _rule("label"), cutoff, *nobody) is None


@pytest.mark.slow
def test_rows_have_times_only_when_they_are_asked_for(
    connection: duckdb.DuckDBPyConnection, cutoff: datetime
) -> None:
    rule = RULES[0]
    asked = build_labelled(connection, rule, [cutoff], sequences=False, times=True)[cutoff]
    plain = build_labelled(connection, rule, [cutoff], sequences=False)[cutoff]
    assert plain.times is None
    assert asked.times is not None
    assert np.array_equal(asked.label, plain.label)
    some = asked.take(np.arange(3))
    assert some.times is not None
    assert np.array_equal(some.times.day, asked.times.day[:3])


@pytest.mark.slow
def test_cutoffs_between_the_phases_are_told_by_what_was_known_then(
    connection: duckdb.DuckDBPyConnection, cutoff: datetime
) -> None:
    rule = _rule("inactive")
    plan = CutoffPlan(
        (cutoff,), cutoff + timedelta(30), cutoff + timedelta(60), (cutoff + timedelta(90),)
    )
    moments = between(plan, 15)
    assert [(moment - cutoff).days for moment in moments] == [15, 45]
    frames = build_labelled(connection, rule, moments, sequences=False, times=True)
    censored = censored_rows(connection, rule, plan, frames)
    assert censored is not None
    for rows, told in ((censored.early, plan.validate), (censored.late, plan.calibrate)):
        assert np.isnan(rows.label).all()
        assert rows.times is not None
        days = {
            (moment - cutoff).days: rows.times.observed_days[
                rows.frame.cutoffs == np.datetime64(moment, "s")
            ]
            for moment in moments
        }
        expected = {15: 15.0, 45: 15.0} if told is plan.calibrate else {15: 15.0}
        expected |= {15: 30.0} if told is plan.calibrate else {}
        assert {day: set(found.tolist()) for day, found in days.items() if len(found)} == {
            day: {value} for day, value in expected.items()
        }


@pytest.mark.parametrize("every_days", [7, 14, 30])
def test_no_cutoff_between_is_one_of_the_plan(cutoff: datetime, every_days: int) -> None:
    span = timedelta(28)
    plan = CutoffPlan((cutoff,), cutoff + span, cutoff + 2 * span, (cutoff + 3 * span,))
    found = between(plan, every_days)
    assert set(found).isdisjoint(plan.all)
    assert all(cutoff < moment < plan.calibrate for moment in found)

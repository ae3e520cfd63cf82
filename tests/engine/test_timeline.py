from __future__ import annotations

from datetime import datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DataError
from engine.timeline import ChurnRule, CutoffPlan, history, plan_cutoffs, plan_given

FIRST = datetime(2024, 3, 5, 13, 30)


def rules() -> st.SearchStrategy[ChurnRule]:
    return st.builds(
        ChurnRule,
        kind=st.sampled_from(["inactive", "lapsed", "no_payment"]),
        horizon_days=st.integers(1, 120),
        lead_days=st.integers(0, 30),
        active_within_days=st.integers(1, 600),
        grace_days=st.integers(0, 30),
        minimum_history_days=st.sampled_from([0, 45, 200]),
    )


@st.composite
def plans(draw: st.DrawFn) -> tuple[ChurnRule, datetime, dict[str, int], CutoffPlan]:
    rule = draw(rules())
    needed = (history(rule) + 4 * (rule.matures_at(FIRST) - FIRST)).days + 1
    as_of = datetime.combine(FIRST.date(), time()) + timedelta(
        days=needed + 1 + draw(st.integers(0, 900)), hours=draw(st.sampled_from([0, 7]))
    )
    wishes = {
        "cutoffs": draw(st.integers(1, 20)),
        "every_days": draw(st.integers(1, 60)),
        "test_cutoffs": draw(st.integers(1, 6)),
    }
    return rule, as_of, wishes, plan_cutoffs(rule, first_at=FIRST, as_of=as_of, **wishes)


@given(plans())
def test_phases_are_ordered_mature_and_under_embargo(
    case: tuple[ChurnRule, datetime, dict[str, int], CutoffPlan],
) -> None:
    rule, as_of, wishes, plan = case
    assert list(plan.all) == sorted(set(plan.all))
    assert all(cutoff.time() == time() for cutoff in plan.all)
    assert all(rule.mature(cutoff, as_of) for cutoff in plan.all)
    assert plan.all[0] >= FIRST + history(rule)
    assert all(rule.matures_at(cutoff) <= plan.validate for cutoff in plan.train)
    assert rule.matures_at(plan.validate) <= plan.calibrate
    assert rule.matures_at(plan.calibrate) <= plan.test[0]
    assert 1 <= len(plan.train) <= wishes["cutoffs"]
    assert 1 <= len(plan.test) <= wishes["test_cutoffs"]


@given(plans())
def test_the_test_is_never_a_week_older_than_the_data_allow(
    case: tuple[ChurnRule, datetime, dict[str, int], CutoffPlan],
) -> None:
    rule, as_of, _, plan = case
    assert not rule.mature(plan.test[-1] + timedelta(days=7), as_of)


@given(plans())
def test_fewer_cutoffs_than_wished_only_when_no_older_one_fits(
    case: tuple[ChurnRule, datetime, dict[str, int], CutoffPlan],
) -> None:
    rule, as_of, wishes, plan = case
    if len(plan.train) < wishes["cutoffs"]:
        assert not rule.mature(plan.test[-1] + timedelta(days=1), as_of)
        older = plan.train[0] - timedelta(days=wishes["every_days"])
        assert older < FIRST + history(rule)


@given(
    rule=rules(),
    every_days=st.integers(7, 60),
    cutoffs=st.integers(1, 8),
    night=st.integers(0, 400),
)
def test_a_long_history_meets_a_new_cutoff_on_one_night_of_a_week(
    rule: ChurnRule, every_days: int, cutoffs: int, night: int
) -> None:
    long_ago = history(rule) + 4 * (rule.matures_at(FIRST) - FIRST) + timedelta(days=1100)
    first_night = datetime.combine(FIRST.date(), time()) + long_ago + timedelta(days=night)

    def plan(nights: int) -> CutoffPlan:
        return plan_cutoffs(
            rule,
            first_at=FIRST,
            as_of=first_night + timedelta(days=nights),
            cutoffs=cutoffs,
            every_days=every_days,
            test_cutoffs=2,
        )

    week = [plan(nights) for nights in range(8)]
    assert sum(earlier != later for earlier, later in pairwise(week)) == 1
    assert week[7] != week[0]
    assert {cutoff.strftime("%A") for plan in week for cutoff in plan.all} == {"Sunday"}


def test_the_sample_platform_gets_its_whole_plan() -> None:
    rule = ChurnRule("inactive", horizon_days=28, lead_days=7, active_within_days=28)
    plan = plan_cutoffs(
        rule,
        first_at=datetime(2025, 5, 1),
        as_of=datetime(2026, 11, 1),
        cutoffs=8,
        every_days=14,
        test_cutoffs=2,
    )
    assert plan.test == (datetime(2026, 9, 13), datetime(2026, 9, 27))
    assert plan.calibrate == datetime(2026, 8, 9)
    assert plan.validate == datetime(2026, 7, 5)
    assert plan.train[-1] == datetime(2026, 5, 31)
    assert len(plan.train) == 8


def test_one_day_short_is_an_error_that_says_how_many_days_are_needed() -> None:
    rule = ChurnRule("inactive", horizon_days=28, lead_days=7, active_within_days=28)
    wishes = {"cutoffs": 8, "every_days": 14, "test_cutoffs": 2}
    first = datetime(2025, 1, 1)
    enough = first + timedelta(days=28 + 4 * 35)
    assert len(plan_cutoffs(rule, first_at=first, as_of=enough, **wishes).train) == 1
    with pytest.raises(DataError) as caught:
        plan_cutoffs(rule, first_at=first, as_of=enough - timedelta(days=1), **wishes)
    assert caught.value.sentence == (
        "The data cover 167 days. Training, validation, calibration and test under this churn "
        "rule (7 days lead, 28 days horizon) need 169 days. Load a longer history, or shorten "
        "horizon_days in the mapping."
    )


DATES = st.lists(st.integers(0, 400), max_size=12, unique=True).map(
    lambda days: [FIRST + timedelta(days=day) for day in sorted(days)]
)


@given(dates=DATES, lead=st.integers(0, 10), horizon=st.integers(1, 60), cutoffs=st.integers(1, 5))
def test_given_labels_are_placed_behind_the_embargo(
    dates: list[datetime], lead: int, horizon: int, cutoffs: int
) -> None:
    rule = ChurnRule("label", horizon_days=horizon, lead_days=lead)
    try:
        plan = plan_given(rule, dates, cutoffs=cutoffs)
    except DataError:
        spaced = 0
        last = None
        for date in dates:
            if last is None or date >= last + timedelta(days=lead + horizon):
                spaced, last = spaced + 1, date
        assert spaced < 4
        return
    assert set(plan.all) <= set(dates)
    assert 1 <= len(plan.train) <= cutoffs
    assert plan.test == (dates[-1],)
    phases = [plan.train[-1], plan.validate, plan.calibrate, plan.test[0]]
    for earlier, later in pairwise(phases):
        assert rule.matures_at(earlier) <= later


def test_labels_without_dates_are_refused_with_a_sentence() -> None:
    with pytest.raises(DataError) as caught:
        plan_cutoffs(
            ChurnRule("label", horizon_days=30),
            first_at=FIRST,
            as_of=FIRST + timedelta(days=999),
            cutoffs=1,
            every_days=7,
            test_cutoffs=1,
        )
    assert caught.value.sentence == (
        "The given labels speak of 0 dates (as_of). Training, validation, calibration and test "
        "need four of them, each at least 30 days after the one before. Load labels of earlier "
        "dates into outcomes.as_of, or use another churn rule."
    )

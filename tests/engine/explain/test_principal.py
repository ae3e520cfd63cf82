"""What is told of an explanation adds up, whatever the explanation."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.explain.principal import LEAST_SHARE, principal
from engine.types import Explanation, Reason, Words

numbers = st.floats(-5, 5, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-6)


def explanation(contributions: list[float], remainder: float) -> Explanation:
    ordered = sorted((one for one in contributions if one), key=abs, reverse=True)
    pull = sum(map(abs, ordered)) + abs(remainder)
    return Explanation(
        user_id="u1",
        risk=0.5,
        log_odds=sum(ordered) + remainder - 2.0,
        baseline_log_odds=-2.0,
        reasons=tuple(
            Reason(f"group {n}", f"column {n}", one, one / pull, None, None, Words("词", "words"))
            for n, one in enumerate(ordered)
        ),
        remainder=remainder,
        segment="month",
        model_id="m1",
        cutoff=datetime(2026, 3, 1),
    )


@given(st.lists(numbers, max_size=14), numbers, st.integers(0, 5), st.integers(0, 5))
def test_what_is_told_adds_up(
    contributions: list[float], remainder: float, raising: int, staying: int
) -> None:
    whole = explanation(contributions, remainder)
    told = principal(whole, raising=raising, staying=staying)
    single = [*told.raising, *told.staying]
    total = sum(one.contribution for one in single) + told.further.contribution + told.remainder
    assert total == pytest.approx(whole.log_odds - whole.baseline_log_odds, abs=1e-9)
    assert len(single) + told.further.count == len(whole.reasons)
    assert all(one.contribution > 0 for one in told.raising)
    assert all(one.contribution < 0 for one in told.staying)
    assert all(abs(one.share) >= LEAST_SHARE for one in single)
    assert len(told.raising) <= raising
    assert len(told.staying) <= staying


def test_the_largest_come_first_and_a_small_remainder_is_not_told() -> None:
    told = principal(explanation([0.1, -0.9, 0.4, 0.8, 0.2, 0.3, 0.001], 0.005))
    assert [one.contribution for one in told.raising] == [0.8, 0.4, 0.3, 0.2]
    assert [one.contribution for one in told.staying] == [-0.9]
    assert told.further.count == 2
    assert told.further.contribution == pytest.approx(0.101)
    assert not told.remainder_shown
    assert principal(explanation([0.5], 0.02)).remainder_shown


def test_without_a_reason_nothing_is_told() -> None:
    told = principal(explanation([], 0.0))
    assert (told.raising, told.staying, told.further.count) == ((), (), 0)
    assert not told.remainder_shown

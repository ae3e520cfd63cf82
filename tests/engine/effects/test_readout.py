from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engine.effects.readout import (
    detectable_effect,
    newcombe,
    read_out,
    sample_ratio_p,
    users_needed,
    wilson,
)
from engine.errors import DataError


def test_newcombe_equals_the_published_example() -> None:
    """Newcombe 1998, table II (a): 56/70 against 48/80."""
    interval = newcombe(56, 70, 48, 80)
    assert interval.estimate == pytest.approx(0.2)
    assert (interval.low, interval.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_wilson_equals_scipy() -> None:
    ours = wilson(3, 40)
    theirs = stats.binomtest(3, 40).proportion_ci(method="wilson")
    assert ours == pytest.approx((theirs.low, theirs.high))


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_the_interval_holds_its_estimate_and_turns_with_the_arms(
    n: int, m: int, data: st.DataObject
) -> None:
    x, y = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    ab, ba = newcombe(x, n, y, m), newcombe(y, m, x, n)
    assert -1 - 1e-12 <= ab.low <= ab.estimate <= ab.high <= 1 + 1e-12
    assert (ab.low, ab.high) == pytest.approx((-ba.high, -ba.low))


@pytest.mark.parametrize(("p", "q", "n", "m"), [(0.9, 0.85, 450, 50), (0.97, 0.97, 180, 20)])
def test_coverage(p: float, q: float, n: int, m: int) -> None:
    rng = np.random.default_rng(3)
    xs, ys = rng.binomial(n, p, 4000), rng.binomial(m, q, 4000)
    seen = {pair: newcombe(pair[0], n, pair[1], m) for pair in set(zip(xs, ys, strict=True))}
    inside = [seen[x, y].low <= p - q <= seen[x, y].high for x, y in zip(xs, ys, strict=True)]
    assert 0.935 <= np.mean(inside) <= 0.985


def test_sample_ratio_equals_scipy() -> None:
    expected = stats.chisquare([880, 120], [900, 100]).pvalue
    assert sample_ratio_p(880, 120, 0.1) == pytest.approx(expected)


def test_the_detectable_effect_is_seen_in_four_draws_of_five() -> None:
    treated, held, base = 4500, 500, 0.8
    effect = detectable_effect(base, treated, held)
    rng = np.random.default_rng(5)
    xs, ys = rng.binomial(treated, base + effect, 1500), rng.binomial(held, base, 1500)
    seen = np.mean([newcombe(x, treated, y, held).low > 0 for x, y in zip(xs, ys, strict=True)])
    assert 0.75 <= seen <= 0.88


def test_users_needed_equals_the_design_table() -> None:
    """Churn 12 % to 10 % with a 10 %, 20 % and 50 % holdout."""
    needed = [users_needed(0.88, 0.02, share) for share in (0.1, 0.2, 0.5)]
    assert needed == pytest.approx([23_000, 12_900, 7_680], rel=0.03)


def test_works_hurts_and_cannot_tell() -> None:
    def of(treated_retained: int, held_retained: int) -> str:
        effect = read_out(
            "c", "Spring", treated=4500, treated_retained=treated_retained, held_out=500,
            held_out_retained=held_retained, planned_holdout=0.1,
        )  # fmt: skip
        return effect.verdict

    assert of(4100, 400) == "works"
    assert of(3600, 450) == "hurts"
    assert of(3650, 400) == "cannot_tell"


def test_the_words_of_an_undecided_campaign() -> None:
    effect = read_out(
        "c", "春季", treated=900, treated_retained=810, held_out=100, held_out_retained=88
    )
    assert effect.words.en == (
        "Cannot tell yet: retention changed by +2.0 [-3.4, +10.0] points; at these sizes only "
        "9.8 points or more would be seen; about 22,000 more users are needed to see 2 points."
    )
    assert effect.words.zh == (
        "尚无定论：留存率变化 +2.0 [-3.4, +10.0] 个百分点；"
        "目前的人数只能看出 9.8 个百分点以上的差异，要看出 2 个百分点还需约 22,000 人。"
    )
    assert effect.sample_ratio_p is None


def test_a_broken_assignment_gets_no_verdict() -> None:
    effect = read_out(
        "c", "x", treated=4700, treated_retained=4500, held_out=300, held_out_retained=200,
        planned_holdout=0.1,
    )  # fmt: skip
    assert effect.verdict == "cannot_tell"
    assert effect.lift is not None
    assert effect.lift.low > 0
    assert "do not match the planned shares" in effect.words.en


@pytest.mark.parametrize(
    ("treated", "held", "start"),
    [
        (0, 0, "No outcome yet"),
        (9, 0, "Cannot tell: no held-out user"),
        (0, 9, "Cannot tell: no treated user"),
    ],
)
def test_an_empty_arm_has_words_and_no_interval(treated: int, held: int, start: str) -> None:
    effect = read_out(
        "c", "x", treated=treated, treated_retained=treated, held_out=held, held_out_retained=held
    )
    assert effect.lift is None
    assert effect.words.en.startswith(start)


def test_everyone_retained_still_has_noise() -> None:
    effect = read_out("c", "x", treated=50, treated_retained=50, held_out=5, held_out_retained=5)
    assert effect.detectable is not None
    assert math.isfinite(effect.detectable)
    assert effect.detectable > 0


def test_impossible_counts() -> None:
    with pytest.raises(DataError) as raised:
        read_out("c", "x", treated=5, treated_retained=6, held_out=1, held_out_retained=0)
    assert raised.value.sentence == "6 of 5 treated users cannot be retained."

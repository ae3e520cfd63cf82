from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.effects.assignment import (
    HOLDOUT,
    assign,
    campaign_layer,
    draw,
    held_out,
    holdout_layer,
    unit_interval,
)
from engine.errors import UsageError

IDS = [f"user-{i}" for i in range(20_000)]


def test_the_number_is_what_the_book_says() -> None:
    digest = hashlib.sha256("global_holdout:epoch-1|会员-7".encode()).hexdigest()
    assert unit_interval("global_holdout:epoch-1", "会员-7") == pytest.approx(
        int(digest[:16], 16) / 2**64, abs=2**-52
    )
    assert unit_interval("s", "u") == 0.7780746824419088


@given(st.text(), st.text())
def test_it_lies_in_the_half_open_interval_and_repeats(salt: str, unit: str) -> None:
    try:
        f"{salt}|{unit}".encode()
    except UnicodeEncodeError:
        return
    number = unit_interval(salt, unit)
    assert 0 <= number < 1
    assert number == unit_interval(salt, unit)


def test_layers_are_independent() -> None:
    first = held_out(holdout_layer("a"), IDS, 0.1)
    second = held_out(holdout_layer("b"), IDS, 0.1)
    third = held_out(campaign_layer("a"), IDS, 0.1)
    assert first.mean() == pytest.approx(0.1, abs=0.008)
    for other in (second, third):
        assert (first & other).mean() == pytest.approx(0.01, abs=0.003)


def test_a_larger_holdout_keeps_the_smaller_one() -> None:
    small, large = held_out("s", IDS, 0.05), held_out("s", IDS, 0.1)
    assert not (small & ~large).any()


def test_the_edges_of_a_range() -> None:
    number = unit_interval("s", "u")
    assert draw("s", "u", {"a": number, "b": 1 - number}) == "b"  # [0, number) excludes it
    above = float(np.nextafter(number, 1))
    assert draw("s", "u", {"a": above, "b": 1 - above}) == "a"
    assert draw("s", "u", {"a": 0.0, "b": 1.0, "c": 0.0}) == "b"
    assert not held_out("s", ["u"], 0.0).any()
    assert held_out("s", ["u"], 1.0).all()


def test_the_propensity_is_the_frequency() -> None:
    arms = {HOLDOUT: 0.2, "care": 0.5, "discount": 0.3}
    drawn = [assign(i, epoch="e", holdout_share=0.1, campaign_id="c", arms=arms) for i in IDS]
    expected = {HOLDOUT: 0.1 + 0.9 * 0.2, "care": 0.45, "discount": 0.27}
    for arm, share in expected.items():
        taken = [a for a in drawn if a.arm == arm]
        assert len(taken) / len(IDS) == pytest.approx(share, abs=0.012)
        assert all(a.propensity == pytest.approx(share) for a in taken)
        assert all(sum(a.p_by_arm.values()) == pytest.approx(1) for a in taken)
    layers = {a.layer for a in drawn if a.arm == HOLDOUT}
    assert layers == {"global_holdout:e", "campaign:c"}
    assert {a.layer for a in drawn if a.arm == "care"} == {"campaign:c"}


def test_the_global_holdout_does_not_depend_on_the_campaign() -> None:
    def globally(campaign: str) -> list[bool]:
        arms = {"care": 1.0}
        return [
            assign(i, epoch="e", holdout_share=0.1, campaign_id=campaign, arms=arms).arm == HOLDOUT
            for i in IDS[:2000]
        ]

    assert globally("spring") == globally("autumn")


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (1.2, "The share 1.2 of the arm 'holdout' is no probability."),
        (-0.1, "The share -0.1 of the arm 'holdout' is no probability."),
    ],
)
def test_an_impossible_share(share: float, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        held_out("s", IDS, share)
    assert raised.value.sentence.startswith(sentence)


def test_arms_must_add_up() -> None:
    with pytest.raises(UsageError, match=r"add up to 0\.9"):
        draw("s", "u", {"a": 0.5, "b": 0.4})

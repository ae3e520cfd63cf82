"""The pooled effect: campaigns do not mix, and few users tell nothing."""

from __future__ import annotations

import numpy as np
import pytest

from engine.effects.pooled import FEWEST_OF_AN_ARM, Arms, pooled_difference


def test_campaigns_with_other_holdouts_do_not_mix() -> None:
    # In both the treated stay 5 points more often; crude rates say 30 points less.
    one = Arms(900, 495, 100, 50)
    other = Arms(100, 95, 900, 810)
    found = pooled_difference([one, other])
    assert found is not None
    assert found.estimate == pytest.approx(0.05)
    assert found.low < 0.05 < found.high


def test_one_campaign_is_its_own_difference() -> None:
    found = pooled_difference([Arms(400, 300, 100, 60)])
    assert found is not None
    assert found.estimate == pytest.approx(0.15)


def test_too_few_users_tell_nothing() -> None:
    few = FEWEST_OF_AN_ARM - 1
    assert pooled_difference([]) is None
    assert pooled_difference([Arms(1000, 900, few, few)]) is None
    assert pooled_difference([Arms(50, 40, 0, 0), Arms(0, 0, 50, 40)]) is None


def test_an_arm_in_which_everyone_stayed_still_has_an_interval() -> None:
    found = pooled_difference([Arms(30, 30, 30, 30)])
    assert found is not None
    assert found.low < 0 < found.high


def test_the_interval_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        strata = [
            Arms(n, int(rng.binomial(n, rate + 0.03)), m, int(rng.binomial(m, rate)))
            for n, m, rate in ((300, 60, 0.6), (150, 150, 0.8), (80, 40, 0.3))
        ]
        found = pooled_difference(strata)
        assert found is not None
        held += found.low <= 0.03 <= found.high
    assert 0.92 <= held / 400 <= 0.98

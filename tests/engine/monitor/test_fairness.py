"""Fairness: a planted gap is found, chance is not, and a user's rows stay together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation.metrics import top
from engine.monitor.fairness import FairnessRows, beyond, measure_fairness
from engine.monitor.report import Fairness, Group, GroupFigure

USERS = 3_001  # a prime: no mix-up of groups can cancel


def people(seed: int, *, blind_to: str = "nobody", copies: int = 1) -> FairnessRows:
    """Users of two genders and many cities; the risk of the group `blind_to` is noise."""
    rng = np.random.default_rng(seed)
    gender = np.array(["f", "m", ""], object)[rng.choice(3, USERS, p=(0.3, 0.6, 0.1))]
    true = rng.beta(1, 4, USERS)
    label = (rng.random(USERS) < true).astype(np.float64)
    risk = np.where(gender == blind_to, rng.permutation(true) * 0.5, true)
    rows = FairnessRows(
        np.array([f"u{n}" for n in range(USERS)], object),
        {"gender": gender, "city": np.array(["A", "B"], object)[rng.integers(0, 2, USERS)]},
        top(risk, 0.2),
        risk,
        label=label,
    )
    many = np.tile(np.arange(USERS), copies)
    return FairnessRows(
        rows.user_ids[many],
        {name: values[many] for name, values in rows.groups.items()},
        rows.contacted[many],
        rows.risk[many],
        label=label[many],
    )


def fairness(past: FairnessRows, limit: float = 0.1, smallest: int = 100) -> Fairness:
    now = replace(past, label=None)
    return measure_fairness(now, past, limit=limit, smallest_group=smallest, seed=5)


def figure(group: Group, name: str) -> GroupFigure:
    return next(one for one in group.figures if one.figure == name)


def test_a_model_blind_to_a_group_is_beyond_the_limit_and_named() -> None:
    found = fairness(people(1, blind_to="f"))
    assert not found.within_limit
    women = next(group for group in found.groups if group.value == "f")
    assert not women.within_limit
    assert figure(women, "true_positive_rate").difference.high < -0.1
    assert "gender f" in found.words.en


def test_a_model_that_sees_everybody_alike_is_within() -> None:
    found = fairness(people(2))
    assert found.within_limit
    for group in found.groups:
        ratio = figure(group, "contact_rate").ratio
        assert ratio is not None
        assert ratio.low < 1 < ratio.high


def test_only_sensitive_groups_are_held_to_the_limit() -> None:
    rows = people(3)
    rows = replace(rows, contacted=rows.groups["city"] == "A")
    found = fairness(rows)
    city = next(group for group in found.groups if group.value == "A")
    assert beyond(figure(city, "true_positive_rate"), 0.1)
    assert city.within_limit


def test_small_and_unknown_groups_are_left_out() -> None:
    shown = {group.value for group in fairness(people(4), smallest=1_000).groups}
    assert shown == {"m", "A", "B"}


def test_without_a_sensitive_group_nothing_is_claimed() -> None:
    rows = people(5)
    found = fairness(replace(rows, groups={"city": rows.groups["city"]}))
    assert found.within_limit
    assert "cannot be judged" in found.words.en


def test_rows_of_a_user_are_drawn_together() -> None:
    """Each user four times is no more knowledge: the bands keep their width."""
    once, often = (
        figure(next(g for g in fairness(people(6, copies=n)).groups if g.value == "f"),
               "true_positive_rate").difference
        for n in (1, 4)
    )  # fmt: skip
    assert often.estimate == pytest.approx(once.estimate)
    assert often.high - often.low == pytest.approx(once.high - once.low, rel=0.05)


def test_figures_are_their_definitions() -> None:
    rows = people(7)
    men = rows.groups["gender"] == "m"
    assert rows.label is not None
    group = next(group for group in fairness(rows).groups if group.value == "m")
    assert group.users == men.sum()
    found = figure(group, "true_positive_rate")
    left = rows.label == 1
    assert found.group.estimate == pytest.approx(rows.contacted[men & left].mean(), rel=1e-5)
    assert found.others == pytest.approx(rows.contacted[~men & left].mean(), rel=1e-5)
    gap = figure(group, "calibration_gap")
    assert gap.group.estimate == pytest.approx((rows.risk - rows.label)[men].mean(), abs=1e-6)
    assert gap.ratio is None


def test_discounts_are_compared_by_their_value() -> None:
    rows = people(8)
    given = np.where(rows.groups["gender"] == "m", 4.0, 1.0)
    found = measure_fairness(
        replace(rows, label=None, discount=given), None, limit=0.1, smallest_group=100, seed=5
    )
    value = figure(next(g for g in found.groups if g.value == "m"), "discount_value")
    assert value.difference.estimate == pytest.approx(3.0)
    assert value.ratio is not None
    assert value.ratio.estimate == pytest.approx(4.0)


def test_bands_from_some_of_the_users_hold_the_figures_of_all() -> None:
    rows = people(9)
    both = [
        measure_fairness(
            None, rows, limit=0.1, smallest_group=100, seed=5, most_users=most_users
        ).groups[0]
        for most_users in (USERS, 1_000)
    ]
    for name in ("true_positive_rate", "calibration_gap"):
        whole, part = (figure(group, name).group for group in both)
        assert part.estimate == whole.estimate
        assert part.high - part.low > whole.high - whole.low

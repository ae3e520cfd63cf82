"""Weak segments: planted ones are found, alike users have none, errors count users."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from engine.insight.clustered import auc, mean
from engine.insight.several import holm
from engine.insight.weakness import Division, segments

ROWS = 6_000


def world(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.object_]]:
    """Risks that are right, labels drawn from them, and four parts that have nothing to do."""
    rng = np.random.default_rng(seed)
    risk = 1 / (1 + np.exp(-rng.normal(-1, 1.2, ROWS)))
    label = (rng.random(ROWS) < risk).astype(np.float64)
    part = np.array(["a", "b", "c", "d"], object)[rng.integers(0, 4, ROWS)]
    return risk, label, part


def look(
    risk: NDArray[np.float64],
    label: NDArray[np.float64],
    part: NDArray[np.object_],
    **options: bool,
) -> dict[str, tuple[str, ...]]:
    found = segments(
        [Division("part", part, {}, **options)],
        label=label,
        risk=risk,
        users=np.array([f"u{row}" for row in range(len(risk))], object),
        weight=np.ones(len(risk)),
    )
    return {one.value: one.weak for one in found}


def test_alike_users_have_no_weak_segment() -> None:
    alarms = sum(any(look(*world(seed)).values()) for seed in range(20))
    assert alarms <= 2  # one in twenty is what the level allows


def test_a_part_whose_order_is_lost_is_found() -> None:
    risk, label, part = world(1)
    own = np.flatnonzero(part == "b")
    risk[own] = np.random.default_rng(2).permutation(risk[own])
    found = look(risk, label, part)
    assert "order" in found.pop("b")
    assert not any(found.values())


def test_a_part_whose_risks_are_off_is_found_and_told_in_which_direction() -> None:
    risk, label, part = world(3)
    risk = np.where(part == "c", np.minimum(0.999, 1.4 * risk), risk)
    found = segments(
        [Division("part", part, {})],
        label=label,
        risk=risk,
        users=np.arange(ROWS).astype(str).astype(object),
        weight=np.ones(ROWS),
    )
    weak = [one for one in found if one.weak]
    assert [one.value for one in weak] == ["c"]
    assert weak[0].weak == ("calibration",)
    assert "too high" in weak[0].statements[0].en
    assert "偏高" in weak[0].statements[0].zh
    assert weak[0].gap.low > 0


def test_order_is_not_compared_where_the_parts_are_bands_of_risk() -> None:
    risk, label, _ = world(4)
    place = np.searchsorted(np.quantile(risk, [0.25, 0.5, 0.75]), risk)
    band = np.array(["low", "medium", "high", "critical"], object)[place]
    assert "order" in {weakness for weak in look(risk, label, band).values() for weakness in weak}
    assert not any(look(risk, label, band, compares_order=False).values())


def test_small_parts_and_the_unknown_are_passed_over() -> None:
    risk, label, part = world(5)
    part[:50], part[50:400] = "few", ""
    assert set(look(risk, label, part)) == {"a", "b", "c", "d"}


def test_the_auc_is_that_of_scikit_learn_and_its_error_that_of_redrawn_users() -> None:
    rng = np.random.default_rng(6)
    users = np.repeat(np.arange(300), 3)
    risk = np.round(1 / (1 + np.exp(-rng.normal(-0.5, 1, 300)[users])), 2)  # with ties
    label = (rng.random(300) < 1 / (1 + np.exp(-rng.normal(0, 1, 300)))).astype(float)[users]
    everyone, ones = np.ones(900, bool), np.ones(900)
    found = auc(label, risk, ones, everyone, users)
    assert found.value == pytest.approx(roc_auc_score(label, risk))
    redrawn = []
    for _ in range(150):
        rows = (3 * rng.integers(0, 300, 300)[:, None] + np.arange(3)).ravel()
        redrawn.append(roc_auc_score(label[rows], risk[rows]))
    assert found.error == pytest.approx(np.std(redrawn), rel=0.2)
    # three equal rows a user: as if each counted once, and far from as if there were 900 users
    single = auc(label[::3], risk[::3], np.ones(300), np.ones(300, bool), np.arange(300))
    assert found.error == pytest.approx(single.error)


def test_the_error_of_a_mean_is_the_textbook_one() -> None:
    values = np.random.default_rng(7).normal(size=500)
    found = mean(values, np.ones(500), np.ones(500, bool), np.arange(500))
    assert found.error == pytest.approx(values.std() / np.sqrt(500))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []

"""Aims: in words, and met or not."""

from __future__ import annotations

import pytest

from benchmarks.harness import Row
from benchmarks.quality.aims import (
    Aim,
    Measured,
    best_rival,
    better_than,
    beyond,
    near_the_best,
    proven,
)
from benchmarks.quality.table import RANK, mean_rank
from engine.types import Interval

RIVALS = {"plain": 0.40, "strong": 0.50}
WON, TIED, LOST = Interval(-0.1, -0.2, -0.05), Interval(0, -0.1, 0.1), Interval(0.1, 0.05, 0.2)


def _loss(ours: float, plain: Interval = TIED, strong: Interval = TIED) -> Measured:
    return Measured("log_loss", ours, RIVALS, {"plain": plain, "strong": strong, "truth": LOST})


def _auc(ours: float) -> Measured:
    return Measured("roc_auc", ours, RIVALS, {"plain": WON, "strong": LOST})


@pytest.mark.parametrize(
    ("aim", "measured", "words", "met"),
    [
        (best_rival, _auc(0.5), "at least the best rival's 0.5000", True),
        (best_rival, _loss(0.45), "at most the best rival's 0.4000", False),
        (beyond({"log_loss": 0.41}), _loss(0.405), "below 0.41", True),
        (beyond({"log_loss": 0.41}), _loss(0.41), "below 0.41", False),
        (beyond({"roc_auc": 0.55}), _auc(0.54), "above 0.55", False),
        (beyond({"ece": 0.1}), _auc(0.6), "at least the best rival's 0.5000", True),
        (better_than(["plain"]), _auc(0.45), "better than plain, 0.4000", True),
        (
            better_than(["plain", "strong"]),
            _auc(0.5),
            "better than plain and strong, 0.5000",
            False,
        ),
        (proven, _loss(0.3, WON, WON), "below every rival by an interval without 0", True),
        (proven, _loss(0.3, WON, TIED), "below every rival by an interval without 0", False),
        (proven, Measured("ece", 0.1, RIVALS, {}), "at most the best rival's 0.4000", True),
        (near_the_best(0.002), _auc(0.498), "at most 0.002 behind the best rival's 0.5000", True),
        (near_the_best(0.002), _auc(0.497), "at most 0.002 behind the best rival's 0.5000", False),
        (near_the_best(0.002), _loss(0.41, TIED, WON), "best or tied with 0.4000", True),
        (near_the_best(0.002), _loss(0.41, LOST, WON), "best or tied with 0.4000", False),
    ],
)
def test_an_aim_says_what_is_wanted_and_whether_it_is_met(
    aim: Aim, measured: Measured, words: str, met: bool
) -> None:
    assert aim(measured) == (words, met)


def test_the_mean_rank_needs_two_tables_and_only_counts_who_is_in_all() -> None:
    first = Row("telco", RANK, 1.0, {"plain": 2.0, "strong": 3.0})
    second = Row("iranian", RANK, 2.0, {"plain": 1.0, "other": 3.0})
    assert mean_rank([first, Row("telco", "roc_auc", 0.9, {})]) == []
    (row,) = mean_rank([first, second])
    assert row.ours == 1.5
    assert row.peers == {"plain": 1.5}
    assert row.met

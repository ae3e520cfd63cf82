"""The space of similar users: ranks, missing values, weights."""

from __future__ import annotations

import numpy as np
import pytest

from engine.similar.space import space

ROWS = np.array(
    [[1, 100, 5], [2, np.nan, 5], [3, 300, 5], [400, 200, 5]],
    np.float32,
)
WEIGHT = np.array([0.6, 0.4, 0.0])
ALL = np.arange(4)


def test_a_user_is_nearest_to_himself_and_distances_are_shares() -> None:
    found = space(ROWS, WEIGHT)
    for row in range(4):
        apart = found.differences(found.placed(ROWS[row]), ALL).sum(axis=1)
        assert apart[row] == 0
        assert (apart[np.arange(4) != row] > 0).all()
        assert (apart <= 1).all()


def test_an_outlier_counts_by_its_rank() -> None:
    found = space(ROWS, WEIGHT)
    far = found.differences(found.placed(ROWS[2]), np.array([3]))[0, 0]
    near = found.differences(found.placed(ROWS[2]), np.array([1]))[0, 0]
    assert far == near


def test_missing_is_like_missing_and_unlike_anything_else() -> None:
    found = space(ROWS, WEIGHT)
    apart = found.differences(found.placed(ROWS[1]), ALL)[:, 1]
    assert apart[1] == 0
    assert apart[[0, 2, 3]] == pytest.approx(0.4)


def test_columns_without_weight_are_left_out() -> None:
    assert space(ROWS, WEIGHT).columns.tolist() == [0, 1]
    nothing = space(ROWS, np.zeros(3))
    assert nothing.differences(nothing.placed(ROWS[0]), ALL).shape == (4, 0)


def test_ranks_do_not_depend_on_units() -> None:
    one, other = space(ROWS, WEIGHT), space(ROWS * np.float32(7), WEIGHT)
    assert np.array_equal(one.ranks, other.ranks, equal_nan=True)

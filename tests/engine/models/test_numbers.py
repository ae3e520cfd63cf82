from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.models.numbers import NumberPreparer

values = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20),
    elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
)


@settings(max_examples=60, deadline=None)
@given(values)
def test_whatever_the_input_the_output_is_finite_and_moderate(raw: np.ndarray) -> None:
    prepared = NumberPreparer.fit(raw).transform(raw)
    assert np.isfinite(prepared).all()
    assert np.abs(prepared[:, : raw.shape[1]]).max() <= 20  # a rare value is at most √N scales off


@settings(max_examples=40, deadline=None)
@given(values, values)
def test_order_within_a_column_is_kept(train: np.ndarray, other: np.ndarray) -> None:
    preparer = NumberPreparer.fit(train[:, :1])
    column = other[np.isfinite(other[:, 0]), :1]
    prepared = preparer.transform(np.sort(column, axis=0))[:, 0]
    assert (np.diff(prepared) >= 0).all()


def test_training_rows_come_out_standardised_and_flags_follow() -> None:
    rng = np.random.default_rng(1)
    raw = np.stack([rng.exponential(50, 5000), rng.poisson(0.3, 5000)], axis=1).astype(np.float32)
    raw[rng.random(5000) < 0.2, 0] = np.nan
    preparer = NumberPreparer.fit(raw)
    prepared = preparer.transform(raw)
    assert preparer.source.tolist() == [0, 1, 0]
    assert prepared.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-3)
    assert prepared.std(axis=0) == pytest.approx(np.ones(3), abs=1e-3)
    assert len(np.unique(prepared[:, 2])) == 2


def test_outliers_are_bounded_by_the_training_range() -> None:
    preparer = NumberPreparer.fit(np.arange(100, dtype=np.float32)[:, None])
    far, edge = preparer.transform(np.array([[1e30], [99.0]], np.float32))[:, 0]
    assert far == edge


def test_missing_in_a_column_that_was_never_missing_gets_the_median() -> None:
    raw = np.array([0] * 60 + list(range(1, 41)), np.float32)[:, None]
    preparer = NumberPreparer.fit(raw)
    assert preparer.width == 1
    missing, median = preparer.transform(np.array([[np.nan], [np.median(raw)]], np.float32))[:, 0]
    assert missing == pytest.approx(median)


def test_columns_without_information_become_constants() -> None:
    raw = np.stack([np.full(50, np.nan), np.full(50, 7.0)], axis=1).astype(np.float32)
    prepared = NumberPreparer.fit(raw).transform(raw)
    assert prepared == pytest.approx(np.zeros((50, 3)))


def test_the_input_is_not_changed() -> None:
    raw = np.array([[1.0], [np.inf], [np.nan]], np.float32)
    before = raw.copy()
    NumberPreparer.fit(raw).transform(raw)
    assert np.array_equal(raw, before, equal_nan=True)

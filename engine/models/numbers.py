"""Numbers made ready for linear models and nets: imputed, flagged, normal-scored, bounded.

Each column is mapped through its training quantiles to normal scores (piecewise linear, constant
beyond the 1st and last quantile, so that outliers are winsorised), then standardised. Columns
that had missing values in training get a 0/1 flag beside them. Everything is fitted on training
rows only and kept as plain arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.base import Arrays, finite

QUANTILES = 65
"""Knots per column; more adds cost, not accuracy, on columns of counts and days."""

FIT_ROWS = 100_000
"""Quantiles are taken over at most so many evenly spaced rows."""

SHORTEST_SCALE = 1e-6


@dataclass(frozen=True, slots=True)
class NumberPreparer:
    """D raw columns -> P = D + F prepared numbers: every column, then its missing flags."""

    knot_value: NDArray[np.float32]  # (K,) raw values, ascending within each column
    knot_score: NDArray[np.float32]  # (K,) normal score at that value
    knot_start: NDArray[np.int64]  # (D + 1,) column d owns knots [start[d], start[d + 1])
    imputed: NDArray[np.float32]  # (D,) the score that stands for a missing value
    flagged: NDArray[np.int64]  # (F,) columns with a missing flag
    mean: NDArray[np.float32]  # (P,) of the training rows, after scoring
    scale: NDArray[np.float32]  # (P,)

    @property
    def source(self) -> NDArray[np.int64]:
        """The raw column behind every prepared number, shape (P,)."""
        return np.concatenate([np.arange(len(self.imputed)), self.flagged]).astype(np.int64)

    @property
    def width(self) -> int:
        """P, the number of prepared numbers."""
        return len(self.mean)

    @property
    def limits(self) -> NDArray[np.float32]:
        """The lowest and the highest value of each column that makes a difference, shape (D, 2).

        The outer quantiles of the training rows (1/130 and 129/130): beyond them a value counts as
        the limit itself.
        """
        first, last = self.knot_start[:-1], self.knot_start[1:] - 1
        return np.stack([self.knot_value[first], self.knot_value[last]], axis=1)

    @classmethod
    def fit(cls, values: NDArray[Any]) -> NumberPreparer:
        """Quantiles, imputations, flags and scales of training rows, shape (N, D)."""
        step = max(1, len(values) // FIT_ROWS)
        sample = finite(values[::step])
        grid = (np.arange(QUANTILES) + 0.5) / QUANTILES
        scores = np.array([NormalDist().inv_cdf(float(q)) for q in grid])
        knots = [_knots(sample[:, column], grid, scores) for column in range(sample.shape[1])]
        lengths = [len(value) for value, _, _ in knots]
        flagged = np.flatnonzero(np.isnan(sample).any(axis=0)).astype(np.int64)
        width = sample.shape[1] + len(flagged)
        raw = cls(
            np.concatenate([value for value, _, _ in knots] or [np.empty(0)]).astype(np.float32),
            np.concatenate([score for _, score, _ in knots] or [np.empty(0)]).astype(np.float32),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.array([score for _, _, score in knots], np.float32),
            flagged,
            np.zeros(width, np.float32),
            np.ones(width, np.float32),
        )
        scored = raw.transform(sample).astype(np.float64)
        scale = scored.std(axis=0)
        return cls(
            raw.knot_value,
            raw.knot_score,
            raw.knot_start,
            raw.imputed,
            flagged,
            scored.mean(axis=0).astype(np.float32),
            np.where(scale > SHORTEST_SCALE, scale, 1.0).astype(np.float32),
        )

    def transform(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Raw values (N, D) -> prepared numbers (N, P), finite everywhere."""
        values = finite(values)
        missing = np.isnan(values)
        columns = values.shape[1]
        result = np.empty((len(values), self.width), np.float32)
        for column in range(columns):
            owned = slice(self.knot_start[column], self.knot_start[column + 1])
            result[:, column] = np.interp(
                values[:, column], self.knot_value[owned], self.knot_score[owned]
            )
        np.copyto(result[:, :columns], self.imputed[None, :], where=missing)
        result[:, columns:] = missing[:, self.flagged]
        result -= self.mean
        result /= self.scale
        return result

    def state(self, prefix: str) -> Arrays:
        """The arrays, each name with `prefix` before it."""
        return {f"{prefix}{name}": getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], prefix: str) -> NumberPreparer:
        """The preparer that `state` described."""
        return cls(**{name: arrays[f"{prefix}{name}"] for name in cls.__dataclass_fields__})


def _knots(
    column: NDArray[np.float32], grid: NDArray[Any], scores: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], float]:
    """Strictly ascending values, their scores, and the score of the median.

    Tied quantiles share the mean of their scores.
    """
    present = column[~np.isnan(column)]
    if not len(present):
        return np.zeros(1), np.zeros(1), 0.0
    value, inverse = np.unique(np.quantile(present, grid).astype(np.float32), return_inverse=True)
    score = np.bincount(inverse, weights=scores) / np.bincount(inverse)
    return value, score, float(np.interp(np.median(present), value, score))

"""Logistic regression on prepared numbers: the plain, exactly explainable model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.base import Arrays, Config, SingleModel, check_columns
from engine.models.numbers import NumberPreparer

MAX_ITERATIONS = 300


class LogisticModel(SingleModel):
    """log-odds = intercept + coefficients · prepared numbers."""

    kind: ClassVar[str] = "logistic"

    def __init__(
        self,
        columns: tuple[str, ...],
        numbers: NumberPreparer,
        coefficients: NDArray[np.float64],
        intercept: float,
    ) -> None:
        self.columns = columns
        self.numbers = numbers
        self.coefficients = coefficients  # (P,)
        self.intercept = intercept

    @classmethod
    def fit(cls, rows: LabelledFrame, *, strength: float) -> LogisticModel:
        """Fit with an L2 penalty; `strength` is scikit-learn's C (small = strong penalty)."""
        numbers = NumberPreparer.fit(rows.frame.values)
        estimator = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS)
        estimator.fit(
            numbers.transform(rows.frame.values).astype(np.float64),
            rows.label.astype(np.int64),
            sample_weight=rows.weight.astype(np.float64),
        )
        return cls(
            rows.frame.columns,
            numbers,
            estimator.coef_[0].astype(np.float64),
            float(estimator.intercept_[0]),
        )

    def log_odds(self, frame: FeatureFrame) -> NDArray[np.float64]:
        """The linear score of every row, shape (N,)."""
        check_columns(self.kind, self.columns, frame.columns)
        prepared = self.numbers.transform(frame.values).astype(np.float64)
        # Not a matrix product: its rounding of a row depends on how many rows stand beside it.
        return np.asarray((prepared * self.coefficients).sum(axis=1) + self.intercept)

    def contributions(
        self, values: NDArray[np.float32], baseline: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """What every column adds against the mean of the baseline rows: (N, D), exact.

        `values` (N, D) and `baseline` (B, D) are raw. Flags are counted with their column; a row's
        contributions add up to its log-odds minus the mean log-odds of the baseline.
        """
        reference = self.numbers.transform(baseline).astype(np.float64).mean(axis=0)
        prepared = self.numbers.transform(values).astype(np.float64)
        parts = (prepared - reference) * self.coefficients
        width = len(self.columns)
        result: NDArray[np.float64] = parts[:, :width].copy()
        result[:, self.numbers.flagged] += parts[:, width:]
        return result

    def state(self) -> tuple[Arrays, Config]:
        """Coefficients and the preparer's arrays."""
        arrays = self.numbers.state("numbers.") | {"coefficients": self.coefficients}
        return arrays, {"columns": list(self.columns), "intercept": self.intercept}

    @classmethod
    def from_state(
        cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
    ) -> LogisticModel:
        """The model that `state` described."""
        return cls(
            tuple(config["columns"]),
            NumberPreparer.from_state(arrays, "numbers."),
            arrays["coefficients"],
            float(config["intercept"]),
        )

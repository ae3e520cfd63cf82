"""Models of buying until leaving as partners of the others: risk from past payments alone.

They speak where churn is "no payment in the window". The history is read from three columns of the
catalogue, so such a model is stored and scored as any other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.base import Arrays, Config, SingleModel, check_columns
from engine.models.btyd import BetaGeometric, PurchaseHistory, fit_bg_nbd
from engine.models.btyd_pareto import ParetoNbd, fit_pareto_nbd

ORDERS, SPAN, AGE = "orders_total", "payment_span_days", "days_since_first_payment"
READ = (ORDERS, SPAN, AGE)
"""Days with a payment; days from the first to the last; days from the first to the cutoff."""

RECENCY = "days_since_payment"
"""The column that says in a sentence what these models chiefly look at."""

DAYS_PER_UNIT = 7.0

LEAST_PROBABILITY = 1e-6

Floats = NDArray[np.float64]


class PurchaseModel(SingleModel):
    """log-odds of no payment in the window: lead and horizon together, `window_days`."""

    def __init__(
        self,
        columns: tuple[str, ...],
        parameters: BetaGeometric | ParetoNbd,
        window_days: float,
        unknown: float,
    ) -> None:
        self.columns = columns
        self.parameters = parameters
        self.window_days = window_days
        self.unknown = unknown  # log-odds of whoever has no payment on record

    @classmethod
    def fit(cls, rows: LabelledFrame, *, window_days: float) -> Self:
        """Maximum likelihood on the histories at the newest cutoff; labels are not looked at.

        Raises `DataError` where a column is missing or nobody ever came back.
        """
        frame = rows.frame
        missing = [name for name in READ if name not in frame.columns]
        if missing:
            raise DataError(
                "no_purchase_history",
                f"The data have no column {', '.join(missing)}",
                why=f"The model {cls.kind} reads the history of payments",
                next_step="Load payments, or train another model",
            )
        newest = frame.take(np.flatnonzero(frame.cutoffs == frame.cutoffs.max()))
        known, history = history_of(newest.columns, newest.values)
        parameters = cls.likeliest(history)
        made = cls(frame.columns, parameters, window_days, 0.0)
        return cls(
            frame.columns, parameters, window_days, float(made.log_odds(newest)[known].mean())
        )

    @staticmethod
    @abstractmethod
    def likeliest(history: PurchaseHistory) -> Any:
        """The parameters of the highest likelihood."""

    @staticmethod
    @abstractmethod
    def with_parameters(config: Mapping[str, float]) -> Any:
        """The parameters that a model file holds."""

    def log_odds(self, frame: FeatureFrame) -> Floats:
        """The log-odds of every row, shape (N,)."""
        check_columns(self.kind, self.columns, frame.columns)
        return self.log_odds_of(frame.values)

    def log_odds_of(self, values: NDArray[Any]) -> Floats:
        """The log-odds of raw values (N, D), shape (N,)."""
        known, history = history_of(self.columns, values)
        result = np.full(len(values), self.unknown)
        any_payment = self.parameters.probability_any(history, self.window_days / DAYS_PER_UNIT)
        bought = np.clip(any_payment, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        result[known] = np.log1p(-bought) - np.log(bought)
        return result

    def state(self) -> tuple[Arrays, Config]:
        """The parameters; there is no array."""
        return {}, {
            "columns": list(self.columns),
            "parameters": asdict(self.parameters),
            "window_days": self.window_days,
            "unknown": self.unknown,
        }

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> Self:
        """The model that `state` described."""
        return cls(
            tuple(config["columns"]),
            cls.with_parameters(config["parameters"]),
            float(config["window_days"]),
            float(config["unknown"]),
        )


class BgNbdModel(PurchaseModel):
    """BG/NBD."""

    kind: ClassVar[str] = "bg_nbd"

    @staticmethod
    def likeliest(history: PurchaseHistory) -> BetaGeometric:
        return fit_bg_nbd(history)

    @staticmethod
    def with_parameters(config: Mapping[str, float]) -> BetaGeometric:
        return BetaGeometric(**config)


class ParetoNbdModel(PurchaseModel):
    """Pareto/NBD."""

    kind: ClassVar[str] = "pareto_nbd"

    @staticmethod
    def likeliest(history: PurchaseHistory) -> ParetoNbd:
        return fit_pareto_nbd(history)

    @staticmethod
    def with_parameters(config: Mapping[str, float]) -> ParetoNbd:
        return ParetoNbd(**config)


PURCHASE_MODELS: Mapping[str, type[PurchaseModel]] = {
    BgNbdModel.kind: BgNbdModel,
    ParetoNbdModel.kind: ParetoNbdModel,
}


def teachable(frame: FeatureFrame) -> bool:
    """Whether these models can be fitted: the columns are there, and somebody came back."""
    if not len(frame) or not set(READ) <= set(frame.columns):
        return False
    newest = frame.take(np.flatnonzero(frame.cutoffs == frame.cutoffs.max()))
    return bool((history_of(newest.columns, newest.values)[1].repeats > 0).any())


def history_of(
    columns: tuple[str, ...], values: NDArray[Any]
) -> tuple[NDArray[np.bool_], PurchaseHistory]:
    """Who of the rows (N, D) has a payment on record (N,), and these users' histories, in weeks."""
    orders, span, age = (values[:, columns.index(name)].astype(np.float64) for name in READ)
    # Comparisons are written so that a NaN fails them.
    known = (orders >= 1) & (span >= 0) & (age >= 1)
    repeats = orders[known] - 1
    # The column counts the days since the day before the cutoff from 1.
    length = age[known] - 1
    last = np.where(repeats > 0, np.maximum(span[known], 1), 0)
    return known, PurchaseHistory(
        repeats, last / DAYS_PER_UNIT, np.maximum(length, last) / DAYS_PER_UNIT
    )

"""What every single model is: columns in, log-odds out, and a state of plain arrays and JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.features.frame import FeatureFrame

if TYPE_CHECKING:
    from engine.models.numbers import NumberPreparer

Arrays = dict[str, NDArray[Any]]
"""Name -> numeric array: what goes into a safetensors file."""

Config = dict[str, Any]
"""JSON values only: what goes into `model.json`."""


class SingleModel(ABC):
    """One fitted model of churn.

    `log_odds` is not calibrated; `engine.models.blend.RiskModel` averages and calibrates.
    """

    kind: ClassVar[str]
    columns: tuple[str, ...]

    @property
    def reads_sequences(self) -> bool:
        """Whether a frame without events would be scored otherwise."""
        return False

    @property
    def reads_messages(self) -> bool:
        """Whether a frame without messages would be scored otherwise."""
        return False

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """The lowest and the highest value of each column that makes a difference: outliers beyond
        are winsorised. Empty for a model that only compares values, as trees do."""
        numbers: NumberPreparer | None = getattr(self, "numbers", None)
        if numbers is None:
            return {}
        return {
            name: (float(low), float(high))
            for name, (low, high) in zip(self.columns, numbers.limits, strict=True)
        }

    @abstractmethod
    def log_odds(self, frame: FeatureFrame) -> NDArray[np.float64]:
        """The log-odds of churn of every row, shape (N,). Raises `ModelError` on other columns."""

    @abstractmethod
    def state(self) -> tuple[Arrays, Config]:
        """Everything needed to make the model again."""

    @classmethod
    @abstractmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> Self:
        """The model that `state` described."""


def finite(values: NDArray[Any]) -> NDArray[np.float32]:
    """`values` as float32 with infinities made missing: no model has a use for an endless number.

    Float64 numbers beyond float32's range become missing too.
    """
    with np.errstate(over="ignore"):
        result = np.array(values, dtype=np.float32)
    result[np.isinf(result)] = np.nan
    return result


def check_columns(model: str, expected: tuple[str, ...], found: tuple[str, ...]) -> None:
    """Raise `ModelError`, naming the difference, unless the columns agree in name and order."""
    if expected == found:
        return
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    if missing or extra:
        parts = []
        if missing:
            parts.append(f"missing: {_some(missing)}")
        if extra:
            parts.append(f"not known to the model: {_some(extra)}")
        difference = "; ".join(parts)
    else:
        first = next(
            i for i, pair in enumerate(zip(expected, found, strict=True)) if len({*pair}) > 1
        )
        difference = f"the order differs from column {first + 1} on ({found[first]})"
    raise ModelError(
        "columns_differ",
        f"The data do not have the columns of the model {model}: {difference}",
        why=f"The model was trained on {len(expected)} columns, the data have {len(found)}",
        next_step="Train a new model on the present features, or roll back to the version that "
        "made this one",
    )


def _some(names: list[str], limit: int = 5) -> str:
    shown = ", ".join(names[:limit])
    rest = len(names) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown

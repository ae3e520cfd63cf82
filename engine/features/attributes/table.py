"""A table held in memory as attributes: the schema and the columns that a loaded one would have."""

from __future__ import annotations

import math
import numbers
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.compile import BLANKS
from engine.errors import DataError
from engine.features.attributes.frames import columns_from
from engine.features.attributes.schema import (
    LEAST_ROWS,
    MOST_LEVELS,
    NO,
    YES,
    Attribute,
    described,
)

Cells = NDArray[Any]
"""One column (N,): float64 with NaN for missing, or object with str and None for missing."""


def cells(name: str, values: NDArray[Any]) -> Cells:
    """A column as numbers or as text; endless numbers and blank text are missing.

    Raises `DataError` for a column of times.
    """
    if values.dtype.kind in "biuf":
        column = values.astype(np.float64)
        column[~np.isfinite(column)] = np.nan
        return column
    if values.dtype.kind in "mM":
        raise DataError(
            "column_of_times",
            f"The column {name!r} holds times",
            why="A model of such a table reads numbers and words",
            next_step="Give the days since then as a number, or leave the column out",
        )
    return np.array([_text(value) for value in values], dtype=object)


def learn(names: Sequence[str], columns: Sequence[Cells]) -> tuple[Attribute | None, ...]:
    """The attribute of each column; None for one that never varies or has no frequent word."""
    return tuple(_learn(name, column) for name, column in zip(names, columns, strict=True))


def table_values(
    attributes: Sequence[Attribute | None], columns: Sequence[Cells]
) -> NDArray[np.float32]:
    """(N, D) the columns of all attributes, in order."""
    blocks = [
        columns_from(attribute, _numbers(attribute, column))
        for attribute, column in zip(attributes, columns, strict=True)
        if attribute is not None
    ]
    return np.concatenate(blocks, axis=1)


def _learn(name: str, column: Cells) -> Attribute | None:
    if column.dtype.kind == "f":
        present = column[~np.isnan(column)]
        varies = len(present) > 0 and bool((present != present[0]).any())
        return Attribute(name, "number") if varies else None
    counted = Counter(value for value in column if value is not None)
    frequent = sorted(
        (value for value, count in counted.items() if count >= LEAST_ROWS),
        key=lambda value: (-counted[value], value),
    )
    return described(
        name,
        rows=counted.total(),
        distinct=len(counted),
        numbers=sum(count for value, count in counted.items() if not math.isnan(_number(value))),
        levels=tuple(frequent[: MOST_LEVELS + 1]),
    )


def _numbers(attribute: Attribute, column: Cells) -> NDArray[np.float64]:
    """(N,) what `columns_from` reads; each different text is looked up once."""
    if column.dtype.kind == "f" and attribute.kind == "number":
        return column
    texts = column if column.dtype.kind == "O" else np.array([_text(v) for v in column], object)
    read: dict[str | None, float] = {None: math.nan}
    for text in set(texts.tolist()) - {None}:
        read[text] = _position(attribute, text)
    return np.array([read[text] for text in texts], np.float64)


def _position(attribute: Attribute, text: str) -> float:
    if attribute.kind == "number":
        return _number(text)
    if attribute.kind == "flag":
        lower = text.lower()
        return 1.0 if lower in YES else 0.0 if lower in NO else math.nan
    return attribute.levels.index(text) + 1.0 if text in attribute.levels else 0.0


def _text(value: object) -> str | None:
    # Not equal to itself: NaN, and NaT. pandas.NA is neither equal nor unequal, it says so itself.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, numbers.Real):
        return f"{float(value):.17g}" if math.isfinite(value) else None
    return str(value).strip(BLANKS) or None


def _number(text: str) -> float:
    """The number that `text` spells; NaN for any other text and for an endless number."""
    try:
        number = float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan

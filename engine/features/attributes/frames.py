"""Rows of a table without a time axis as models read them: one a user, numbers only."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.data.attributes import pointer
from engine.data.compile import BLANKS
from engine.features.attributes.schema import NO, YES, Attribute, columns_of, sql_text
from engine.features.frame import FeatureFrame, LabelledFrame, no_sequences

if TYPE_CHECKING:
    import duckdb

EVERYONE = "all"
"""The segment: a table without terms or payments has one group of peers."""


def labelled_users(
    connection: duckdb.DuckDBPyConnection, attributes: tuple[Attribute, ...], cutoff: datetime
) -> LabelledFrame:
    """Everyone with a label, ordered by id."""
    frame, label = _read(connection, attributes, cutoff, "labelled")
    return LabelledFrame(frame, label, np.ones(len(label), np.float32))


def staying_users(
    connection: duckdb.DuckDBPyConnection, attributes: tuple[Attribute, ...], cutoff: datetime
) -> FeatureFrame:
    """Everyone whose label is not 1, ordered by id: whom a risk is of use for."""
    return _read(connection, attributes, cutoff, "staying")[0]


def _read(
    connection: duckdb.DuckDBPyConnection,
    attributes: tuple[Attribute, ...],
    cutoff: datetime,
    population: str,
) -> tuple[FeatureFrame, NDArray[np.float32]]:
    sql, parameters = compile_values(attributes, sql_text(population))
    read = connection.execute(sql, parameters).fetchnumpy()
    user_ids = np.asarray(read["user_id"], dtype=object)
    blocks = [columns_from(attribute, read[f"a{i}"]) for i, attribute in enumerate(attributes)]
    frame = FeatureFrame(
        user_ids=user_ids,
        cutoffs=np.full(len(user_ids), np.datetime64(cutoff, "s")),
        segments=np.full(len(user_ids), EVERYONE, dtype=object),
        columns=columns_of(attributes),
        values=np.concatenate(blocks, axis=1),
        sequences=no_sequences(len(user_ids)),
    )
    return frame, _floats(read["label"])


def compile_values(
    attributes: tuple[Attribute, ...], population: str
) -> tuple[str, dict[str, object]]:
    """One SELECT of user_id, label and one number an attribute, and its parameters.

    Of words the number is the position of the level, from 1; 0 is any other word.
    """
    parameters: dict[str, object] = {
        "pointers": [pointer(attribute.name) for attribute in attributes],
        "blanks": BLANKS,
    }
    columns = []
    for i, attribute in enumerate(attributes):
        value = f"nullif(trim(held[{i + 1}], $blanks), '')"
        if attribute.kind == "number":
            number = f"TRY_CAST({value} AS DOUBLE)"
            columns.append(f"CASE WHEN isfinite({number}) THEN {number} END AS a{i}")
        elif attribute.kind == "flag":
            parameters |= {"yes": list(YES), "no": list(NO)}
            columns.append(
                f"CASE WHEN list_contains($yes, lower({value})) THEN 1.0 "
                f"WHEN list_contains($no, lower({value})) THEN 0.0 END AS a{i}"
            )
        else:
            parameters[f"levels_{i}"] = list(attribute.levels)
            columns.append(
                f"CASE WHEN {value} IS NOT NULL THEN "
                f"CAST(coalesce(list_position($levels_{i}, {value}), 0) AS DOUBLE) END AS a{i}"
            )
    listed = ",\n    ".join(["user_id", "label", *columns])
    return (
        f"WITH population AS (\n{population}\n), given AS (\n"
        "    SELECT population.user_id, population.label, json_extract_string(\n"
        "        CASE WHEN json_valid(users.attributes) THEN users.attributes END, $pointers\n"
        "    ) AS held\n"
        "    FROM population INNER JOIN users ON users.user_id = population.user_id\n"
        f")\nSELECT\n    {listed}\nFROM given\nORDER BY user_id",
        parameters,
    )


def columns_from(attribute: Attribute, column: ArrayLike) -> NDArray[np.float32]:
    """The numbers of an attribute (N,), of words the position of the level, as the attribute's
    columns (N, columns)."""
    number = _floats(column)
    if attribute.kind != "words":
        return number[:, None]
    places = np.arange(1, len(attribute.levels) + 1, dtype=np.float32)
    if attribute.other:
        places = np.append(places, np.float32(0))
    block: NDArray[np.float32] = (number[:, None] == places).astype(np.float32)
    block[np.isnan(number)] = np.nan
    return block


def _floats(column: ArrayLike) -> NDArray[np.float32]:
    """NULL arrives as a mask, or as None in a column without any value; models want NaN."""
    if isinstance(column, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(column.astype(np.float32), np.nan), dtype=np.float32)
    return np.asarray(column, dtype=np.float32)

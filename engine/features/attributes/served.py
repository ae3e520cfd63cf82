"""Scoring a table without a time axis: the columns of the model in service, for those who stay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from engine.errors import ModelError, UsageError
from engine.features.attributes.frames import staying_users
from engine.features.attributes.schema import Attribute
from engine.features.attributes.words import attribute_specs
from engine.features.frame import FeatureFrame
from engine.features.spec import FeatureSpec
from engine.store.codec import from_json

if TYPE_CHECKING:
    import duckdb

ATTRIBUTES = "attributes"
"""Key of a model's metadata: the schema that makes its columns."""


def attributes_of(metadata: Mapping[str, Any]) -> tuple[Attribute, ...]:
    """The schema in a model's metadata; empty for a model of data with a time axis."""
    return from_json(tuple[Attribute, ...], metadata.get(ATTRIBUTES, []))


def rows_to_score(
    connection: duckdb.DuckDBPyConnection,
    metadata: Mapping[str, Any],
    cutoff: datetime,
    as_of: datetime,
) -> tuple[FeatureFrame, tuple[FeatureSpec, ...]]:
    """Everyone who has not left by the table's own word, and the words of the columns.

    `metadata` are those of the model in service. Raises `UsageError` for a cutoff other than the
    end of the data `as_of`, and `ModelError` for a model of data with a time axis.
    """
    if cutoff != as_of:
        raise no_other_time()
    attributes = attributes_of(metadata)
    if not attributes:
        raise other_data()
    return staying_users(connection, attributes, cutoff), attribute_specs(attributes)


def no_other_time() -> UsageError:
    """A time was asked for, and there is but one."""
    return UsageError(
        "no_time_axis",
        "A table without a time axis knows no other time",
        why="Its columns say how users are now, not how they were",
        next_step="Leave --as-of away",
    )


def other_data() -> ModelError:
    """The model reads what a table without a time axis does not have."""
    return ModelError(
        "other_data",
        "The model in service was trained on data with a time axis",
        why="What is loaded now is one row a user and a label",
        next_step="Run `retention train`, then `retention promote ID`",
    )

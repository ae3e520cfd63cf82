"""Query results as arrays, one chunk at a time: no second copy of what may be gigabytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    import duckdb

VECTOR_ROWS = 2048
"""DuckDB hands out rows in vectors of this size."""


def chunks(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    values: dict[str, Any] | None = None,
    *,
    rows: int,
) -> Iterator[dict[str, NDArray[Any]]]:
    """Column to array, about `rows` rows at a time, in the order of the query.

    NULL is NaN in a column of floats. The connection is busy until the last chunk is read.
    """
    connection.execute(sql, values or {})
    while len(chunk := connection.fetch_df_chunk(max(1, rows // VECTOR_ROWS))):
        yield {str(name): chunk[name].to_numpy() for name in chunk}

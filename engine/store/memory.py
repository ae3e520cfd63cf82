"""How much memory DuckDB may take; what does not fit goes to its own temporary folder."""

from __future__ import annotations

import duckdb


def limit_memory(connection: duckdb.DuckDBPyConnection, limit_gb: float) -> None:
    """Bound the memory of `connection`'s database; 0 leaves DuckDB's own bound, 80 % of it all."""
    if limit_gb:
        connection.execute(f"SET memory_limit = '{limit_gb:.3f}GB'")

"""What users are worth and when they were last seen: read beside the features, at any cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.features.fetch import chunks
from engine.settings import RiskSettings

if TYPE_CHECKING:
    import duckdb

CHUNK_ROWS = 262_144
"""Users fetched at once."""

REVENUE_WINDOW_DAYS = 365
"""Revenue a day is taken over this window, unless the running plan brings more."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Of N users, in the order in which they were asked for."""

    value: NDArray[np.float64]  # expected margin over the value horizon, in currency
    last_active_at: NDArray[np.datetime64]  # NaT: never


def standing(
    connection: duckdb.DuckDBPyConnection,
    user_ids: NDArray[np.object_],
    cutoff: datetime,
    settings: RiskSettings,
) -> Standing:
    """The standing of `user_ids` (N,) as known at `cutoff`."""
    import pandas as pd

    value = np.zeros(len(user_ids))
    last_active_at = np.full(len(user_ids), "NaT", dtype="datetime64[us]")
    asked = pd.DataFrame(
        {"user_id": pd.Series(user_ids, dtype="str"), "row": np.arange(len(user_ids))}
    )
    sql = (
        "SELECT asked.row, standing.revenue_a_day, standing.last_active_at "
        f"FROM (\n{(resources.files('engine') / 'standing.sql').read_text('utf-8')}\n) AS standing "
        "INNER JOIN asked USING (user_id)"
    )
    factor = settings.value_horizon_days * settings.margin
    connection.register("asked", asked)
    try:
        bound = {"cutoff": cutoff, "window_days": REVENUE_WINDOW_DAYS}
        for part in chunks(connection, sql, bound, rows=CHUNK_ROWS):
            value[part["row"]] = np.fmax(0.0, part["revenue_a_day"]) * factor
            last_active_at[part["row"]] = part["last_active_at"]
    finally:
        connection.unregister("asked")
    return Standing(value, last_active_at)

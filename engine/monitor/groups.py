"""Who belongs to which group: the only place that reads `user_sensitive`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import duckdb

SENSITIVE = ("gender", "age_band")
ATTRIBUTES = (*SENSITIVE, "channel", "city")
"""Beside them stands the plan, which a frame knows as its segment."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of all users at one moment; "" where one is not known."""

    place: Mapping[str, int]  # user_id -> row of the arrays below; unknown users: the last row
    values: Mapping[str, NDArray[np.object_]]  # attribute -> (U + 1,)
    signed_up_at: NDArray[np.datetime64]  # (U + 1,) NaT: not known

    def of(
        self, user_ids: NDArray[np.object_], segments: NDArray[np.object_]
    ) -> dict[str, NDArray[np.object_]]:
        """Attribute -> the group of each of N users (N,); the plan is their segment."""
        rows = self._rows(user_ids)
        return {**{name: self.values[name][rows] for name in ATTRIBUTES}, "plan": segments}

    def tenure_days(
        self, user_ids: NDArray[np.object_], cutoffs: NDArray[np.datetime64]
    ) -> NDArray[np.float64]:
        """(N,) days from sign-up to the cutoff; NaN where the sign-up is not known."""
        since = cutoffs.astype("datetime64[us]") - self.signed_up_at[self._rows(user_ids)]
        days: NDArray[np.float64] = since / np.timedelta64(1, "D")
        return days

    def _rows(self, user_ids: NDArray[np.object_]) -> NDArray[np.int64]:
        # A reload may have lost users that an older scoring run speaks of.
        return np.array([self.place.get(user, -1) for user in user_ids.tolist()], dtype=np.int64)


def read_groups(connection: duckdb.DuckDBPyConnection, cutoff: datetime) -> Groups:
    """The groups of all loaded users, ages as of `cutoff`."""
    sql = (resources.files("engine.monitor") / "groups.sql").read_text("utf-8")
    table = connection.execute(sql, {"cutoff": cutoff}).fetchnumpy()
    signed_up = np.ma.filled(
        np.ma.asarray(table["signed_up_at"]).astype("datetime64[us]"), np.datetime64("NaT")
    )
    return Groups(
        {user: row for row, user in enumerate(np.asarray(table["user_id"]).tolist())},
        {name: np.append(np.asarray(table[name], dtype=object), "") for name in ATTRIBUTES},
        np.append(signed_up, np.datetime64("NaT")),
    )

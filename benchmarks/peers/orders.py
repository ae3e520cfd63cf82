"""What the peers see: orders from the raw files, read without our loader or our feature code."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError

# One row per customer and day with a purchase; `returned` is money back on that day.
_CDNOW = """
SELECT customer_id, CAST(date AS DATE) AS day, sum(dollars) AS amount, sum(cds) AS items,
       0.0 AS returned
FROM read_csv($source) GROUP BY ALL ORDER BY customer_id, day
"""
_ONLINE_RETAIL = """
SELECT customer_id, CAST("timestamp" AS DATE) AS day,
       coalesce(sum(amount) FILTER (WHERE NOT is_return), 0) AS amount,
       coalesce(sum(distinct_items) FILTER (WHERE NOT is_return), 0) AS items,
       coalesce(-sum(amount) FILTER (WHERE is_return), 0) AS returned
FROM read_parquet($source) GROUP BY ALL
HAVING count(*) FILTER (WHERE NOT is_return) > 0 ORDER BY customer_id, day
"""
_FILES = {
    "cdnow": ("cdnow/cdnow_master.csv.gz", _CDNOW),
    "online-retail": ("online_retail_ii/orders.parquet", _ONLINE_RETAIL),
}
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Orders:
    """P purchase days, ordered by customer and day."""

    customer: NDArray[np.int64]  # (P,)
    day: NDArray[np.int64]  # (P,) days since 1970-01-01
    amount: NDArray[np.float64]  # (P,) money
    items: NDArray[np.float64]  # (P,)
    returned: NDArray[np.float64]  # (P,) money given back on that day

    def before(self, cutoff: date) -> Orders:
        """What was known before midnight of `cutoff`."""
        return self._take(self.day < day_number(cutoff))

    def buyers(self, start: date, end: date) -> NDArray[np.int64]:
        """Customers with a purchase in [start, end), sorted."""
        inside = (self.day >= day_number(start)) & (self.day < day_number(end))
        return np.unique(self.customer[inside])

    def _take(self, rows: NDArray[Any]) -> Orders:
        return Orders(
            self.customer[rows],
            self.day[rows],
            self.amount[rows],
            self.items[rows],
            self.returned[rows],
        )


def day_number(day: date) -> int:
    """Whole days since 1970-01-01."""
    return (day - EPOCH).days


def data_folder() -> Path:
    """The shared data sets: RETENTION_DATA, else `../shared/data` beside the repository."""
    here = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("RETENTION_DATA", here.parent / "shared" / "data"))


def source_file(case: str) -> Path:
    """The raw file of a shop; raises `DataError` where it is absent."""
    return data_file(case, _FILES[case][0])


def data_file(case: str, name: str) -> Path:
    """The file `name` below the folder of the data sets; raises `DataError` where it is absent."""
    path = data_folder() / name
    if not path.exists():
        raise DataError(
            "no_benchmark_data",
            f"{path} is missing",
            why=f"the case {case} measures on that file",
            next_step="Set RETENTION_DATA to the folder of the data sets",
        )
    return path


def read_orders(case: str) -> Orders:
    """The orders of a case."""
    with duckdb.connect() as connection:
        found: dict[str, Any] = connection.execute(
            _FILES[case][1], {"source": str(source_file(case))}
        ).fetchnumpy()
    return Orders(
        np.asarray(found["customer_id"]).astype(np.int64),
        np.asarray(found["day"]).astype("datetime64[D]").astype(np.int64),
        np.asarray(found["amount"]).astype(np.float64),
        np.asarray(found["items"]).astype(np.float64),
        np.asarray(found["returned"]).astype(np.float64),
    )

"""The purchases of CDNOW, as the published fits saw them."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.models.btyd import PurchaseHistory, purchase_history

Cdnow = tuple[NDArray[np.generic], PurchaseHistory]


@pytest.fixture(scope="session")
def cdnow() -> Cdnow:
    """The customers and their histories in weeks, observed until the end of week 39."""
    here = Path(__file__).resolve().parents[3]
    folder = Path(os.environ.get("RETENTION_DATA", here.parent / "shared" / "data"))
    source = folder / "cdnow" / "cdnow_master.csv.gz"
    if not source.exists():
        pytest.skip(f"no CDNOW data at {source}; set RETENTION_DATA")
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT customer_id, datediff('day', DATE '1997-01-01', date) AS day FROM read_csv(?)",
            [str(source)],
        ).fetchnumpy()
    return purchase_history(
        np.asarray(rows["customer_id"]), np.asarray(rows["day"]).astype(np.int64), 272
    )

"""The columns of the peers: recency, frequency, money and rhythm at a cutoff, in pandas."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers.orders import Orders, day_number

WINDOWS_DAYS = (30, 60, 90, 180, 365)


def rfm(
    orders: Orders, customers: NDArray[np.int64], cutoff: date, *, season: bool
) -> pd.DataFrame:
    """One row per customer of `customers`, from what was known before `cutoff`.

    `season` adds the day of the year as a circle, and what the customer bought in the same weeks
    one year earlier: without it a model cannot know that December is near.
    """
    past = orders.before(cutoff)
    rows = pd.DataFrame(
        {
            "customer": past.customer,
            "ago": day_number(cutoff) - past.day,
            "amount": past.amount,
            "items": past.items,
            "returned": past.returned,
        }
    )
    rows["gap"] = -rows.groupby("customer")["ago"].diff()
    grouped = rows.groupby("customer")
    columns = pd.DataFrame(
        {
            "recency": grouped["ago"].min(),
            "age": grouped["ago"].max(),
            "frequency": grouped.size(),
            "amount": grouped["amount"].sum(),
            "amount_mean": grouped["amount"].mean(),
            "amount_last": grouped["amount"].last(),
            "amount_first": grouped["amount"].first(),
            "items": grouped["items"].sum(),
            "returned": grouped["returned"].sum(),
            "gap_mean": grouped["gap"].mean(),
            "gap_sd": grouped["gap"].std(),
            "gap_last": grouped["gap"].last(),
        }
    )
    columns["recency_by_gap"] = columns["recency"] / columns["gap_mean"]
    columns["rate"] = columns["frequency"] / columns["age"]
    for days in WINDOWS_DAYS:
        inside = rows[rows["ago"] <= days].groupby("customer")
        columns[f"frequency_{days}"] = inside.size()
        columns[f"amount_{days}"] = inside["amount"].sum()
    if season:
        angle = 2 * np.pi * cutoff.timetuple().tm_yday / 365.25
        columns["season_sin"], columns["season_cos"] = np.sin(angle), np.cos(angle)
        last_year = rows[(rows["ago"] <= 365) & (rows["ago"] > 275)].groupby("customer")
        columns["frequency_last_year"] = last_year.size()
    counts = [name for name in map(str, columns) if name.startswith(("frequency_", "amount_"))]
    columns = columns.fillna(dict.fromkeys(counts, 0.0))
    return columns.reindex(customers)


def log_rfm(orders: Orders, customers: NDArray[np.int64], cutoff: date) -> NDArray[np.float64]:
    """(N, D): logs of all columns that are counts, days or money; 0 where there is none."""
    columns = rfm(orders, customers, cutoff, season=True)
    columns = columns.drop(columns=["season_sin", "season_cos"]).fillna(0)
    return np.asarray(np.log1p(columns.clip(lower=0).to_numpy(dtype=np.float64)))

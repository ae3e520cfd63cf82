"""A retail bank: clients, what they do of their own accord, fees."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sample_db.examples import files, shared
from sample_db.examples.lives import DAY_S, Lives

TYPES = ("login", "transfer", "card", "fund_purchase", "redemption")
TYPE_SHARE = (0.4, 0.22, 0.24, 0.08, 0.06)
FEE_EVERY_DAYS = 91


def write(lives: Lives, folder: Path) -> None:
    """clients.csv, transactions_*.parquet, fees.csv."""
    rng = lives.rng("bank")
    count = len(lives)
    shared.users(
        lives,
        folder / "clients.csv",
        user="client_id",
        joined="opened_on",
        extra={
            "branch_or_app": np.where(rng.random(count) < 0.7, "app", "branch"),
            "gender": np.where(rng.random(count) < 0.5, "female", "male"),
            "birthday": [f"{year}-06-15" for year in rng.integers(1950, 2004, count)],
        },
    )
    done = lives.act("transactions", 1.2)
    kind = rng.choice(len(TYPES), len(done.user), p=TYPE_SHARE)
    moves_money = kind > 0
    amount = np.where(moves_money, np.exp(rng.normal(5.5, 1.2, len(kind))), 0.0)
    by_client = rng.random(len(kind)) < 0.9  # the rest is interest and standing orders
    second = done.second
    files.parquet_by_month(
        folder,
        "transactions",
        {
            "transaction_id": shared.ids("T", np.arange(len(kind))),
            "client_id": shared.ids("K", done.user),
            "executed_at": lives.moments(second),
            "booked_at": lives.moments(second + np.where(moves_money, 3600 * 6, 60)),
            "transaction_type": np.array(TYPES, dtype=object)[kind],
            "amount": np.round(np.where(kind == 4, -amount, amount), 2),
            "initiated_by": np.where(by_client, "client", "bank"),
        },
        "executed_at",
    )
    quarter = np.arange(FEE_EVERY_DAYS, lives.days, FEE_EVERY_DAYS)
    user, day = (part.ravel() for part in np.meshgrid(np.arange(count), quarter, indexing="ij"))
    holds = lives.present[user, day // 7]
    files.csv(
        folder / "fees.csv",
        {
            "client_id": shared.ids("K", user[holds]),
            "charged_at": lives.moments(day[holds] * DAY_S + 10_800),
            "fee": rng.choice([10.0, 25.0, 60.0], int(holds.sum()), p=[0.6, 0.3, 0.1]),
        },
    )

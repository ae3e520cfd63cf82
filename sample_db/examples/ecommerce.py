"""A shop: customers, orders, what they look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sample_db.examples import files, shared
from sample_db.examples.lives import Lives

CATEGORIES = ("服饰", "家居", "母婴", "数码", "食品")
ACTIONS = ("view", "cart", "favourite", "search")
ACTION_SHARE = (0.68, 0.14, 0.06, 0.12)


def write(lives: Lives, folder: Path) -> None:
    """customers.csv, orders.csv, clicks_*.parquet."""
    rng = lives.rng("shop")
    shared.users(lives, folder / "customers.csv", user="customer_id", joined="created_time")
    orders = lives.act("orders", 0.16, pull=0.8)
    count = len(orders.user)
    usual = np.exp(rng.normal(4.6, 0.5, len(lives)))
    coupon = rng.random(count) < 0.22
    paid = usual[orders.user] * np.exp(rng.normal(0.0, 0.35, count)) * np.where(coupon, 0.85, 1.0)
    favourite = rng.integers(0, len(CATEGORIES), len(lives))
    other = rng.integers(0, len(CATEGORIES), count)
    category = np.where(rng.random(count) < 0.7, favourite[orders.user], other)
    files.csv(
        folder / "orders.csv",
        shared.with_dirt(
            {
                "order_id": shared.ids("O", np.arange(count)),
                "customer_id": shared.ids("C", orders.user),
                "order_time": lives.moments(orders.second),
                "paid": np.round(paid, 2),
                "status": shared.statuses(rng, count, ("已完成", "支付失败", "已退款")),
                "category": np.array(CATEGORIES, dtype=object)[category],
                "coupon": np.where(coupon, "SAVE15", ""),
            },
            status="待付款",
        ),
    )
    clicks = lives.act("clicks", 1.1)
    action = rng.choice(len(ACTIONS), len(clicks.user), p=ACTION_SHARE)
    files.parquet_by_month(
        folder,
        "clicks",
        {
            "customer_id": shared.ids("C", clicks.user),
            "ts": lives.moments(clicks.second),
            "action": np.array(ACTIONS, dtype=object)[action],
        },
        "ts",
    )

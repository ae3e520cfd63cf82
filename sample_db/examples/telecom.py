"""A telecom operator: subscribers, contracts, daily usage, complaints."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sample_db.examples import files, shared
from sample_db.examples.lives import DAY_S, Lives

TARIFFS = ("4G 畅享", "5G 畅享", "5G 家庭")
FEES = (58, 98, 168)
TERM_DAYS = 90
SERVICES = ("data", "voice", "sms")
SERVICE_SHARE = (0.6, 0.3, 0.1)


def write(lives: Lives, folder: Path) -> None:
    """subscribers.csv, contracts.csv, usage_daily_*.parquet, complaints.csv."""
    rng = lives.rng("operator")
    shared.users(
        lives, folder / "subscribers.csv", user="msisdn_hash", joined="activated_on", city="city"
    )
    tariff = rng.integers(0, len(TARIFFS), len(lives))
    terms = shared.terms(lives, TERM_DAYS, share=1.0)
    files.csv(
        folder / "contracts.csv",
        {
            "contract_id": shared.ids("K", np.arange(len(terms.user))),
            "msisdn_hash": shared.ids("S", terms.user),
            "tariff": np.array(TARIFFS, dtype=object)[tariff[terms.user]],
            "start_date": lives.moments(terms.start_day * DAY_S).astype("datetime64[D]"),
            "end_date": lives.moments((terms.start_day + TERM_DAYS) * DAY_S).astype(
                "datetime64[D]"
            ),
            "cancel_date": np.full(len(terms.user), None),
            "monthly_fee": np.array(FEES)[tariff[terms.user]],
        },
    )
    usage = lives.act("usage", 2.2, pull=0.5)
    service = rng.choice(len(SERVICES), len(usage.user), p=SERVICE_SHARE)
    day = lives.moments(usage.second).astype("datetime64[D]")
    key = (usage.user * lives.days + usage.second // DAY_S) * len(SERVICES) + service
    _, first = np.unique(key, return_index=True)  # one row a day and service
    first = np.sort(first)
    megabytes = np.round(rng.gamma(1.5, 240, len(usage.user)), 1)
    files.parquet_by_month(
        folder,
        "usage_daily",
        {
            "msisdn_hash": shared.ids("S", usage.user[first]),
            "day": day[first].astype("datetime64[s]"),
            "service": np.array(SERVICES, dtype=object)[service[first]],
            "call_seconds": np.where(service == 1, rng.integers(5, 3000, len(service)), 0)[first],
            "megabytes": np.where(service == 0, megabytes, 0.0)[first],
        },
        "day",
    )
    shared.tickets(
        lives,
        folder / "complaints.csv",
        user="msisdn_hash",
        prefix="S",
        opened="opened_time",
        text="content",
    )

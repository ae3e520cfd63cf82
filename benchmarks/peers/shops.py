"""The peers on shops' orders: recency, BG/NBD, Pareto/NBD, and learners on RFM columns.

BG/NBD and Pareto/NBD are the engine's own (tested against the published figures); all else is
other people's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers.boosting import Split
from benchmarks.peers.folds import by_cutoff
from benchmarks.peers.learners import (
    FULL,
    Effort,
    Learner,
    Rows,
    learners,
    lightgbm_small,
    logistic,
)
from benchmarks.peers.orders import Orders, day_number
from benchmarks.peers.rfm import log_rfm, rfm
from engine.models.btyd import BetaGeometric, PurchaseHistory, fit_bg_nbd, purchase_history
from engine.models.btyd_pareto import ParetoNbd, fit_pareto_nbd

Floats = NDArray[np.float64]

WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class Protocol:
    """Who is asked what, and which cutoffs may teach."""

    case: str
    horizon_days: int
    active_within_days: int  # eligible: a purchase in so many days before the cutoff
    train: tuple[date, ...]  # ascending; every label closed by `test`
    test: date
    season: bool  # whether the training cutoffs cover a year, so that a season can be learnt

    def __post_init__(self) -> None:
        late = [c for c in self.train if c + self.horizon > self.test]
        if late:
            raise ValueError(f"labels of {late} are not known at the test cutoff {self.test}")

    @property
    def horizon(self) -> timedelta:
        return timedelta(days=self.horizon_days)

    def population(self, orders: Orders, cutoff: date) -> NDArray[np.int64]:
        """Eligible customers at `cutoff`, sorted."""
        return orders.buyers(cutoff - timedelta(days=self.active_within_days), cutoff)

    def churned(
        self, orders: Orders, customers: NDArray[np.int64], cutoff: date, *, windows: int = 1
    ) -> Floats:
        """1 where no purchase follows in so many horizons from `cutoff` on."""
        later = orders.buyers(cutoff, cutoff + windows * self.horizon)
        return (~np.isin(customers, later)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class PeerRisks:
    """N customers of the test cutoff, ascending."""

    customers: NDArray[np.int64]  # (N,)
    label: Floats  # (N,) 1 = churned
    risks: Mapping[str, Floats]  # (N,) each; recency is scaled days: an order, no probability


def peer_risks(
    orders: Orders,
    protocol: Protocol,
    *,
    effort: Effort = FULL,
    only: frozenset[str] | None = None,
) -> PeerRisks:
    """Every peer, or those that are named, fitted on what was known at the test cutoff."""
    test = protocol.population(orders, protocol.test)
    recency = rfm(orders, test, protocol.test, season=False)["recency"].to_numpy(np.float64)
    peers: dict[str, Callable[[], Floats]] = {"recency": lambda: recency / (recency.max() + 1)}
    for name in BUYING_MODELS:
        peers[name] = partial(_silent, name, orders, protocol, test)
    peers["logistic log-RFM"] = partial(_logistic, orders, protocol, test)
    for season in dict.fromkeys((False, protocol.season)):
        rows = _Taught(orders, protocol, test, season)
        columns = f"RFM{' + season' * season}"
        peers[f"LightGBM {columns}"] = partial(rows.risk, lightgbm_small(effort))
        if season == protocol.season:
            for name, learner in learners(effort, rows.splits).items():
                if name != "logistic":  # it has its logs
                    peers[f"{name} {columns}"] = partial(rows.risk, learner)
    asked = {name: risk for name, risk in peers.items() if only is None or name in only}
    label = protocol.churned(orders, test, protocol.test)
    return PeerRisks(test, label, {name: risk() for name, risk in asked.items()})


def carried_over(
    orders: Orders, protocol: Protocol, peers: PeerRisks, *, windows: int
) -> PeerRisks:
    """The same customers over so many horizons: no training label could know so long a window.

    Who stays away in one window is taken to stay away in each with the same risk; the models of
    buying say the long window themselves.
    """
    label = protocol.churned(orders, peers.customers, protocol.test, windows=windows)
    risks = {
        name: _silent(name, orders, protocol, peers.customers, windows=windows)
        if name in BUYING_MODELS
        else risk**windows
        for name, risk in peers.risks.items()
    }
    return PeerRisks(peers.customers, label, risks)


BUYING_MODELS: Mapping[str, Callable[[PurchaseHistory], BetaGeometric | ParetoNbd]] = {
    "BG/NBD": fit_bg_nbd,
    "Pareto/NBD": fit_pareto_nbd,
}
"""What knows the dates of purchases alone, and needs no labels."""


def _silent(
    name: str,
    orders: Orders,
    protocol: Protocol,
    test: NDArray[np.int64],
    *,
    windows: int = 1,
) -> Floats:
    past = orders.before(protocol.test)
    names, history = purchase_history(past.customer, past.day, day_number(protocol.test) - 1)
    model = BUYING_MODELS[name](history)
    p_any = model.probability_any(history, windows * protocol.horizon_days / WEEK_DAYS)
    return np.asarray(1 - p_any[np.searchsorted(names, test)])


def _logistic(orders: Orders, protocol: Protocol, test: NDArray[np.int64]) -> Floats:
    """One cutoff, the newest: as the baseline that it reproduces."""
    newest = protocol.train[-1]
    taught = protocol.population(orders, newest)
    return logistic(
        log_rfm(orders, taught, newest),
        protocol.churned(orders, taught, newest),
        log_rfm(orders, test, protocol.test),
    )


class _Taught:
    """Columns and labels at every training cutoff, the oldest first."""

    def __init__(
        self, orders: Orders, protocol: Protocol, test: NDArray[np.int64], season: bool
    ) -> None:
        taught = [protocol.population(orders, cutoff) for cutoff in protocol.train]
        made = list(zip(taught, protocol.train, strict=True))
        columns = [rfm(orders, who, cutoff, season=season) for who, cutoff in made]
        self.protocol = protocol
        self.customers = np.concatenate(taught)
        self.cutoff = np.repeat(np.arange(len(taught)), [len(who) for who in taught])
        self.values = pd.concat(columns).to_numpy(np.float64)
        self.label = np.concatenate([protocol.churned(orders, who, cutoff) for who, cutoff in made])
        self.test = rfm(orders, test, protocol.test, season=season).to_numpy(np.float64)

    def splits(self, values: Rows, label: Rows) -> list[Split]:
        return by_cutoff(self.protocol.train, self.cutoff, self.customers, self.protocol.horizon)

    def risk(self, learner: Learner) -> Floats:
        return learner(self.values, self.label, self.test)

"""The peers on shops' orders: recency, BG/NBD, logistic on log-RFM, LightGBM on RFM.

BG/NBD is the engine's own (tested against the published figures); all else is other people's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.peers.boosting import SEEDS, SMALL, lightgbm_risk
from benchmarks.peers.orders import Orders, day_number
from benchmarks.peers.rfm import log_rfm, rfm
from engine.models.btyd import fit_bg_nbd, purchase_history

Floats = NDArray[np.float64]


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
        late = [c for c in self.train if c + timedelta(days=self.horizon_days) > self.test]
        if late:
            raise ValueError(f"labels of {late} are not known at the test cutoff {self.test}")

    def population(self, orders: Orders, cutoff: date) -> NDArray[np.int64]:
        """Eligible customers at `cutoff`, sorted."""
        return orders.buyers(cutoff - timedelta(days=self.active_within_days), cutoff)

    def churned(self, orders: Orders, customers: NDArray[np.int64], cutoff: date) -> Floats:
        """1 where no purchase follows in [cutoff, cutoff + horizon)."""
        later = orders.buyers(cutoff, cutoff + timedelta(days=self.horizon_days))
        return (~np.isin(customers, later)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class PeerRisks:
    """N customers of the test cutoff, ascending."""

    customers: NDArray[np.int64]  # (N,)
    label: Floats  # (N,) 1 = churned
    risks: Mapping[str, Floats]  # (N,) each; recency is scaled days: an order, no probability


def peer_risks(orders: Orders, protocol: Protocol, *, seeds: Sequence[int] = SEEDS) -> PeerRisks:
    """Every peer fitted on what was known at the test cutoff."""
    test = protocol.population(orders, protocol.test)
    recency = rfm(orders, test, protocol.test, season=False)["recency"].to_numpy(np.float64)
    risks = {
        "recency": recency / (recency.max() + 1),
        "BG/NBD": _bg_nbd(orders, protocol, test),
        "logistic log-RFM": _logistic(orders, protocol, test),
        "LightGBM RFM": _lightgbm(orders, protocol, test, season=False, seeds=seeds),
    }
    if protocol.season:
        risks["LightGBM RFM + season"] = _lightgbm(orders, protocol, test, season=True, seeds=seeds)
    return PeerRisks(test, protocol.churned(orders, test, protocol.test), risks)


def _bg_nbd(orders: Orders, protocol: Protocol, test: NDArray[np.int64]) -> Floats:
    past = orders.before(protocol.test)
    names, history = purchase_history(past.customer, past.day, day_number(protocol.test) - 1)
    p_any = fit_bg_nbd(history).probability_any(history, protocol.horizon_days / 7)
    return 1 - p_any[np.searchsorted(names, test)]


def _logistic(orders: Orders, protocol: Protocol, test: NDArray[np.int64]) -> Floats:
    """One cutoff, the newest: as the baseline that it reproduces."""
    newest = protocol.train[-1]
    taught = protocol.population(orders, newest)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(log_rfm(orders, taught, newest), protocol.churned(orders, taught, newest))
    return np.asarray(model.predict_proba(log_rfm(orders, test, protocol.test))[:, 1])


def _lightgbm(
    orders: Orders,
    protocol: Protocol,
    test: NDArray[np.int64],
    *,
    season: bool,
    seeds: Sequence[int],
) -> Floats:
    frames, labels = [], []
    for cutoff in protocol.train:
        taught = protocol.population(orders, cutoff)
        frames.append(rfm(orders, taught, cutoff, season=season))
        labels.append(protocol.churned(orders, taught, cutoff))
    return lightgbm_risk(
        pd.concat(frames).to_numpy(np.float64),
        np.concatenate(labels),
        rfm(orders, test, protocol.test, season=season).to_numpy(np.float64),
        SMALL,
        seeds=seeds,
    )

"""Discrete-time hazard: one log-odds a bin of days, of the side of churn.

Under a rule whose event is leaving (`lapsed`), a bin says whether a member who is there at its
beginning has left by its end: risk = 1 - prod(1 - h), which rises with the horizon. Under a rule
that is told by a sign of staying (`inactive`, `no_payment`), a bin says whether a user silent until
its beginning stays silent to its end: risk = prod(h), which falls with the horizon, as fewer and
fewer users have been silent all along. With a single bin both are the log-odds itself, and the loss
is binary cross-entropy.
Source: Gensheimer and Narasimhan 2019, A scalable discrete-time survival model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from engine.features.frame import EventTimes
from engine.models.nets.config import BinEvent

SMALLEST = 1e-30
"""Of a cumulative hazard: its logarithm must stay finite in single precision."""


def bin_targets(
    times: EventTimes, bins: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What each bin of N rows says (1: the side of churn) and whether it counts, both (N, K).

    A bin counts when the row was still at risk at its beginning and the data cover it to its end:
    a bin seen in part would tell of events but not of their absence.
    """
    ends = np.array(bins)
    place = np.arange(len(bins))
    happened = np.isfinite(times.day)
    at = np.minimum(np.searchsorted(ends, times.day, side="right"), len(bins) - 1)
    at = np.where(happened, at, len(bins))
    here = place == at[:, None]
    target = here if times.event == "leave" else ~here
    counts = (place <= at[:, None]) & (ends <= times.observed_days[:, None])
    return target.astype(np.float32), counts.astype(np.float32)


def by_horizon(log_odds: Tensor, event: BinEvent) -> Tensor:
    """Log-odds (..., K) of the bins -> log-odds of churn by the end of each bin, (..., K)."""
    if log_odds.shape[-1] == 1:
        return log_odds
    sign = 1.0 if event == "leave" else -1.0
    passed = functional.softplus(sign * log_odds).cumsum(dim=-1).clamp(min=SMALLEST)
    # log(exp(x) - 1), without overflow for large x and without cancellation for small x
    return sign * (passed + torch.log(-torch.expm1(-passed)))


def hazard_loss(log_odds: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Minus log-likelihood of every row (B,), the mean over its members.

    `log_odds` (B, members, K), `target` and `counts` (B, K).
    """
    losses = functional.binary_cross_entropy_with_logits(
        log_odds, target.unsqueeze(1).expand_as(log_odds), reduction="none"
    )
    return (losses * counts.unsqueeze(1)).sum(dim=2).mean(dim=1)


def horizons(bins: tuple[int, ...], log_odds: NDArray[Any]) -> dict[int, NDArray[np.float64]]:
    """Days -> log-odds (N,) of churn by then."""
    return {days: log_odds[:, place].astype(np.float64) for place, days in enumerate(bins)}

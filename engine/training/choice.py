"""The choice among models and mixtures, on rows that taught none of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.models.blend import BLEND
from engine.models.calibration import log_loss
from engine.training.calibrate import fit_calibration

NET_SHARES = (0.25, 0.5, 0.75)
"""Of the net in the blend, the rest is the trees'; the first is taken unless another is better."""


def choose(
    losses: Mapping[str, NDArray[np.float64]], weight: NDArray[Any], preferred: str = BLEND
) -> str:
    """The preferred model, unless the best one's loss is lower by more than one standard error.

    `losses` holds the loss of every row by model; where the preferred one is absent the lowest
    mean loss wins. Preferred is what varies least, so a tie is its own.
    """
    mean = {name: float(np.average(values, weights=weight)) for name, values in losses.items()}
    best = min(mean, key=lambda name: mean[name])
    if preferred not in losses or best == preferred:
        return best
    difference = losses[preferred] - losses[best]
    gain = mean[preferred] - mean[best]
    spread = np.sqrt(np.average((difference - gain) ** 2, weights=weight))
    return best if gain > spread / np.sqrt(len(difference)) else preferred


def net_share(
    net: NDArray[np.float64],
    trees: NDArray[np.float64],
    label: NDArray[Any],
    weight: NDArray[Any],
) -> float:
    """The net's share of the blend, one of `NET_SHARES`, from the log-odds (N,) of both."""
    return mix_share(net, trees, label, weight, NET_SHARES)


def mix_share(
    own: NDArray[np.float64],
    rest: NDArray[np.float64],
    label: NDArray[Any],
    weight: NDArray[Any],
    tried: tuple[float, ...],
) -> float:
    """The share of `own` in a mix with `rest`, one of `tried`, from the log-odds (N,) of both.

    The first is taken unless another one's calibrated loss is clearly lower (see `choose`).
    """
    losses = {}
    for share in tried:
        mixed = share * own + (1 - share) * rest
        losses[str(share)] = log_loss(fit_calibration(mixed, label, weight).apply(mixed), label)
    return float(choose(losses, weight, str(tried[0])))

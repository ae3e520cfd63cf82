"""Integrated gradients through the head of a net, against a panel of other users.

The path goes straight from a panel user's inputs to the user's: what the first linear map reads,
which for a net with pieces are the pieces of every number's range. Along it the map's outputs move
in a straight line too, so only what lies above the map is evaluated at the points of the integral,
and the mean slope there is brought back through the map once for each pair of users.

Source: Sundararajan, Taly and Yan 2017 (arXiv 1703.01365), averaged over baselines (expected
gradients, Erion et al. 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.models.nets.head import Head

FIRST_POINTS = 8
MOST_POINTS = 256
TOLERANCE = 0.01
"""Of |f(x) - mean f(panel)|: above it the integral is taken again with twice the points."""

SMALLEST = 0.005
"""Log-odds: no user sees such a difference, so it is not chased."""

BATCH = 2048
"""Points of paths at once: larger tensors leave the processor's cache and are mapped anew."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Integral:
    shares: Floats  # (n, owners) contributions
    baseline: float  # mean log-odds of the panel


def integrated_gradients(
    head: Head,
    inputs: NDArray[np.float32],
    panel: NDArray[np.float32],
    owner: NDArray[np.int64],
    owners: int,
) -> Integral:
    """Contributions of n users' inputs (n, I) against the mean of B panel users' (B, I).

    `owner` (I,) says whose share each input's contribution is added to. Gauss-Legendre points start
    at 8 and double to 256 for the users whose contributions do not yet add up to within 1 %. What
    is still missing then is the caller's remainder.
    """
    dealt = torch.zeros(len(owner), owners)
    dealt[torch.arange(len(owner)), torch.from_numpy(owner)] = 1
    x, z = torch.from_numpy(inputs), torch.from_numpy(panel)
    with torch.inference_mode():
        first_x, first_z = head.first(x), head.first(z)
        baseline = float(head.above(first_z).mean())
        wanted = head.above(first_x).numpy().astype(np.float64) - baseline
    shares = np.zeros((len(inputs), owners))
    rows = np.arange(len(inputs))
    points = FIRST_POINTS
    while len(rows) and points <= MOST_POINTS:
        step = max(1, BATCH // (points * len(panel)))
        for part in np.split(rows, range(step, len(rows), step)):
            slope = _mean_slope(head, first_x[part], first_z, points)
            with torch.inference_mode():
                by_input = ((slope @ head.weight) * (x[part][:, None] - z)).mean(dim=1)
                shares[part] = (by_input @ dealt).numpy()
        missing = np.abs(shares[rows].sum(axis=1) - wanted[rows])
        rows = rows[missing > np.maximum(TOLERANCE * np.abs(wanted[rows]), SMALLEST)]
        points *= 2
    return Integral(shares, baseline)


def _mean_slope(head: Head, x: Tensor, z: Tensor, points: int) -> Tensor:
    """(n, B, K) the mean gradient of `above` on the way from each of z (B, K) to each of x (n, K).

    Found with the Gauss-Legendre rule of that many points.
    """
    place, weight = np.polynomial.legendre.leggauss(points)
    along = torch.from_numpy(((place + 1) / 2).astype(np.float32))[:, None]
    mass = torch.from_numpy((weight / 2).astype(np.float32))[:, None]
    path = (z[:, None] + (x[:, None] - z)[:, :, None] * along).flatten(end_dim=2)
    path.requires_grad_()
    (slope,) = torch.autograd.grad(head.above(path).sum(), path)
    return (slope.view(len(x), len(z), points, -1) * mass).sum(dim=2)

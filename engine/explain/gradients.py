"""Integrated gradients through the head of a net, against a panel of other users.

Source: Sundararajan, Taly and Yan 2017 (arXiv 1703.01365), averaged over baselines (expected
gradients, Erion et al. 2021). The path goes straight from a panel user's inputs to the user's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Head = Callable[[Tensor, Tensor], Tensor]
"""(n, P) prepared numbers and (n, H) pooled sequences -> (n,) log-odds; differentiable."""

FIRST_POINTS = 8
MOST_POINTS = 256
TOLERANCE = 0.01
"""Of |f(x) - mean f(panel)|: above it the integral is taken again with twice the points."""

SMALLEST = 0.005
"""Log-odds: no user sees such a difference, so it is not chased."""

BATCH = 1024
"""Inputs of the head at once: larger tensors leave the processor's cache and are mapped anew."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Integral:
    numbers: Floats  # (n, P) contribution of every prepared number
    pooled: Floats  # (n,) contribution of the sequence
    baseline: float  # mean log-odds of the panel


def integrated_gradients(
    head: Head,
    numbers: NDArray[np.float32],
    pooled: NDArray[np.float32],
    panel_numbers: NDArray[np.float32],
    panel_pooled: NDArray[np.float32],
) -> Integral:
    """Contributions of n users' inputs against the mean of B panel users.

    Gauss-Legendre points start at 8 and double to 256 for the users whose contributions do not yet
    add up to within 1 %. What is still missing then is the caller's remainder.
    """
    with torch.inference_mode():
        baseline = float(_evaluated(head, panel_numbers, panel_pooled).mean())
        wanted = _evaluated(head, numbers, pooled) - baseline
    result = Integral(np.zeros(numbers.shape), np.zeros(len(numbers)), baseline)
    rows = np.arange(len(numbers))
    points = FIRST_POINTS
    while len(rows) and points <= MOST_POINTS:
        parts = _integral(head, numbers[rows], pooled[rows], panel_numbers, panel_pooled, points)
        result.numbers[rows], result.pooled[rows] = parts
        missing = np.abs(result.numbers[rows].sum(axis=1) + result.pooled[rows] - wanted[rows])
        rows = rows[missing > np.maximum(TOLERANCE * np.abs(wanted[rows]), SMALLEST)]
        points *= 2
    return result


def _evaluated(head: Head, numbers: NDArray[np.float32], pooled: NDArray[np.float32]) -> Floats:
    pieces = [
        head(torch.from_numpy(numbers[i : i + BATCH]), torch.from_numpy(pooled[i : i + BATCH]))
        for i in range(0, len(numbers), BATCH)
    ]
    return torch.cat(pieces).numpy().astype(np.float64) if pieces else np.zeros(0)


def _integral(
    head: Head,
    numbers: NDArray[np.float32],
    pooled: NDArray[np.float32],
    panel_numbers: NDArray[np.float32],
    panel_pooled: NDArray[np.float32],
    points: int,
) -> tuple[Floats, Floats]:
    place, weight = np.polynomial.legendre.leggauss(points)
    along = torch.from_numpy(((place + 1) / 2).astype(np.float32))[:, None]
    mass = torch.from_numpy((weight / 2).astype(np.float32))[:, None]
    users, size = len(numbers), len(panel_numbers)
    x = torch.from_numpy(np.concatenate([numbers, pooled], axis=1))
    z = torch.from_numpy(np.concatenate([panel_numbers, panel_pooled], axis=1))
    width, inputs = numbers.shape[1], x.shape[1]
    found = np.zeros((users, inputs))
    step = max(1, BATCH // (points * size))
    for start in range(0, users, step):
        step_x = x[start : start + step]
        span = step_x[:, None] - z  # (s, B, I)
        path = (z[:, None] + span[:, :, None] * along).reshape(-1, inputs).requires_grad_()
        value = head(path[:, :width], path[:, width:]).sum()
        (slope,) = torch.autograd.grad(value, path)
        mean = (slope.view(len(step_x), size, points, inputs) * mass).sum(dim=2)
        found[start : start + step] = (mean * span).mean(dim=1).numpy()
    return found[:, :width], found[:, width:].sum(axis=1)

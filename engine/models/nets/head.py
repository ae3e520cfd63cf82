"""A net above its inputs, cut in two: one linear map, and whatever lies above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Head:
    """f(x) = above(x · weightᵀ + bias).

    On a straight path between two inputs the first map is linear in the place on the path, so
    whoever walks along it needs only its two ends and pays for `above` alone.
    """

    weight: Tensor  # (K, I)
    bias: Tensor  # (K,)
    above: Callable[[Tensor], Tensor]  # (n, K) -> (n,) log-odds; differentiable

    def first(self, inputs: Tensor) -> Tensor:
        """(n, I) inputs -> (n, K) what `above` reads."""
        return inputs @ self.weight.T + self.bias

    def __call__(self, inputs: Tensor) -> Tensor:
        """(n, I) inputs -> (n,) log-odds."""
        return self.above(self.first(inputs))

"""The array types and the random streams that every part of the sample platform uses."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MICROSECONDS_PER_DAY = 86_400_000_000


def stream(seed: int, name: str) -> np.random.Generator:
    """A random stream of its own for each concept, so that a new one does not move the others."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def sigmoid(x: Floats) -> Floats:
    """The logistic function; saturates instead of overflowing."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=np.float32)

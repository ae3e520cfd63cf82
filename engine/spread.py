"""A metric over several cutoffs: its mean and the worst of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.types import Metrics

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "ece"})


@dataclass(frozen=True, slots=True)
class Spread:
    mean: float
    worst: float
    worst_cutoff: datetime


def spread(by_cutoff: Sequence[Metrics], metric: str) -> Spread | None:
    """Of the attribute `metric` over cutoffs; None where no cutoff has a finite value."""
    values = [(getattr(one, metric), one.cutoffs[0]) for one in by_cutoff]
    known = [
        (value, cutoff) for value, cutoff in values if value is not None and math.isfinite(value)
    ]
    if not known:
        return None
    worst = max if metric in LOWER_IS_BETTER else min
    value, cutoff = worst(known)
    return Spread(sum(one for one, _ in known) / len(known), value, cutoff)

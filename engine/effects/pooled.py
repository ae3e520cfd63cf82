"""One effect out of several campaigns: each compares its own arms, then they are averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from engine.types import Interval

FEWEST_OF_AN_ARM = 25
"""With fewer users in an arm, over all campaigns, no effect is told."""

_Z95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Arms:
    """Users as assigned, of one campaign and template, whose outcome is known."""

    treated: int
    treated_retained: int
    held_out: int
    held_out_retained: int


def pooled_difference(strata: Sequence[Arms]) -> Interval | None:
    """The difference in retention, treated minus held out, over all `strata`; 95 %.

    The Mantel-Haenszel risk difference: campaigns with other holdouts or other users do not mix.
    None where an arm has too few users. Source: Greenland and Robins 1985, Biometrics 41, 55-68.
    """
    told = [one for one in strata if one.treated and one.held_out]
    fewest = min(sum(one.treated for one in told), sum(one.held_out for one in told))
    if fewest < FEWEST_OF_AN_ARM:
        return None
    weight = [one.treated * one.held_out / (one.treated + one.held_out) for one in told]
    total = sum(weight)
    estimate = (
        sum(
            share * (one.treated_retained / one.treated - one.held_out_retained / one.held_out)
            for share, one in zip(weight, told, strict=True)
        )
        / total
    )
    variance = sum(
        share**2
        * (
            _spread(one.treated_retained, one.treated)
            + _spread(one.held_out_retained, one.held_out)
        )
        for share, one in zip(weight, told, strict=True)
    )
    half = _Z95 * math.sqrt(variance) / total
    return Interval(estimate, estimate - half, estimate + half)


def _spread(retained: int, users: int) -> float:
    """The variance of a rate; one success and one failure more: no rate of few is free of noise."""
    rate = (retained + 1) / (users + 2)
    return rate * (1 - rate) / users

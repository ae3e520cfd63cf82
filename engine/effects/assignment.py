"""Who is held out and who gets which arm: a salted hash, so that everyone can repeat the draw."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import UsageError

HOLDOUT = "holdout"
"""The arm of those deliberately left alone."""

_BITS = 53  # what a float holds exactly: the result never rounds up to 1


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm of one person, with the probability with which it was drawn."""

    arm: str
    propensity: float  # P(arm taken), over every layer of the draw
    p_by_arm: Mapping[str, float]
    layer: str  # where it was decided: "global_holdout:{epoch}" or "campaign:{id}"


def unit_interval(salt: str, unit_id: str) -> float:
    """A number in [0, 1) fixed by `salt` and `unit_id` (a person, not an address).

    The first 8 bytes of sha256 over "salt|unit", cut to 53 bits. Another salt gives a draw that
    is independent of this one.
    """
    digest = hashlib.sha256(f"{salt}|{unit_id}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> (64 - _BITS)) / (1 << _BITS)


def holdout_layer(epoch: str) -> str:
    """The salt of the global holdout; a new epoch draws a new one."""
    return f"global_holdout:{epoch}"


def campaign_layer(campaign_id: str) -> str:
    """The salt of a campaign's own draw."""
    return f"campaign:{campaign_id}"


def held_out(salt: str, unit_ids: Iterable[str], share: float) -> NDArray[np.bool_]:
    """(N,) whether each unit falls into [0, share); raises `UsageError` for an impossible share."""
    _check({HOLDOUT: share, "rest": 1 - share})
    return np.fromiter((unit_interval(salt, unit) < share for unit in unit_ids), dtype=np.bool_)


def draw(salt: str, unit_id: str, p_by_arm: Mapping[str, float]) -> str:
    """The arm whose half-open range, in the order of the mapping, holds the unit's number."""
    _check(p_by_arm)
    number = unit_interval(salt, unit_id)
    possible = [(arm, share) for arm, share in p_by_arm.items() if share > 0]
    reached = 0.0
    for arm, share in possible:
        reached += share
        if number < reached:
            return arm
    return possible[-1][0]  # shares such as 0.1 + 0.2 + 0.7 may add up to a hair below 1


def assign(
    unit_id: str,
    *,
    epoch: str,
    holdout_share: float,
    campaign_id: str,
    arms: Mapping[str, float],
) -> Assignment:
    """The arm of `unit_id`: the global holdout first, then the campaign's `arms` among the rest.

    `arms` are probabilities that add up to 1; the arm `holdout` may be among them (a holdout of
    this campaign only). Raises `UsageError` for shares that are no probabilities.
    """
    p_by_arm = {arm: share * (1 - holdout_share) for arm, share in arms.items()}
    p_by_arm[HOLDOUT] = p_by_arm.get(HOLDOUT, 0.0) + holdout_share
    _check({HOLDOUT: holdout_share, "rest": 1 - holdout_share})
    layer = holdout_layer(epoch)
    if unit_interval(layer, unit_id) < holdout_share:
        return Assignment(HOLDOUT, p_by_arm[HOLDOUT], p_by_arm, layer)
    layer = campaign_layer(campaign_id)
    arm = draw(layer, unit_id, arms)
    return Assignment(arm, p_by_arm[arm], p_by_arm, layer)


def _check(shares: Mapping[str, float]) -> None:
    for arm, share in shares.items():
        if not 0 <= share <= 1:
            raise UsageError(
                "bad_share",
                f"The share {share!r} of the arm {arm!r} is no probability",
                why="Shares lie between 0 and 1",
            )
    if not math.isclose(sum(shares.values()), 1, abs_tol=1e-9):
        raise UsageError(
            "bad_shares",
            f"The shares {dict(shares)} add up to {sum(shares.values()):g}",
            why="The arms of one draw must add up to 1",
        )

"""What we want of a figure: a number, or to be as good as the rivals of the same run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from engine.types import Interval

LOWER_IS_BETTER = frozenset({"log_loss", "ece"})


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure of ours beside the rivals'."""

    metric: str
    ours: float
    rivals: Mapping[str, float]
    interval: Mapping[str, Interval]  # peer -> ours - peer; empty where none was computed

    @property
    def lower(self) -> bool:
        """Is lower better?"""
        return self.metric in LOWER_IS_BETTER

    @property
    def best(self) -> float:
        """The best rival's figure."""
        return min(self.rivals.values()) if self.lower else max(self.rivals.values())


Aim = Callable[[Measured], tuple[str, bool]]
"""The aim in words, and whether it is met."""


def best_rival(measured: Measured) -> tuple[str, bool]:
    """As good as the best rival of this run."""
    if measured.lower:
        return f"at most the best rival's {measured.best:.4f}", measured.ours <= measured.best
    return f"at least the best rival's {measured.best:.4f}", measured.ours >= measured.best


def beyond(limits: Mapping[str, float]) -> Aim:
    """Better than a number that was written down beforehand; a metric without one: `best_rival`."""

    def aim(measured: Measured) -> tuple[str, bool]:
        limit = limits.get(measured.metric)
        if limit is None:
            return best_rival(measured)
        if measured.lower:
            return f"below {limit:g}", measured.ours < limit
        return f"above {limit:g}", measured.ours > limit

    return aim


def better_than(names: Collection[str]) -> Aim:
    """Better than the rivals that are named, whatever the others score."""

    def aim(measured: Measured) -> tuple[str, bool]:
        rivals = {name: value for name, value in measured.rivals.items() if name in names}
        among = Measured(measured.metric, measured.ours, rivals, measured.interval)
        words = f"better than {' and '.join(rivals)}, {among.best:.4f}"
        return words, measured.ours < among.best if among.lower else measured.ours > among.best

    return aim


def proven(measured: Measured) -> tuple[str, bool]:
    """Better than every rival by an interval that excludes zero; without one: `best_rival`."""
    found = [measured.interval[name] for name in measured.rivals if name in measured.interval]
    if not found:
        return best_rival(measured)
    won = all(one.high < 0 if measured.lower else one.low > 0 for one in found)
    words = "below" if measured.lower else "above"
    return f"{words} every rival by an interval without 0", won


def near_the_best(slack: float) -> Aim:
    """AUC within `slack` of the best rival's, log loss the lowest or not proven to be higher."""

    def aim(measured: Measured) -> tuple[str, bool]:
        if measured.metric == "roc_auc":
            limit = measured.best - slack
            words = f"at most {slack:g} behind the best rival's {measured.best:.4f}"
            return words, measured.ours >= limit
        if measured.metric == "log_loss":
            behind = [n for n in measured.rivals if measured.interval[n].low > 0]
            return f"best or tied with {measured.best:.4f}", not behind
        return best_rival(measured)

    return aim

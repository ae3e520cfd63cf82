"""Facts about a model's reasons that cross to the screens: standard library only, as
`engine.types`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SecondOpinion = Literal["first_fit", "other_fold"]


@dataclass(frozen=True, slots=True)
class Stability:
    """The reasons of the same users by a second model of the same recipe.

    `first_fit`: the model as it was before the newest labelled rows taught it, with other draws of
    its trees. `other_fold`: where there is no time, the member fitted without another fold.
    """

    against: SecondOpinion
    kendall: float  # mean over users of tau-b between the two rankings of all groups
    compared: int  # users to whom both models give a reason that raises the risk
    same_first: int  # of them: the first reason is the same
    in_first_three: int  # of them: the first reason is among the other model's first three


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Are a model's reasons its real ones? Measured on `users` test rows.

    Taking a group away means giving the user what retained users of the segment have there.
    """

    users: int
    complete: int  # of them: contributions leave at most 1 % of their absolute sum over
    worst_remainder: float  # the largest such remainder, as a share
    tested: int  # users with a reason that raises the risk
    lowered: int  # of them: the risk falls when the first reason is taken away
    drops: tuple[float, ...]  # mean fall of the log-odds without the first reason, two, three
    random_lowered: int  # as `lowered`, for another group drawn at random
    random_drops: tuple[float, ...]  # as `drops`, for as many groups drawn at random
    stability: Stability | None = None  # None: there was no second model to ask

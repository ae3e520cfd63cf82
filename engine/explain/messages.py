"""The words of the group "text": which of a user's phrases moved the score of messages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import FeatureFrame
from engine.models.blend import RiskModel
from engine.models.text import TextModel
from engine.types import Words

LONGEST = 30
"""Characters of a phrase that are quoted."""

_LIKE_LEAVERS = Words(
    "近期留言的措辞与流失用户相似", "Recent messages read like those of users who left"
)
_LIKE_STAYERS = Words(
    "近期留言的措辞与留存用户相似", "Recent messages read like those of users who stayed"
)


def phrases(model: RiskModel, frame: FeatureFrame, raises: NDArray[np.bool_]) -> list[str]:
    """What every row of `frame` (N,) wrote that speaks for its share; empty: nothing does."""
    for component in model.components:
        if isinstance(component, TextModel):
            return component.phrases(frame, raises)
    return [""] * len(frame)


def wrote(phrase: str, *, raises: bool) -> Words:
    """The sentence about one user; without a phrase it says whose words these are like."""
    phrase = _quotable(phrase)
    if not phrase:
        return _LIKE_LEAVERS if raises else _LIKE_STAYERS
    return Words(f"近期留言提到“{phrase}”", f"Recent messages say “{phrase}”")


def _quotable(phrase: str) -> str:
    """A user's words on one line without what moves a cursor, and not endless."""
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in phrase).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"

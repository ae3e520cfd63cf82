"""What users wrote as a partner of the other models: a linear score of the pieces of text.

log-odds of a row = sum over its messages of 0.5^(age / half-life) · v(message) · weight, where v
holds the inverse user frequencies of the pieces of the message, of unit length. A piece that too
few users have written, or that another language brings, is not known and counts as nothing; whoever
wrote nothing has 0. So the score is added to that of other models, and is its own reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import FeatureFrame
from engine.features.messages import Messages
from engine.models.base import Arrays, Config, SingleModel
from engine.models.tokens import tokens

DAY_S = 86_400

BATCH_MESSAGES = 16_384
"""Cut into pieces at once: some tens of megabytes."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """V pieces of text that many users have written."""

    number: NDArray[np.uint64]  # (V,) ascending
    rarity: NDArray[np.float32]  # (V,) inverse user frequency

    def find(self, number: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The position of every piece (T,), and whether it is known."""
        if not len(self.number):
            return np.zeros(len(number), np.int64), np.zeros(len(number), np.bool_)
        place = np.minimum(np.searchsorted(self.number, number), len(self.number) - 1)
        return place, self.number[place] == number


@dataclass(frozen=True, slots=True)
class Cells:
    """The known pieces of M messages, each once a message: a sparse matrix of C cells."""

    message: NDArray[np.int64]  # (C,) ascending
    piece: NDArray[np.int64]  # (C,) position in the vocabulary
    value: Floats  # (C,) the messages' vectors have length 1
    start: NDArray[np.int64]  # (C,) characters of the message that spell the piece
    stop: NDArray[np.int64]  # (C,)


def cells(messages: Messages, which: NDArray[np.int64], vocabulary: Vocabulary) -> Cells:
    """The vectors of the messages at positions `which` (M,) of the flat arrays."""
    parts = [
        _cells(messages.texts(which[begin : begin + BATCH_MESSAGES]), vocabulary, begin)
        for begin in range(0, len(which), BATCH_MESSAGES)
    ] or [_cells([], vocabulary, 0)]
    return Cells(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Cells.__dataclass_fields__
        )
    )


def _cells(texts: list[str], vocabulary: Vocabulary, first: int) -> Cells:
    found = tokens(texts)
    place, known = vocabulary.find(found.number)
    keys = found.text[known] * max(1, len(vocabulary.number)) + place[known]
    _, once = np.unique(keys, return_index=True)
    own = np.flatnonzero(known)[once]
    text, piece = found.text[own], place[own]
    rarity = vocabulary.rarity[piece].astype(np.float64)
    length = np.sqrt(np.bincount(text, weights=rarity**2, minlength=len(texts)))
    return Cells(text + first, piece, rarity / length[text], found.start[own], found.stop[own])


def faded(messages: Messages, cutoffs: NDArray[Any], half_life_days: float) -> tuple[
    NDArray[np.int64], NDArray[np.int64], Floats
]:  # fmt: skip
    """Row, position and weight of every message of every row, row after row."""
    row, position = messages.owned()
    cutoff_s = cutoffs.astype("datetime64[s]").astype(np.int64)
    age_days = (cutoff_s[row] - messages.seen_s[position]) / DAY_S
    return row, position, 0.5 ** (age_days / half_life_days)


class TextModel(SingleModel):
    """The score; reads messages and no column."""

    kind: ClassVar[str] = "text"

    def __init__(
        self, vocabulary: Vocabulary, weight: NDArray[np.float32], half_life_days: float
    ) -> None:
        self.columns = ()
        self.vocabulary = vocabulary
        self.weight = weight  # (V,)
        self.half_life_days = half_life_days

    @property
    def reads_messages(self) -> bool:
        """Always: it reads nothing else."""
        return True

    def log_odds(self, frame: FeatureFrame) -> Floats:
        """The score of every row, shape (N,); 0 for whoever wrote nothing that is known."""
        messages = frame.messages
        result = np.zeros(len(frame))
        if messages is None:
            return result
        row, position, fade = faded(messages, frame.cutoffs, self.half_life_days)
        which, place = np.unique(position, return_inverse=True)
        weight = self.weight.astype(np.float64)
        score = np.zeros(len(which))
        # A million users' messages have too many pieces to be held at once.
        for begin in range(0, len(which), BATCH_MESSAGES):
            part = which[begin : begin + BATCH_MESSAGES]
            own = cells(messages, part, self.vocabulary)
            score[begin : begin + len(part)] = np.bincount(
                own.message, weights=own.value * weight[own.piece], minlength=len(part)
            )
        np.add.at(result, row, fade * score[place])
        return result

    def phrases(self, frame: FeatureFrame, raises: NDArray[np.bool_]) -> list[str]:
        """What every row wrote that moves its score most, up where `raises` (N,), else down.

        Empty where nothing does. Its pieces are in the vocabulary: many users have written them.
        """
        result = [""] * len(frame)
        messages = frame.messages
        if messages is None:
            return result
        row, position, fade = faded(messages, frame.cutoffs, self.half_life_days)
        which, place = np.unique(position, return_inverse=True)
        own = cells(messages, which, self.vocabulary)
        strength = own.value * self.weight.astype(np.float64)[own.piece]
        score = np.bincount(own.message, weights=strength, minlength=len(which))
        sign = np.where(raises, 1.0, -1.0)[row]
        pull = sign * fade * score[place]
        order = np.lexsort((pull, row))
        order = order[np.append(row[order][1:] != row[order][:-1], True)]  # the last of each row
        first = np.searchsorted(own.message, np.arange(len(which) + 1))
        spelt: dict[tuple[int, float], str] = {}
        for at in order[pull[order] > 0].tolist():
            key = int(place[at]), float(sign[at])
            if key not in spelt:
                part = slice(first[key[0]], first[key[0] + 1])
                (text,) = messages.texts(which[[key[0]]])
                span = _strongest(own.start[part], own.stop[part], key[1] * strength[part])
                spelt[key] = text[slice(*span)]
            result[row[at]] = spelt[key]
        return result

    def state(self) -> tuple[Arrays, Config]:
        """Vocabulary and weights as arrays."""
        arrays: Arrays = {
            # safetensors of older versions lack uint64
            "number": self.vocabulary.number.view(np.int64),
            "rarity": self.vocabulary.rarity,
            "weight": self.weight,
        }
        return arrays, {"half_life_days": self.half_life_days}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> TextModel:
        """The model that `state` described."""
        number = np.ascontiguousarray(arrays["number"]).view(np.uint64)
        vocabulary = Vocabulary(number, arrays["rarity"])
        return cls(vocabulary, arrays["weight"], float(config["half_life_days"]))


def _strongest(
    start: NDArray[np.int64], stop: NDArray[np.int64], strength: Floats
) -> tuple[int, int]:
    """The piece of one message that has the most strength, that of the pieces within it included.

    With the pieces around it that are known as well: half a word is no phrase. The empty span where
    none has any strength. A single character is passed over: it says little.
    """
    within = (start[None, :] >= start[:, None]) & (stop[None, :] <= stop[:, None])
    summed = np.where(stop - start > 1, within @ strength, 0.0)
    best = int(np.argmax(summed))
    if summed[best] <= 0:
        return 0, 0
    around = (start <= start[best]) & (stop >= stop[best])
    return int(start[around].min()), int(stop[around].max())

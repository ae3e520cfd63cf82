"""Pieces of text as numbers: words and neighbouring words, and up to three Chinese characters.

No segmenter and no vocabulary: a piece is known by a 64-bit number that its characters decide
alone, so the same piece has the same number in every text, process and version of Python.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST = 3
"""Characters of a piece in a script without spaces."""

FIRST_SPACELESS = 0x2E80
"""From here on (Chinese, Japanese, Korean) characters are pieces; before it, whole words are."""

_BASE = 0x9E3779B97F4A7C15
_MIX = 0xD6E8FEB86659FD93


@dataclass(frozen=True, slots=True)
class Tokens:
    """T pieces of M texts, in the order of the texts; a piece is the half-open slice of its text,
    in lower case, from `start` to `stop`."""

    number: NDArray[np.uint64]  # (T,)
    text: NDArray[np.int64]  # (T,) the text that each piece is of
    start: NDArray[np.int64]  # (T,) characters
    stop: NDArray[np.int64]  # (T,)


def lower(text: str) -> str:
    """`text` in lower case, a character for a character, so that positions stay."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def tokens(texts: Sequence[str]) -> Tokens:
    """The pieces of all `texts`."""
    joined = "\n".join(map(lower, texts)) + "\n"
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    lengths = np.array([len(text) for text in texts], np.int64)
    ends = np.cumsum(lengths + 1)
    letter = _letters()[np.minimum(codes, FIRST_SPACELESS)]
    spaceless = (codes >= FIRST_SPACELESS) & ~_punctuation(codes)
    starts, stops = _words(letter)
    together = starts[1:] - stops[:-1] == 1 if len(starts) else np.zeros(0, bool)
    together &= codes[stops[:-1]] == ord(" ")
    spans = [(starts, stops), (starts[:-1][together], stops[1:][together])]
    run = spaceless
    for length in range(1, LONGEST + 1):
        if length > 1:
            run = run[:-1] & spaceless[length - 1 :]
        first = np.flatnonzero(run)
        spans.append((first, first + length))
    start = np.concatenate([span[0] for span in spans])
    stop = np.concatenate([span[1] for span in spans])
    order = np.lexsort((stop, start))
    start, stop = start[order], stop[order]
    text = np.searchsorted(ends, start, side="right")
    offset = (ends - lengths - 1)[text]
    return Tokens(_numbers(codes, start, stop), text, start - offset, stop - offset)


def _words(letter: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Runs of letters and digits."""
    edge = np.diff(np.concatenate([[False], letter, [False]]).astype(np.int8))
    return np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)


def _numbers(
    codes: NDArray[np.int64], start: NDArray[np.int64], stop: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """The number of every span, by prefix sums: a polynomial of its characters, modulo 2^64.

    The base is odd, so it can be divided by, and a span's number does not depend on its place.
    """
    mixed = (codes.astype(np.uint64) + np.uint64(1)) * np.uint64(_MIX)
    mixed ^= mixed >> np.uint64(29)
    power = _powers(_BASE, len(codes) + 1)
    inverse = _powers(pow(_BASE, -1, 1 << 64), len(codes) + 1)
    prefix = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed * power[:-1])])
    number = (prefix[stop] - prefix[start]) * inverse[start]
    number ^= number >> np.uint64(32)
    return np.asarray(number * np.uint64(_MIX), np.uint64)


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


def _punctuation(codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of Chinese texts: the wide comma and its like."""
    wide = (codes >= 0xFF00) & (codes <= 0xFF0F) | (codes >= 0xFF1A) & (codes <= 0xFF20)
    return (codes >= 0x3000) & (codes <= 0x303F) | wide


@functools.cache
def _letters() -> NDArray[np.bool_]:
    """Whether each character before `FIRST_SPACELESS` is of a word; the last entry: beyond."""
    table: list[Any] = [chr(code).isalnum() or code == ord("'") for code in range(FIRST_SPACELESS)]
    return np.array([*table, False])

"""Pieces of text against a plain reading of them."""

from __future__ import annotations

import itertools
import re

import numpy as np

from engine.models.tokens import LONGEST, lower, tokens

TEXTS = [
    "闪退了，打不开",
    "",
    "The app crashes again. It's 3 times!",
    "付款失败 again 付款",
    "İstanbul ẞ Straße",
    "🙂🙂 ok",
    "！？。",
    "a\nb",
]


def plainly(text: str) -> set[str]:
    text = lower(text)
    words = [match.span() for match in re.finditer(r"[^\W_\u2e80-\U0010ffff]+|'", text)]
    # words run together across apostrophes
    merged: list[list[int]] = []
    for start, stop in words:
        if merged and merged[-1][1] == start:
            merged[-1][1] = stop
        else:
            merged.append([start, stop])
    found = {text[start:stop] for start, stop in merged}
    for (start, stop), (then, end) in itertools.pairwise(merged):
        if text[stop:then] == " ":
            found.add(text[start:end])
    for run in re.findall(r"[\u2e80-\u2fff\u3040-\ufeff\U00010000-\U0010ffff]+", text):
        for size in range(1, LONGEST + 1):
            found |= {run[at : at + size] for at in range(len(run) - size + 1)}
    return found


def test_pieces_are_words_their_neighbours_and_short_runs_of_characters() -> None:
    found = tokens(TEXTS)
    for place, text in enumerate(TEXTS):
        own = found.text == place
        spelt = {
            lower(text)[start:stop]
            for start, stop in zip(found.start[own].tolist(), found.stop[own].tolist(), strict=True)
        }
        assert spelt == plainly(text), text


def test_a_piece_has_one_number_wherever_it_stands_and_another_piece_has_another() -> None:
    found = tokens([*TEXTS, *TEXTS[::-1], " ".join(TEXTS)])
    texts = [lower(text) for text in (*TEXTS, *TEXTS[::-1], " ".join(TEXTS))]
    spelt: dict[str, set[int]] = {}
    for at, number in enumerate(found.number.tolist()):
        piece = texts[found.text[at]][found.start[at] : found.stop[at]]
        spelt.setdefault(piece, set()).add(number)
    assert all(len(numbers) == 1 for numbers in spelt.values())
    assert len({number for numbers in spelt.values() for number in numbers}) == len(spelt)


def test_numbers_outlive_the_process() -> None:
    """Models are kept: a piece must have the same number tomorrow."""
    found = tokens(["ok 闪"])
    assert found.number.tolist() == [GOLDEN_OK, GOLDEN_FLASH]


def test_case_does_not_matter_and_no_text_has_no_piece() -> None:
    assert tokens(["Again"]).number.tolist() == tokens(["aGAIN"]).number.tolist()
    assert len(tokens([]).number) == len(tokens([""]).number) == 0
    assert len(np.unique(tokens(["a a a"]).number)) == 2


GOLDEN_OK = 11428614256212604395
GOLDEN_FLASH = 14765706334521839492

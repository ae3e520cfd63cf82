"""Text in terminal cells: everything is measured in cells, never in characters."""

from __future__ import annotations

import re
from typing import Literal

from rich.cells import cell_len, set_cell_size

Align = Literal["left", "right"]

CUT = ".."
"""Marks a cut: ASCII, since an ellipsis is two cells wide in some terminals."""

_UNSAFE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def clean(text: str) -> str:
    """`text` on one line without what moves the cursor or changes widths.

    Control characters become a space; direction marks, joiners and variation selectors go, since
    terminals disagree on the width of what they make.
    """
    return _UNSAFE.sub("", _CONTROL.sub(" ", text))


def clip(text: str, width: int) -> str:
    """`text` in at most `width` cells: cut with two dots, not padded."""
    plain = clean(text)
    return fit(plain, width) if cell_len(plain) > width else plain


def fit(text: str, width: int, align: Align = "left") -> str:
    """`text` in exactly `width` cells: cut with two dots or padded."""
    if width <= 0:
        return ""
    plain = clean(text)
    length = cell_len(plain)
    if length > width:
        if width <= len(CUT):
            return set_cell_size(plain, width)
        return set_cell_size(plain, width - len(CUT)) + CUT
    padding = " " * (width - length)
    return padding + plain if align == "right" else plain + padding

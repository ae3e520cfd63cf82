"""Foreign text made fit for one line: names and titles come from users and suppliers."""

from __future__ import annotations

import unicodedata

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SPACES = frozenset("\t\n\r\x0b\x0c\x85\u2028\u2029")


def one_line(text: str, limit: int = 200) -> str:
    """`text` without control and direction marks, white space collapsed, at most `limit` long."""
    kept = (
        " " if char in _SPACES else char
        for char in text
        if char in _SPACES or (unicodedata.category(char) not in ("Cc", "Cs") and char not in _BIDI)
    )
    return " ".join("".join(kept).split())[:limit].rstrip()

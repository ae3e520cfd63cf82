"""Lines that are longer than the screen: wrapped beside what begins them."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content


def hanging(begin: Content, text: Content, width: int) -> Iterator[Content]:
    """`begin` and `text` in lines of `width` cells; further lines start below the text."""
    blank = Content(" " * begin.cell_length)
    for place, line in enumerate(text.wrap(max(1, width - begin.cell_length))):
        yield (blank if place else begin) + line

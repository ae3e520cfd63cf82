"""Horizontal bars as inline SVG, with intervals as whiskers: drawn from numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

ROW = 22
THICK = 12
FIGURES = 150
MARGIN = 8


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    value: float
    figure: str  # what stands beside the bar
    low: float | None = None  # ends of the whisker; None: none
    high: float | None = None


def bars(
    title: str, rows: Sequence[Bar], *, zero: float = 0.0, width: int = 320, labels: int = 230
) -> Markup:
    """One bar a row, from `zero`, all on one scale; `width` SVG units, without
    the `labels` units at its left and the figures at its right.

    A value below `zero` goes to the left. Whiskers are part of the scale.
    """
    ends = [
        end for row in rows for end in (row.value, row.low, row.high, zero) if end is not None
    ] or [zero]
    low, high = min(ends), max(ends)
    span = (high - low) or 1.0

    def across(value: float) -> float:
        return round(labels + width * (value - low) / span, 1)

    height = 2 * MARGIN + ROW * len(rows)
    origin = across(zero)
    parts = [
        Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            labels + width + FIGURES, height, title
        ),
        Markup('<path class="grid" d="M{} {}V{}"/>').format(origin, MARGIN, height - MARGIN),
    ]
    for number, row in enumerate(rows):
        top = MARGIN + number * ROW
        middle = top + ROW / 2
        start, stop = sorted((origin, across(row.value)))
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
                labels - 8, middle + 4, row.label
            )
        )
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"/>').format(
                start, top + (ROW - THICK) / 2, round(stop - start, 1), THICK
            )
        )
        if row.low is not None and row.high is not None:
            parts.append(
                Markup('<path class="whisker" d="M{} {}H{}"/>').format(
                    across(row.low), middle, across(row.high)
                )
            )
        parts.append(
            Markup('<text x="{}" y="{}">{}</text>').format(
                labels + width + 8, middle + 4, row.figure
            )
        )
    return Markup("").join([*parts, Markup("</svg>")])

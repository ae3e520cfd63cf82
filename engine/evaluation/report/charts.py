"""Curves as inline SVG: lines over the unit square, drawn from numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

SIZE = 260  # of the unit square, in SVG units
LEFT, TOP, RIGHT, BOTTOM = 44, 12, 12, 40
MOST_POINTS = 200
"""Of one line: more are not seen at this size."""

DASHES = ("", "6 3", "2 3", "8 3 2 3")
"""Lines differ by dash as well as by colour."""


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    x: NDArray[np.float64]  # in [0, 1]
    y: NDArray[np.float64]  # in [0, 1]
    marks: bool = False  # draw the points too


def chart(
    title: str, x_label: str, y_label: str, lines: Sequence[Line], *, diagonal: bool
) -> Markup:
    """One chart; `diagonal` adds the line of chance or of perfect calibration."""
    width, height = LEFT + SIZE + RIGHT, TOP + SIZE + BOTTOM
    parts = [
        Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(width, height, title),
        *_axes(x_label, y_label),
    ]
    if diagonal:
        ends = np.array([0.0, 1.0])
        parts.append(Markup('<path class="chance" d="{}"/>').format(_path(ends, ends)))
    for number, line in enumerate(lines):
        parts.append(
            Markup(
                '<path class="line l{}" stroke-dasharray="{}" d="{}"><title>{}</title></path>'
            ).format(
                number % len(DASHES), DASHES[number % len(DASHES)], _path(line.x, line.y), line.name
            )
        )
        if line.marks:
            parts.extend(
                Markup('<circle class="mark l{}" cx="{}" cy="{}" r="3"/>').format(
                    number % len(DASHES), *_place(x, y)
                )
                for x, y in zip(line.x, line.y, strict=True)
            )
    return Markup("").join([*parts, Markup("</svg>")])


def _axes(x_label: str, y_label: str) -> list[Markup]:
    parts = [
        Markup('<rect class="frame" x="{}" y="{}" width="{}" height="{}"/>').format(
            LEFT, TOP, SIZE, SIZE
        )
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = _place(tick, tick)
        text = escape(f"{tick:g}")
        parts.append(
            Markup('<path class="grid" d="M{0} {1}V{2}M{3} {4}H{5}"/>').format(
                x, TOP, TOP + SIZE, LEFT, y, LEFT + SIZE
            )
        )
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                x, TOP + SIZE + 14, text
            )
        )
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(LEFT - 5, y + 4, text)
        )
    middle_x, middle_y = LEFT + SIZE / 2, TOP + SIZE / 2
    parts.append(
        Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
            middle_x, TOP + SIZE + 32, x_label
        )
    )
    parts.append(
        Markup(
            '<text transform="translate(12 {}) rotate(-90)" text-anchor="middle">{}</text>'
        ).format(middle_y, y_label)
    )
    return parts


def _place(x: float, y: float) -> tuple[float, float]:
    return round(LEFT + SIZE * float(x), 1), round(TOP + SIZE * (1 - float(y)), 1)


def _path(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    if len(x) > MOST_POINTS:
        kept = np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int)
        x, y = x[kept], y[kept]
    points = (f"{px:g} {py:g}" for px, py in (_place(a, b) for a, b in zip(x, y, strict=True)))
    return "M" + "L".join(points)

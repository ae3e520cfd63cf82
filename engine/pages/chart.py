"""Curves as inline SVG: lines over two axes, drawn from numbers only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

LEFT, TOP, RIGHT, BOTTOM = 44, 12, 12, 40
MOST_POINTS = 200
"""Of one line: more are not seen at this size."""

DASHES = ("", "6 3", "2 3", "8 3 2 3")
"""Lines differ by dash as well as by colour."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis measures, from where to where, and its marks (place, text)."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def share(self, value: float) -> float:
        """Where `value` lies between the ends: 0 … 1."""
        return (value - self.low) / ((self.high - self.low) or 1.0)


UNIT = tuple((tick, f"{tick:g}") for tick in (0.0, 0.25, 0.5, 0.75, 1.0))
"""The marks of an axis from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    x: Iterable[float]
    y: Iterable[float]
    marks: bool = False  # draw the points too


def chart(
    title: str,
    x: Axis,
    y: Axis,
    lines: Sequence[Line],
    *,
    diagonal: bool = False,
    width: int = 260,
    height: int = 260,
) -> Markup:
    """One chart of `width` × `height` SVG units, without its labels.

    `diagonal` adds the line of chance or of perfect calibration.
    """
    frame = _Frame(x, y, width, height)
    parts = [
        Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            LEFT + width + RIGHT, TOP + height + BOTTOM, title
        ),
        *frame.axes(),
    ]
    if diagonal:
        parts.append(
            Markup('<path class="chance" d="{}"/>').format(
                frame.path([(x.low, y.low), (x.high, y.high)])
            )
        )
    for number, line in enumerate(lines):
        points = [(float(a), float(b)) for a, b in zip(line.x, line.y, strict=True)]
        style = number % len(DASHES)
        parts.append(
            Markup(
                '<path class="line l{}" stroke-dasharray="{}" d="{}"><title>{}</title></path>'
            ).format(style, DASHES[style], frame.path(points), line.name)
        )
        if line.marks:
            parts.extend(
                Markup('<circle class="mark l{}" cx="{}" cy="{}" r="3"/>').format(
                    style, *frame.place(point)
                )
                for point in points
            )
    return Markup("").join([*parts, Markup("</svg>")])


@dataclass(frozen=True, slots=True)
class _Frame:
    x: Axis
    y: Axis
    width: int
    height: int

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        return (
            round(LEFT + self.width * self.x.share(point[0]), 1),
            round(TOP + self.height * (1 - self.y.share(point[1])), 1),
        )

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        if len(points) > MOST_POINTS:
            last = len(points) - 1
            points = [points[round(n * last / (MOST_POINTS - 1))] for n in range(MOST_POINTS)]
        return "M" + "L".join(f"{x:g} {y:g}" for x, y in map(self.place, points))

    def axes(self) -> list[Markup]:
        bottom, right = TOP + self.height, LEFT + self.width
        parts = [
            Markup('<rect class="frame" x="{}" y="{}" width="{}" height="{}"/>').format(
                LEFT, TOP, self.width, self.height
            )
        ]
        for value, text in self.x.ticks:
            across, _ = self.place((value, self.y.low))
            parts.append(Markup('<path class="grid" d="M{} {}V{}"/>').format(across, TOP, bottom))
            parts.append(
                Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                    across, bottom + 14, escape(text)
                )
            )
        for value, text in self.y.ticks:
            _, up = self.place((self.x.low, value))
            parts.append(Markup('<path class="grid" d="M{} {}H{}"/>').format(LEFT, up, right))
            parts.append(
                Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
                    LEFT - 5, up + 4, escape(text)
                )
            )
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                LEFT + self.width / 2, bottom + 32, self.x.label
            )
        )
        parts.append(
            Markup(
                '<text transform="translate(12 {}) rotate(-90)" text-anchor="middle">{}</text>'
            ).format(TOP + self.height / 2, self.y.label)
        )
        return parts

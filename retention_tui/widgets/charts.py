"""Small charts as text: pure functions of numbers and cells, drawn by the screens."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BRAILLE_BASE = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bit of a dot in a braille cell: column (2), then row (4)."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_COLUMNS = " ▁▂▃▄▅▆▇█"


def braille_lines(
    series: Sequence[Sequence[float]], width: int, height: int
) -> tuple[list[str], float, float]:
    """Curves over equal steps in `width` × `height` cells; also the least and greatest value.

    NaN and infinities leave a gap. With no finite value the picture is blank.
    """
    finite = [value for line in series for value in line if math.isfinite(value)]
    grid = [[0] * width for _ in range(height)]
    if not finite or width < 1 or height < 1:
        return ["".join(chr(_BRAILLE_BASE) for _ in range(max(0, width)))] * max(0, height), 0, 0
    low, high = min(finite), max(finite)
    span = (high - low) or 1.0
    columns, rows = width * 2, height * 4
    for line in series:
        previous: int | None = None
        for x in range(columns):
            place = x * (len(line) - 1) / max(1, columns - 1) if line else 0.0
            left = int(place)
            if not line or left >= len(line):
                continue
            right = min(left + 1, len(line) - 1)
            value = line[left] + (line[right] - line[left]) * (place - left)
            if not math.isfinite(value):
                previous = None
                continue
            y = round((high - value) / span * (rows - 1))
            start = y if previous is None else previous
            for dot in range(min(start, y), max(start, y) + 1):
                grid[dot // 4][x // 2] |= _DOTS[x % 2][dot % 4]
            previous = y
    return ["".join(chr(_BRAILLE_BASE + cell) for cell in row) for row in grid], low, high


def spark(values: Sequence[float], width: int) -> str:
    """The last `width` values as columns of one row, the greatest full height; 0 is a blank."""
    shown = list(values)[-width:] if width > 0 else []
    top = max(shown, default=0.0)
    marks = "".join(
        _COLUMNS[min(8, max(1, math.ceil(value / top * 8)))] if value > 0 else _COLUMNS[0]
        for value in shown
    )
    return marks.rjust(max(0, width))


def bar(share: float, width: int) -> str:
    """A bar of `share` (0 … 1) of `width` cells, in eighths of a cell; never wider than `width`."""
    if not math.isfinite(share) or width < 1:
        return " " * max(0, width)
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    text = "█" * full + (_EIGHTHS[rest] if rest else "")
    return text + " " * (width - len(text))


def whisker(estimate: float, low: float, high: float, ends: tuple[float, float], width: int) -> str:
    """An interval on the scale `ends` in `width` cells: `··├──●──┤···`; cut at the ends."""
    first, last = ends
    if width < 1 or not all(math.isfinite(value) for value in (estimate, low, high)):
        return " " * max(0, width)
    span = (last - first) or 1.0

    def cell(value: float) -> int:
        return min(width - 1, max(0, round((value - first) / span * (width - 1))))

    marks = ["·"] * width
    for place in range(cell(low), cell(high) + 1):
        marks[place] = "─"
    marks[cell(low)], marks[cell(high)], marks[cell(estimate)] = "├", "┤", "●"
    return "".join(marks)

"""Bars as SVG: from zero both ways, text escaped."""

from __future__ import annotations

import re

from engine.pages.bars import Bar, bars


def test_a_bar_runs_from_zero_to_its_value_on_either_side() -> None:
    drawn = str(
        bars("losses", [Bar("up", 3.0, "+3", 2.0, 4.0), Bar("down", -1.0, "-1")], width=500)
    )
    found = re.findall(r'class="bar" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawn)
    (up, up_width), (down, down_width) = (tuple(map(float, one)) for one in found)
    assert (up_width, down_width) == (300.0, 100.0)  # the scale runs from -1 to 4
    assert down + down_width == up
    assert drawn.count('class="whisker"') == 1


def test_labels_are_text() -> None:
    drawn = str(bars("<title>", [Bar("<script>", 1.0, "&")]))
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn


def test_no_rows_and_equal_values_are_drawn_too() -> None:
    assert "nan" not in str(bars("none", []))
    assert "nan" not in str(bars("zero", [Bar("a", 0.0, "0")]))

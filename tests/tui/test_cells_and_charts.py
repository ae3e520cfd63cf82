"""Text and charts fill exactly the cells they are given."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from tui_support import HOSTILE

from engine.types import Words
from retention_tui.jobs import JobStatus
from retention_tui.widgets.cells import clean, fit
from retention_tui.widgets.charts import bar, braille_lines, spark, whisker
from retention_tui.widgets.job_bar import job_line, progress_cells


@settings(max_examples=60)
@given(st.text(max_size=40), st.integers(0, 30), st.sampled_from(["left", "right"]))
def test_any_text_fills_its_cells(text: str, width: int, align: str) -> None:
    assert cell_len(fit(text, width, align)) == width  # type: ignore[arg-type]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_cannot_move_the_cursor(text: str) -> None:
    cleaned = clean(text)
    assert not set(cleaned) & {chr(code) for code in (*range(32), 0x7F, 0x9B, 0x200D, 0x202E)}
    assert cell_len(fit(text, 12)) == 12


def test_a_cut_is_marked() -> None:
    assert fit("一二三四五", 7) == "一二 .."
    assert fit("abc", 5, "right") == "  abc"


@settings(max_examples=60)
@given(st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 20))
def test_a_bar_is_never_wider_than_its_cells(share: float, width: int) -> None:
    assert cell_len(bar(share, width)) == width


def test_a_bar_grows_with_the_share() -> None:
    filled = [len(bar(step / 100, 10).rstrip()) for step in range(0, 101, 5)]
    assert filled == sorted(filled)
    assert bar(1.0, 4) == "████"
    assert bar(0.5, 4) == "██  "


def test_a_curve_falls_from_the_first_row_to_the_last() -> None:
    picture, low, high = braille_lines(([4.0, 3.0, 2.0, 1.0],), 8, 4)
    assert (low, high) == (1.0, 4.0)
    assert [cell_len(line) for line in picture] == [8] * 4
    blank = chr(0x2800)
    assert picture[0][0] != blank
    assert picture[0][-1] == blank
    assert picture[3][0] == blank
    assert picture[3][-1] != blank


@given(st.lists(st.integers(0, 9_000), max_size=60), st.integers(0, 40))
def test_a_spark_shows_the_last_values_and_no_mark_for_none(values: list[int], width: int) -> None:
    line = spark(values, width)
    shown = values[-width:] if width else []
    assert cell_len(line) == width
    assert [mark == " " for mark in line[width - len(shown) :]] == [not value for value in shown]
    if any(shown):
        assert line[width - len(shown) :][shown.index(max(shown))] == "█"


def test_a_curve_of_nothing_is_blank() -> None:
    for series in ([], [[]], [[math.nan, math.inf]]):
        picture, _, _ = braille_lines(series, 5, 2)
        assert "".join(picture).strip(chr(0x2800)) == ""


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_job_line_fits(columns: int) -> None:
    from datetime import datetime, timedelta
    from pathlib import Path

    start = datetime(2026, 9, 18)
    status = JobStatus(
        "train",
        "running",
        start,
        Path("x.log"),
        done=0.37,
        words=Words("很长的阶段名称" * 20, "x" * 200),
    )
    line = job_line(status, start + timedelta(seconds=65), columns)
    assert cell_len(line) == columns
    assert "37%" in line
    assert "1:05" in line
    assert progress_cells(0.5, 4) == "[##--]"


def test_an_interval_stands_on_its_scale_and_is_cut_at_the_ends() -> None:
    assert whisker(0.75, 0.6, 0.9, (0.5, 1.0), 11) == "··├──●──┤··"
    assert whisker(0.4, 0.2, 2.0, (0.5, 1.0), 5) == "●───┤"
    assert whisker(math.nan, 0.0, 1.0, (0.0, 1.0), 4) == "    "
    assert whisker(0.5, 0.4, 0.6, (0.0, 1.0), 0) == ""

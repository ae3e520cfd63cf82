"""The line of a risk's interval and course: what it says, and that it fits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len
from tui_support import by_day

from engine.horizons import RiskByDay, RiskOnDay
from retention_tui.i18n import use_language
from retention_tui.widgets.course import (
    CURVE_CELLS,
    asked_days,
    course_line,
    curve,
    interval_words,
)

LEAVING = RiskByDay(
    0.9,
    0.2,
    0.4,
    "leave",
    0,
    tuple(RiskOnDay(day, day / 300, day / 450, day / 225) for day in (7, 14, 22, 30, 60, 75, 90)),
)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "told", [by_day(0.3), LEAVING, replace(LEAVING, event=None, days=()), None]
)
def test_the_line_fits_80_cells(told: RiskByDay | None, language: str) -> None:
    use_language(language)
    assert cell_len(course_line(told).plain) <= 78


def test_the_last_day_is_the_risk_and_standard_days_are_told() -> None:
    assert [point.day for point in asked_days(LEAVING)] == [7, 14, 30, 60, 90]
    assert [point.day for point in asked_days(by_day(0.3))] == [14, 30, 35]
    use_language("en")
    assert "90 0.30" in course_line(LEAVING).plain


def test_the_curve_falls_while_users_return_and_rises_while_they_leave() -> None:
    for told, falls in ((by_day(0.3), True), (LEAVING, False)):
        drawn = curve(told)
        assert len(drawn) == CURVE_CELLS
        assert list(drawn) == sorted(drawn, reverse=falls)
        assert len(set(drawn)) > 3


def test_the_sentence_says_of_whom_it_speaks() -> None:
    use_language("en")
    assert interval_words(LEAVING).startswith("Of 100 users with this risk, 20 to 40 leave")
    small = replace(LEAVING, low=0.004, high=0.012)
    assert "0.4 to 1.2 leave" in interval_words(small)

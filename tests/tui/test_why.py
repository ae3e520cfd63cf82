"""Reasons as lines: they fit, they add up, and they read without colour."""

from __future__ import annotations

from datetime import datetime

import pytest
from rich.cells import cell_len

from engine.types import Explanation, Reason, Words
from retention_tui.i18n import use_language
from retention_tui.widgets.why import why_lines

LONG = Words(
    "最近 28 天收藏、笔记、分享、直播的次数：12；同类留存用户：3；四周前：25",
    "Notes, favourites, shares and live sessions in the last 28 days: 12; "
    "users who stayed: 3; 4 weeks before: 25",
)
ENDLESS = Words("长" * 200, "word " * 80)


def explanation(*contributions: float, words: Words = LONG, remainder: float = 0.0) -> Explanation:
    pull = sum(map(abs, contributions)) + abs(remainder)
    return Explanation(
        user_id="u1",
        risk=0.5,
        log_odds=0.0,
        baseline_log_odds=-sum(contributions) - remainder,
        reasons=tuple(
            Reason(f"group {n}", "column", one, one / pull, 1.0, 2.0, words)
            for n, one in enumerate(sorted(contributions, key=abs, reverse=True))
        ),
        remainder=remainder,
        segment="month",
        model_id="m1",
        cutoff=datetime(2026, 3, 1),
    )


def shown(one: Explanation, width: int, height: int, language: str) -> list[str]:
    use_language(language)
    return [line.plain for line in why_lines(one, width, height)]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [20, 78, 118, 200])
@pytest.mark.parametrize("words", [LONG, ENDLESS], ids=["long", "endless"])
def test_no_line_is_wider_than_the_screen(words: Words, width: int, language: str) -> None:
    lines = shown(explanation(1, 0.5, -0.4, words=words, remainder=0.1), width, 24, language)
    assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_whole_sentence_is_read_at_eighty_columns(language: str) -> None:
    lines = shown(explanation(1.0), 78, 24, language)
    joined = " ".join(line[14:].strip() for line in lines[:2])
    assert joined.replace(" ", "") == LONG.pick(language).replace(" ", "")


def test_the_numbers_on_screen_add_up() -> None:
    one = explanation(1.5, 0.9, 0.4, 0.3, 0.2, -0.8, -0.3, -0.1, remainder=0.2)
    for height in (24, 40):
        lines = shown(one, 78, height, "en")
        numbers = [float(line[:6]) for line in lines if line[:6].strip()[:1] in ("+", "-")]
        assert sum(numbers) == pytest.approx(one.log_odds - one.baseline_log_odds)


def test_what_speaks_for_staying_has_its_own_heading() -> None:
    lines = shown(explanation(1.5, -0.8), 150, 24, "en")
    assert lines.index("Speaks for staying") == 1
    assert lines[2].startswith(" -0.80")
    alone = shown(explanation(-0.8), 118, 24, "en")
    assert alone[0] == "Nothing raises the risk above that of similar users who stayed."


def test_a_user_screen_of_24_lines_keeps_eight_for_the_past() -> None:
    lines = shown(explanation(*[1.0] * 6, *[-1.0] * 4, remainder=0.0), 78, 24, "en")
    assert len(lines) <= 24 - 8 - len(["top bar", "who", "risk", "blank", "heading", "keys"])

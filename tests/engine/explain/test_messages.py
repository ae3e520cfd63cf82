"""A user's own words in a reason: quoted clean, or not at all."""

from __future__ import annotations

import pytest

from engine.explain.messages import LONGEST, wrote


@pytest.mark.parametrize(
    ("phrase", "quoted"),
    [
        ("太贵", "太贵"),
        ("red\x1b[31m\nalert\u202e", "red [31m alert"),
        ("很" * 200, "很" * LONGEST + "…"),
    ],
)
def test_a_users_words_are_quoted_clean(phrase: str, quoted: str) -> None:
    words = wrote(phrase, raises=True)
    assert words.zh == f"近期留言提到“{quoted}”"
    assert words.en == f"Recent messages say “{quoted}”"


def test_words_that_say_nothing_are_not_quoted() -> None:
    for phrase in ("", "\x1b\x07", " \n"):
        assert "“" not in wrote(phrase, raises=True).en
        assert wrote(phrase, raises=True) != wrote(phrase, raises=False)

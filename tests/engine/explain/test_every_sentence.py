"""Every feature's sentence, whatever its value: plain words that fit two lines of a terminal."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from engine.explain.words import Before, sentence
from engine.features.attributes.schema import Attribute
from engine.features.attributes.words import attribute_specs
from engine.features.catalogue import SPECS
from engine.features.spec import FeatureSpec

TYPICAL = {
    "days": 23.4,
    "count": 14,
    "ratio": 0.63,
    "money": 128.5,
    "share": 0.37,
    "minutes": 96.0,
    "flag": 1,
    "rating": 4.25,
    "number": 14.5,
    "level": 1,
}
VALUES = {"none": 0.0, "one": 1.0, "two": 2.0, "typical": None, "below": -3.0, "large": 99_999.0}
HUGE = 1e12

ROOM_CELLS = 64
"""Beside a reason's numbers at eighty columns (see `retention_tui.widgets.why`)."""

JARGON = re.compile(
    r"\b(ratio|std|deviation|entropy|percentile|quantile|median|mean|variance|feature|column|"
    r"log|odds|null|nan|utc|id|score|segment|cutoff|contents)\b",
    re.IGNORECASE,
)
JARGON_ZH = re.compile("标准差|熵|分位|中位数|方差|特征|对数|截止|分群|空值|正弦|余弦")
LATIN = re.compile("[A-Za-z]+")
ONE_OF_MANY = re.compile(r"\b1 (days|hours|minutes|times)\b")

ATTRIBUTES = attribute_specs(
    (
        Attribute("Age", "number", unit="number"),
        Attribute("Geography", "words", levels=("France", "Germany")),
        Attribute("IsActiveMember", "flag"),
        Attribute("EstimatedSalary", "number", unit="money"),
    )
)


def told(spec: FeatureSpec) -> list[tuple[str, str, str]]:
    """(which, zh, en) of the feature at every kind of value, with and without a past."""
    found = []
    for which, given in VALUES.items():
        value = TYPICAL[spec.unit] if given is None else given
        if spec.unit == "share":
            value = min(max(value, 0.0), 1.0)
        for before in (None, Before(True, 2.0), Before(True, None), Before(False, None)):
            words = sentence(spec, value, TYPICAL[spec.unit], currency="CNY", before=before)
            found.append((which, words.zh, words.en))
    for before in (None, Before(True, 2.0), Before(False, None)):
        words = sentence(spec, None, None, currency="CNY", before=before)
        found.append(("missing", words.zh, words.en))
    words = sentence(spec, HUGE, -HUGE, currency="CNY", before=Before(True, HUGE))
    return [*found, ("huge", words.zh, words.en)]


@pytest.mark.parametrize("spec", [*SPECS, *ATTRIBUTES], ids=lambda spec: spec.name)
def test_plain_words(spec: FeatureSpec) -> None:
    for _, zh, en in told(spec):
        for text in (zh, en):
            assert not set("{}") & set(text), text
            assert "  " not in text, text
        assert not JARGON.search(en), en
        assert not ONE_OF_MANY.search(en), en
        assert en[0].isupper(), en
        assert not JARGON_ZH.search(zh), zh


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_two_lines_hold_it_and_chinese_is_chinese(spec: FeatureSpec) -> None:
    for which, zh, en in told(spec):
        assert not LATIN.search(zh), zh
        for text, pauses in ((zh, "；，、"), (en, " ")) if which != "huge" else ():
            assert lines_of(text, pauses) <= 2, text


def lines_of(text: str, pauses: str) -> int:
    """How many lines of `ROOM_CELLS` a greedy reader needs, parting at `pauses`."""
    lines, length = 1, 0
    for part in re.findall(f"[^{pauses}]*[{pauses}]?", text):
        cells = cell_len(part)
        if length + cells > ROOM_CELLS:
            lines, length = lines + 1, 0
        length += cells
    return lines

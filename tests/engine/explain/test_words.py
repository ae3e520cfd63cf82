from __future__ import annotations

import math
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.explain.words import Before, sentence, written
from engine.features.catalogue import SPECS
from engine.features.spec import FeatureSpec, words
from engine.types import Words


@pytest.mark.parametrize(
    ("value", "unit", "zh", "en"),
    [
        (1, "days", "1 天", "1 day"),
        (1.04, "days", "1 天", "1 day"),
        (2, "days", "2 天", "2 days"),
        (2.34, "days", "2.3 天", "2.3 days"),
        (9.97, "days", "10 天", "10 days"),
        (45.6, "days", "46 天", "46 days"),
        (0, "days", "0 天", "0 days"),
        (0.3, "days", "7 小时", "7 hours"),
        (1 / 24, "days", "1 小时", "1 hour"),
        (0.999, "days", "1 天", "1 day"),
        (0.01, "days", "14 分钟", "14 minutes"),
        (1200, "days", "1,200 天", "1,200 days"),
        (1, "minutes", "1 分钟", "1 minute"),
        (61.2, "minutes", "61 分钟", "61 minutes"),
        (150, "minutes", "2.5 小时", "2.5 hours"),
        (3, "count", "3", "3"),
        (3.5, "count", "3.5", "3.5"),
        (12_345, "count", "12,345", "12,345"),
        (0.423, "share", "42%", "42%"),
        (0.004, "share", "0.4%", "0.4%"),
        (0, "share", "0%", "0%"),
        (1, "share", "100%", "100%"),
        (0.4, "ratio", "40%", "40%"),
        (3.16, "ratio", "3.2 倍", "3.2 times"),
        (128, "money", "¥128.00", "CN¥128.00"),
        (1234.5, "money", "¥1,234.50", "CN¥1,234.50"),
        (1, "flag", "是", "yes"),
        (0, "flag", "否", "no"),
        (4.25, "rating", "4.2", "4.2"),
        (2.5e25, "money", "2.5e+25", "2.5e+25"),
        (None, "days", "没有记录", "none on record"),
        (math.nan, "count", "没有记录", "none on record"),
        (math.inf, "count", "没有记录", "none on record"),
    ],
)
def test_values_as_people_write_them(value: float | None, unit: str, zh: str, en: str) -> None:
    assert written(value, unit, "zh", "CNY") == zh
    assert written(value, unit, "en", "CNY") == en


def test_money_in_the_currency_of_the_workspace() -> None:
    assert written(9.5, "money", "en", "USD") == "$9.50"
    assert written(9.5, "money", "zh", "USD") == "US$9.50"
    assert written(1000, "money", "en", "JPY") == "¥1,000"


def spec(zh: str, en: str, unit: str = "days") -> FeatureSpec:
    label = Words("距上次学习天数", "days since last learning")
    return FeatureSpec("idle", "fading_use", "user", "0", unit, 1, True, label, words(zh, en))  # type: ignore[arg-type]


def test_a_sentence() -> None:
    said = sentence(
        spec("已 {value} 没有学习", "Nothing learned for {value}"), 14, 3, currency="CNY"
    )
    assert said.zh == "已 14 天没有学习；同类留存用户：3 天"
    assert said.en == "Nothing learned for 14 days; users who stayed: 3 days"


def test_a_sentence_without_places_stands_as_it_is() -> None:
    season = next(one for one in SPECS if one.name == "season_sine")
    for value, comparison in ((0.5, -0.9), (None, None)):
        assert sentence(season, value, comparison, currency="CNY") == season.sentence


def test_missing_value_and_missing_comparison() -> None:
    feature = spec("已 {value} 没有学习", "Nothing learned for {value}")
    unknown = sentence(feature, None, 3, currency="CNY")
    assert unknown.zh == "距上次学习天数：没有记录；同类留存用户：3 天"
    assert unknown.en == ("Days since last learning: none on record; users who stayed: 3 days")
    alone = sentence(feature, 14, None, currency="CNY")
    assert alone.zh == "已 14 天没有学习；同类留存用户：没有记录"
    assert alone.en == "Nothing learned for 14 days; users who stayed: none on record"


@given(
    value=st.one_of(st.none(), st.floats(allow_nan=True)),
    comparison=st.one_of(st.none(), st.floats(allow_nan=True)),
    which=st.integers(0, len(SPECS) - 1),
)
def test_every_spec_has_words_for_every_value(
    value: float | None, comparison: float | None, which: int
) -> None:
    said = sentence(SPECS[which], value, comparison, currency="CNY")
    for text in (said.zh, said.en):
        assert text
        assert not set("{}") & set(text)
        assert "nan" not in text
        assert "inf" not in text.replace("info", "")


def test_every_sentence_of_the_catalogue_takes_both_values() -> None:
    for one in SPECS:
        for text in (one.sentence.zh, one.sentence.en):
            fields = [name for _, name, _, _ in string.Formatter().parse(text) if name]
            # The day is the same for all users: there is nothing to compare.
            alike = one.over == "calendar"
            wanted = [] if alike else ["value", "comparison"]
            assert fields == wanted, one.name


IDLE = spec("已 {value} 没有学习", "Nothing learned for {value}")
VISITS = spec("来过 {value} 次", "Visits: {value}", "count")


@pytest.mark.parametrize(
    ("feature", "value", "before", "zh", "en"),
    [
        (VISITS, 0, Before(True, 5), "；四周前：5", "; 4 weeks before: 5"),
        (IDLE, 14, Before(True, 2), "；四周前：2 天", "; 4 weeks before: 2 days"),
        (IDLE, 14, Before(True, None), "；四周前：没有记录", "; 4 weeks before: none"),
        (IDLE, None, Before(True, 3), "；四周前：3 天", "; 4 weeks before: 3 days"),
        (
            VISITS,
            3,
            Before(False, None),
            "；四周内的新用户",
            "; new in the last 4 weeks",
        ),
        # nothing but the time has moved, or nothing is known at either time
        (IDLE, 40, Before(True, 12), "", ""),
        (IDLE, None, Before(True, None), "", ""),
        (replace(VISITS, trend=False), 3, Before(True, 5), "", ""),
        (VISITS, 3, None, "", ""),
    ],
)
def test_the_trend_is_the_users_own_earlier_value(
    feature: FeatureSpec, value: float | None, before: Before | None, zh: str, en: str
) -> None:
    plain = sentence(feature, value, 4, currency="CNY")
    said = sentence(feature, value, 4, currency="CNY", before=before)
    assert said == Words(plain.zh + zh, plain.en + en)

"""Reasons in words: the catalogue's sentences with values as people write them, zh and en."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from babel import Locale
from babel.numbers import format_currency, format_decimal, format_percent
from babel.units import format_unit

from engine.features.earlier import EARLIER_DAYS
from engine.features.spec import FeatureSpec
from engine.types import Words

_LOCALES = {"zh": Locale("zh"), "en": Locale("en")}
_MISSING = {"zh": "没有记录", "en": "none on record"}
_TRUTH = {"zh": ("否", "是"), "en": ("no", "yes")}
_LEVEL = {"zh": ("不是", ""), "en": ("not ", "")}
_BEFORE = {"zh": "；四周前：", "en": "; 4 weeks before: "}
_NONE_THEN = {"zh": "没有记录", "en": "none"}
_NEW = {"zh": "；四周内的新用户", "en": "; new in the last 4 weeks"}
_TIMES = {"zh": "{} 倍", "en": "{} times"}
# in Chinese, Babel has only the short names of units
_LENGTHS: Mapping[str, Literal["short", "long"]] = {"zh": "short", "en": "long"}

_CHINESE = "\u4e00-\u9fff"
_SPACE_BETWEEN_CHINESE = re.compile(f"(?<=[{_CHINESE}]) (?=[{_CHINESE}])")
_DIGIT_BEFORE_CHINESE = re.compile(f"(?<=[0-9])(?=[{_CHINESE}])")

MOST_AS_SHARE = 2.0
"""Ratios below it read as a percentage, above as so many times."""

MINUTES_AS_HOURS = 120

ENDLESS = 1e15
"""No amount of anything: such a value is an error in the data and is shown as it stands."""


@dataclass(frozen=True, slots=True)
class Before:
    """One feature of one user four weeks before the cutoff."""

    was_user: bool
    value: float | None  # None: it had none then


def sentence(
    spec: FeatureSpec,
    value: float | None,
    comparison: float | None,
    *,
    currency: str,
    before: Before | None = None,
) -> Words:
    """The reason's sentence: the user's value beside that of retained users and, with `before`,
    beside the user's own of four weeks ago.

    A missing value is said with the feature's name ("days since last ticket: none on record"). A
    template without places stands as it is (the season).
    """
    texts = {}
    for language, template, label, stayed in (
        ("zh", spec.sentence.zh, spec.label.zh, "；同类留存用户："),
        ("en", spec.sentence.en, _capital(spec.label.en), "; users who stayed: "),
    ):
        theirs = _comparison(spec, value, comparison, language, currency)
        if "{value}" not in template:
            text = template
        elif value is None:
            colon = "：" if language == "zh" else ": "
            text = f"{label}{colon}{_MISSING[language]}{stayed}{theirs}"
        else:
            own = written(value, spec.unit, language, currency)
            # one value at a time: a formatted value is text, never a template
            head, _, tail = template.partition("{value}")
            text = (head + own + tail).replace("{comparison}", theirs)
        if "{value}" in template and before is not None and _tells(spec, value, before):
            text += _trend(spec, before, language, currency)
        texts[language] = _SPACE_BETWEEN_CHINESE.sub("", text) if language == "zh" else text
    return Words(texts["zh"], texts["en"])


def _comparison(
    spec: FeatureSpec, value: float | None, stayed: float | None, language: str, currency: str
) -> str:
    """What is true of retained users; of a level, how many of them the same can be said of."""
    if spec.unit != "level":
        return written(stayed, spec.unit, language, currency)
    if value is not None and value < 0.5 and stayed is not None:
        stayed = 1 - stayed
    return written(stayed, "share", language, currency)


def _tells(spec: FeatureSpec, value: float | None, before: Before) -> bool:
    """Does the earlier value say more than the sentence so far?

    Not where the feature is a change itself, and not where nothing but the time has moved: who has
    been silent for 40 days had been so for 12.
    """
    if not spec.trend:
        return False
    if spec.unit == "days" and value is not None and before.value is not None:
        return abs(abs(value - before.value) - EARLIER_DAYS) > 0.05
    return value is not None or before.value is not None


def _trend(spec: FeatureSpec, before: Before, language: str, currency: str) -> str:
    if not before.was_user:
        return _NEW[language]
    if before.value is None:
        then = _NONE_THEN[language]
    elif spec.unit == "level":
        then = _TRUTH[language][before.value >= 0.5]
    else:
        then = written(before.value, spec.unit, language, currency)
    return _BEFORE[language] + then


def written(value: float | None, unit: str, language: str, currency: str) -> str:
    """One value with its unit in `language`: "1 day", "3 天", "CN¥128.00", "42%", "yes"."""
    if value is None or not math.isfinite(value):
        return _MISSING[language]
    if abs(value) >= ENDLESS:
        return f"{value:.2g}"
    if unit == "money":
        return _money(round(value, 2), language, currency)
    if unit == "flag":
        return _TRUTH[language][value >= 0.5]
    if unit == "level":
        return _LEVEL[language][value >= 0.5]
    if unit == "share" or (unit == "ratio" and abs(value) < MOST_AS_SHARE):
        return _percent(round(value, 3 if abs(value) < 0.0995 else 2), language)
    if unit == "ratio":
        return _TIMES[language].format(_number(_rounded(value), language))
    if unit == "days":
        return _duration(value, language)
    if unit == "minutes":
        if abs(value) >= MINUTES_AS_HOURS:
            return _unit(_rounded(value / 60), "hour", language)
        return _unit(_rounded(value), "minute", language)
    return _number(_rounded(value), language)


def _duration(days: float, language: str) -> str:
    if abs(days) >= 0.995 or days == 0:
        return _unit(_rounded(days), "day", language)
    if abs(days) >= 0.04:  # an hour
        return _unit(round(days * 24), "hour", language)
    return _unit(max(1, round(days * 24 * 60)), "minute", language)


def _rounded(value: float) -> float:
    """One decimal below 10, none above: nobody acts on a tenth of a month."""
    rounded = round(value) if abs(value) >= 9.95 else round(value, 1)
    # plural rules know 1, not 1.0
    return int(rounded) if rounded == int(rounded) else rounded


# Users share few rounded values, and Babel is slow: each is formatted once.


@lru_cache(maxsize=20_000)
def _unit(value: float, name: str, language: str) -> str:
    text = format_unit(
        value, f"duration-{name}", length=_LENGTHS[language], locale=_LOCALES[language]
    )
    return _DIGIT_BEFORE_CHINESE.sub(" ", text)


@lru_cache(maxsize=20_000)
def _money(value: float, language: str, currency: str) -> str:
    return str(format_currency(value, currency, locale=_LOCALES[language]))


@lru_cache(maxsize=20_000)
def _percent(value: float, language: str) -> str:
    pattern = "#,##0.0%" if 0 < abs(value) < 0.0995 else "#,##0%"
    return str(format_percent(value, format=pattern, locale=_LOCALES[language]))


@lru_cache(maxsize=20_000)
def _number(value: float, language: str) -> str:
    return str(format_decimal(value, locale=_LOCALES[language]))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""Attributes in words: the specs that reasons, headlines and templates read."""

from __future__ import annotations

import re

from engine.features.attributes.schema import OTHER, Attribute
from engine.features.spec import FeatureSpec, Unit, words
from engine.types import Words

LONGEST = 60

GROUP_HINTS: tuple[tuple[str, str], ...] = (
    ("payment_failure", r"fail\w* pay|pay\w* fail|扣款失败|支付失败"),
    ("term_ending", r"contract|expir|renew|合同|合约|到期|续费|续约"),
    ("price", r"charge|price|\bfee|amount|\bcost|\bbill|费用|资费|价格|金额"),
    ("support_trouble", r"complain|\bticket|support call|service call|投诉|工单|故障"),
    ("fading_use", r"usage|\bseconds|minutes|frequency|login|visits|使用|次数|时长"),
    ("history", r"tenure|months with|since|subscription length|在网|入网|年限"),
)
"""Where the mapping names no group: what the attribute's name suggests, else a group of its own."""


def attribute_specs(attributes: tuple[Attribute, ...]) -> tuple[FeatureSpec, ...]:
    """One spec for each column, in the order of the columns."""
    return tuple(spec for attribute in attributes for spec in _specs(attribute))


def _specs(attribute: Attribute) -> list[FeatureSpec]:
    en = _safe(attribute.en or _readable(attribute.name))
    zh = _safe(attribute.zh or attribute.en or attribute.name)
    label = Words(zh, en)
    group = attribute.group or _group(attribute)
    units: dict[str, Unit] = {"flag": "flag", "words": "level"}
    unit = units.get(attribute.kind, attribute.unit)
    said = [(label, words(f"{zh}：{{value}}", f"{en[:1].upper()}{en[1:]}: {{value}}"))]
    if attribute.kind == "words":
        said = [_of_level(attribute, label, level) for level in attribute.column_levels()]
    return [
        FeatureSpec(
            name=column,
            group=group,
            over="attributes",
            expression="",
            unit=unit,
            direction=attribute.direction if attribute.kind != "words" else 0,
            actionable=_actionable(attribute, group),
            label=name,
            sentence=sentence,
        )
        for column, (name, sentence) in zip(attribute.columns(), said, strict=True)
    ]


def _of_level(attribute: Attribute, label: Words, level: str) -> tuple[Words, Words]:
    en = f"“{_safe(attribute.levels_en.get(level, level))}”"
    zh = f"“{_safe(attribute.levels_zh.get(level, level))}”"
    if level == OTHER and attribute.other and level not in attribute.levels:
        zh, en = "其他", "another value"
    # The value reads as "not" or as nothing: see `engine.explain.words.written`.
    return (
        Words(f"{label.zh} {zh}", f"{label.en} {en}"),
        words(f"{label.zh}：{{value}}{zh}", f"{label.en[:1].upper()}{label.en[1:]}: {{value}}{en}"),
    )


def _group(attribute: Attribute) -> str:
    name = " ".join((_readable(attribute.name), attribute.en, attribute.zh)).lower()
    return next((group for group, hint in GROUP_HINTS if re.search(hint, name)), attribute.name)


def _actionable(attribute: Attribute, group: str) -> bool:
    return group != "history" if attribute.actionable is None else attribute.actionable


def _readable(name: str) -> str:
    """`MonthlyCharges` and `monthly_charges` as "monthly charges"."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ")
    # Initials stay: StreamingTV is "streaming TV".
    return " ".join(word if word.isupper() else word.lower() for word in apart.split())


def _safe(text: str) -> str:
    """User text for a sentence template: one line, no places, not endless."""
    line = "".join(mark if mark.isprintable() else " " for mark in text)
    return line.replace("{", "(").replace("}", ")").strip()[:LONGEST]

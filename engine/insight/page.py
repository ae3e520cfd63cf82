"""The insight as one HTML file that needs nothing from outside; user text is escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from engine.insight.report import Corner, Curve, Insight, Segment
from engine.pages import Axis, Line, chart, render
from engine.pages.bars import Bar, bars
from engine.store.files import write_atomically
from engine.types import Interval, Language, Words

_TEXTS: Mapping[str, Words] = {
    "title": Words("模型全貌", "The whole model"),
    "colon": Words("：", ": "),
    "model": Words("模型", "Model"),
    "cutoffs": Words("测试截止时刻", "Test cutoffs"),
    "made": Words("生成时间（UTC）", "Made (UTC)"),
    "rows": Words("行数", "Rows"),
    "importance": Words("各组特征的作用", "What each group of features is worth"),
    "moves": Words("拉开用户风险的程度（平均对数几率）", "How far it sets users apart (log-odds)"),
    "costs": Words(
        "打乱该组后对数损失的上升（95% 区间）", "Rise of the log loss when dealt anew (95 %)"
    ),
    "order": Words("打乱该组后 AUC 的下降（95% 区间）", "Fall of the AUC when dealt anew (95 %)"),
    "importance_why": Words(
        "前者看模型用它做了什么，后两者看它是否有用：相互替代的组，单独打乱时损失小。",
        "The first says what the model does with a group, the others whether that serves: groups "
        "that stand in for each other cost little one by one.",
    ),
    "curves": Words("风险随单个特征的变化", "How risk moves along one column"),
    "curves_why": Words(
        "假设所有用户都取这个值、其余不变时的平均风险；虚线之间是 80% 的用户。"
        "横轴刻度是数据的十分位。这是模型的看法，不是干预的效果。",
        "The mean risk had every user this value and were all else the same; 80 % of users lie "
        "between the dashed lines, and the marks below are the deciles of the data. This is what "
        "the model says, not what an action would do.",
    ),
    "risk": Words("风险", "Risk"),
    "mean": Words("平均", "mean"),
    "spread": Words("80% 的用户", "80 % of users"),
    "sensitivity": Words("敏感度", "Sensitivity"),
    "missing": Words("没有记录", "None on record"),
    "together": Words("共同作用", "Acting together"),
    "together_why": Words(
        "H 为 0 表示作用相加；p 是把共同项随机发给别的用户时，与标签同样相符的机会"
        "（已按 Holm 校正）。",
        "H is 0 where effects add up; p is the chance that the joint term agrees as well with "
        "the labels when it is dealt to other users (Holm's correction made).",
    ),
    "pair": Words("两组", "Groups"),
    "size": Words("大小", "Size"),
    "loss_without": Words("去掉后损失上升", "Loss without it"),
    "neither": Words("都不推高", "Neither raises"),
    "second": Words("仅后者", "Second only"),
    "first": Words("仅前者", "First only"),
    "both": Words("都推高", "Both raise"),
    "added_up": Words("相加时", "added up"),
    "segments": Words("各群体上的表现", "The model by segment"),
    "segment": Words("群体", "Segment"),
    "churned": Words("流失", "Left"),
    "mean_risk": Words("平均风险", "Mean risk"),
    "gap": Words("偏差（平均风险减流失率）", "Gap (mean risk minus churn rate)"),
    "log_loss": Words("对数损失", "Log loss"),
    "auc": Words("AUC", "AUC"),
    "expected": Words("风险准确时的 AUC", "AUC were risks right"),
    "weak": Words("较弱", "Weak"),
    "auc_by": Words("各群体的 AUC（95% 区间）", "AUC by segment (95 %)"),
    "gap_by": Words("各群体的偏差（95% 区间）", "Gap by segment (95 %)"),
    "weak_order": Words("排序", "order"),
    "weak_calibration": Words("校准", "calibration"),
    "weak_loss": Words("损失", "loss"),
}
CHANCE = 0.5
"""Of an AUC."""
SEGMENT_UNITS = 340
"""Room for the words of a segment."""


def write_page(path: Path, found: Insight, *, language: Language) -> None:
    """Write the page; it appears whole or not at all. Raises `StorageError`."""
    text = {name: words.pick(language) for name, words in _TEXTS.items()}
    html = render(
        "engine.insight",
        language=language,
        text=text,
        lang=language,
        found=found,
        made_at=f"{found.made_at:%Y-%m-%d %H:%M}",
        importance=_importance(found, text, language),
        curves=[(one, _curve(one, text, language)) for one in found.curves],
        names={one.group: one.words.pick(language) for one in found.groups},
        segments=_segment_bars(found.segments, text, language),
        corner=_corner,
        band=_band,
        number=_number,
    )
    write_atomically(path, html)


def _importance(
    found: Insight, text: Mapping[str, str], language: Language
) -> list[tuple[str, Markup]]:
    def of(title: str, rows: list[Bar]) -> tuple[str, Markup]:
        return text[title], bars(text[title], rows)

    groups = [(one.words.pick(language), one) for one in found.groups]
    drawn = [
        of(
            "moves",
            [
                Bar(label, one.contribution, f"{one.contribution:.3f}  {one.share:.0%}")
                for label, one in groups
            ],
        ),
        of("costs", [_whiskered(label, one.log_loss, "+.4f") for label, one in groups]),
    ]
    ordered = [(label, one.roc_auc) for label, one in groups if one.roc_auc is not None]
    if ordered:
        drawn.append(of("order", [_whiskered(label, one, "+.4f") for label, one in ordered]))
    return drawn


def _whiskered(label: str, value: Interval, form: str) -> Bar:
    return Bar(label, value.estimate, _band(value, form), value.low, value.high)


def _curve(one: Curve, text: Mapping[str, str], language: Language) -> Markup:
    points = [point for point in one.points if point.value is not None]
    if one.discrete:
        missing = [one.missing] if one.missing is not None else []
        return bars(
            one.label.pick(language),
            [
                Bar(
                    point.words.pick(language),
                    point.risk,
                    f"{point.risk:.1%}  ({point.share:.0%})",
                    point.low,
                    point.high,
                )
                for point in (*points, *missing)
            ],
        )
    x = [point.value or 0.0 for point in points]
    top = max(point.high for point in points)
    ends = points[0].words.pick(language), points[-1].words.pick(language)
    ticks = (
        (x[0], ends[0]),
        *((value, "") for value in one.deciles),
        (x[-1], ends[-1]),
    )
    up = tuple((share * top, f"{share * top:.0%}") for share in (0.0, 0.5, 1.0))
    return chart(
        one.label.pick(language),
        Axis(one.label.pick(language), x[0], x[-1], ticks),
        Axis(text["risk"], 0.0, top, up),
        [
            Line(text["mean"], x, [point.risk for point in points], marks=True),
            Line(text["spread"], x, [point.low for point in points]),
            Line(text["spread"], x, [point.high for point in points]),
        ],
        height=180,
    )


def _segment_bars(
    segments: Sequence[Segment], text: Mapping[str, str], language: Language
) -> list[tuple[str, Markup]]:
    """AUC and calibration of the segments; a weak one has an exclamation mark."""

    def label(one: Segment, weakness: str) -> str:
        return one.words.pick(language) + (" !" if weakness in one.weak else "")

    ordered = [(one, one.roc_auc) for one in segments if one.roc_auc is not None]
    drawn = []
    if ordered:
        rows = [_whiskered(label(one, "order"), value, ".3f") for one, value in ordered]
        drawn.append(
            (text["auc_by"], bars(text["auc_by"], rows, zero=CHANCE, labels=SEGMENT_UNITS))
        )
    if segments:
        rows = [_whiskered(label(one, "calibration"), one.gap, "+.3f") for one in segments]
        drawn.append((text["gap_by"], bars(text["gap_by"], rows, labels=SEGMENT_UNITS)))
    return drawn


def _corner(corner: Corner) -> str:
    return f"{corner.risk:.1%} / {corner.added_up:.1%}" if corner.rows else "—"


def _number(value: float | None, form: str = ".3f") -> str:
    return "—" if value is None or not math.isfinite(value) else format(value, form)


def _band(interval: Interval | None, form: str = ".3f") -> str:
    if interval is None:
        return "—"
    estimate, low, high = (
        _number(value, form) for value in (interval.estimate, interval.low, interval.high)
    )
    return f"{estimate} [{low}, {high}]"

"""The quality report as one HTML file that needs nothing from outside; user text is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from markupsafe import Markup

from engine.data.quality.report import QualityReport, TableQuality
from engine.pages import Axis, Line, chart, render
from engine.store.files import write_atomically
from engine.types import Language, Words

CHART_WIDTH, CHART_HEIGHT = 560, 120
TICKS = (0.1, 0.5, 0.9)
"""Marks of the time axis: inside its ends, where a date would be cut off."""
WEEKLY_FROM_DAYS = 400
"""A longer history is drawn by weeks: its days would be a blot."""
_TEXTS: Mapping[str, Words] = {
    "title": Words("数据质量报告", "Data quality"),
    "made": Words("生成时间（UTC）", "Made (UTC)"),
    "loaded": Words("加载时间（UTC）", "Loaded (UTC)"),
    "period": Words("数据期间", "Period"),
    "colon": Words("：", ": "),
    "checks": Words("检查", "Checks"),
    "result": Words("结果", "Result"),
    "check": Words("检查项", "Check"),
    "advice": Words("怎么办", "What to do"),
    "fit": Words("可用", "fit"),
    "look": Words("留意", "look"),
    "unfit": Words("不合用", "unfit"),
    "tables": Words("各表", "Tables"),
    "table": Words("表", "Table"),
    "read": Words("读入", "Read"),
    "rows": Words("现有行数", "Rows now"),
    "refused": Words("拒收", "Refused"),
    "noted": Words("保留并备注", "Kept, noted"),
    "late": Words("晚到一天以上", "Over a day late"),
    "gap": Words("最长空档（天）", "Longest gap (days)"),
    "silent": Words("末尾静默（天）", "Silent at end (days)"),
    "daily": Words("每日行数", "Rows by day"),
    "weekly": Words("每周行数", "Rows by week"),
    "quarantine": Words("隔离区", "Quarantine"),
    "nothing_aside": Words("没有被隔离的行。", "No row was put aside."),
    "first_rows": Words("前几行原文", "The first rows of the source"),
    "columns": Words("特征和消息读取的列", "Columns that features and messages read"),
    "column": Words("列", "Column"),
    "missing": Words("缺失", "Missing"),
    "share": Words("占比", "Share"),
    "constant": Words("只有一个值", "One value only"),
    "outliers": Words("离群值", "Outliers"),
    "above": Words("界限", "Above"),
    "yes": Words("是", "yes"),
    "kinds": Words("只计作活跃的事件种类", "Kinds of events that count as activity only"),
    "kinds_why": Words(
        "没有特征按名读取它们。若其中有学习、完成、搜索、收藏一类的行为，请在映射里翻译。",
        "No feature reads them by name. Where one of them is learning, finishing, searching or a "
        "favourite, translate it in the mapping.",
    ),
    "features": Words("能算的特征", "Features that can be computed"),
    "group": Words("分组", "Group"),
    "computed": Words("能算", "Computed"),
    "lacking": Words("缺少的数据", "Facts that are lacking"),
}


def write_page(path: Path, report: QualityReport, *, language: Language, made_at: datetime) -> None:
    """Write the page; it appears whole or not at all. Raises `StorageError`."""
    texts = {name: words.pick(language) for name, words in _TEXTS.items()}
    html = render(
        "engine.data.quality",
        language=language,
        text=texts,
        lang=language,
        report=report,
        made_at=f"{made_at:%Y-%m-%d %H:%M}",
        charts=[
            (table.table, _chart(table, texts, report.summary.as_of))
            for table in report.tables
            if len(table.daily) > 1
        ],
    )
    write_atomically(path, html)


def _chart(table: TableQuality, text: Mapping[str, str], as_of: datetime) -> Markup:
    """The table's rows by day, or by whole week where the history is long."""
    weekly = len(table.daily) > WEEKLY_FROM_DAYS
    step = 7 if weekly else 1
    # Counted back from the end: the newest week is whole, the oldest may be cut.
    starts = range(len(table.daily) % step, len(table.daily) - step + 1, step)
    counts = [sum(table.daily[start : start + step]) for start in starts]
    end = as_of.date()
    first = end - timedelta(days=len(table.daily))
    days = [(first + timedelta(days=start)).toordinal() for start in starts]
    x = Axis("", days[0], max(days[-1], days[0] + 1), ())
    x = replace(x, ticks=tuple(_tick(x, part) for part in TICKS))
    top = max(counts) or 1
    y = Axis(text["weekly"] if weekly else text["daily"], 0, top, ((0, "0"), (top, _short(top))))
    title = f"{table.table}{text['colon']}{y.label}"
    return chart(title, x, y, [Line(title, days, counts)], width=CHART_WIDTH, height=CHART_HEIGHT)


def _tick(axis: Axis, part: float) -> tuple[float, str]:
    """A mark `part` of the way along an axis of days."""
    place = axis.low + part * (axis.high - axis.low)
    return place, date.fromordinal(round(place)).isoformat()


def _short(number: int) -> str:
    """A count in few characters: 950, 12k, 3.4M."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return str(number)

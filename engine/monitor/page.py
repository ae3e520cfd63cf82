"""The monitoring report as one HTML file that needs nothing from outside; user text is escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from engine.monitor.report import MonitorReport
from engine.pages import render
from engine.store.files import write_atomically
from engine.types import Interval, Language, Words

_TEXTS: Mapping[str, Words] = {
    "title": Words("模型监控报告", "Model monitoring"),
    "colon": Words("：", ": "),
    "model": Words("模型", "Model"),
    "scored": Words("打分截止时刻", "Scored at"),
    "made": Words("生成时间（UTC）", "Made (UTC)"),
    "drift": Words("漂移", "Drift"),
    "compared": Words("对照的过去截止时刻", "Compared with the cutoffs"),
    "weighted": Words(
        "按重要性加权的 PSI 与过去的上限", "Importance-weighted PSI, and the limit from the past"
    ),
    "drift_why": Words(
        "上限取自过去各截止时刻两两比较的抽样波动（99% 分位数），日历列不计。按 PSI 乘重要性排序。",
        "Limits are what past cutoffs, drawn anew, stay below in 99 % of draws; calendar columns "
        "are left out. Ordered by PSI times importance.",
    ),
    "feature": Words("特征", "Feature"),
    "psi": Words("PSI", "PSI"),
    "limit": Words("上限", "Limit"),
    "js": Words("JS（比特）", "JS (bits)"),
    "importance": Words("重要性", "Importance"),
    "shifted": Words("超出", "Shifted"),
    "yes": Words("是", "yes"),
    "risk": Words("流失风险", "Risk"),
    "estimate": Words("标签成熟前的估计", "Estimates before labels"),
    "figure": Words("指标", "Figure"),
    "expected": Words("预计", "Expected"),
    "interval": Words("95% 区间", "95 % interval"),
    "checks": Words("同样的估计在过去：预计与实际", "The same in the past: expected, came true"),
    "cutoff": Words("截止时刻", "Cutoff"),
    "users": Words("用户数", "Users"),
    "came_true": Words("实际", "Came true"),
    "roc_auc": Words("ROC-AUC", "ROC-AUC"),
    "average_precision": Words("PR-AUC", "PR-AUC"),
    "precision": Words("触达容量内精确率", "Precision at capacity"),
    "churn_rate": Words("流失率", "Churn rate"),
    "ece": Words("校准误差（只是下限）", "Calibration error (a floor only)"),
    "fairness": Words("公平性", "Fairness"),
    "attribute": Words("属性", "Attribute"),
    "group": Words("分组", "Group"),
    "others": Words("其他人", "Others"),
    "difference": Words("差", "Difference"),
    "ratio": Words("比", "Ratio"),
    "gender": Words("性别", "gender"),
    "age_band": Words("年龄段", "age band"),
    "channel": Words("渠道", "channel"),
    "city": Words("城市", "city"),
    "plan": Words("套餐", "plan"),
    "contact_rate": Words("触达率", "Contacted"),
    "discount_value": Words("人均优惠", "Discount a user"),
    "true_positive_rate": Words("流失者命中率", "Leavers found"),
    "calibration_gap": Words("平均风险减流失率", "Mean risk minus churn rate"),
    "beyond": Words("超出限值", "Beyond the limit"),
    "stress": Words("压力测试", "Stress"),
    "disturbance": Words("扰动", "Disturbance"),
    "tau": Words("肯德尔 τ", "Kendall's τ"),
    "kept": Words("前 10% 保留", "Top 10 % kept"),
    "change": Words("风险平均变化", "Mean change of risk"),
    "gamed": Words("刷活跃", "Gamed inputs"),
    "before": Words("之前风险", "Risk before"),
    "after": Words("之后风险", "Risk after"),
    "left_the_list": Words("离开名单", "Left the list"),
    "tenure": Words("入会时长", "Tenure"),
    "cold_start": Words("注册不满 30 天", "Signed up less than 30 days before"),
    "settled": Words("注册满 30 天", "Signed up earlier"),
    "churned": Words("流失", "Churned"),
    "calibration": Words("校准误差", "Calibration error"),
    "base_rate": Words("流失率变化时", "At another churn rate"),
    "mean_risk": Words("平均风险", "Mean risk"),
    "moved": Words("整体平移后的校准误差", "Calibration error once moved"),
}
_TONES = {"none": "fit", "some": "look", "strong": "unfit"}


def write_page(path: Path, found: MonitorReport, *, language: Language, made_at: datetime) -> None:
    """Write the page; it appears whole or not at all. Raises `StorageError`."""
    html = render(
        "engine.monitor",
        language=language,
        text={name: words.pick(language) for name, words in _TEXTS.items()},
        lang=language,
        found=found,
        made_at=f"{made_at:%Y-%m-%d %H:%M}",
        tone=_TONES[found.drift.verdict],
        number=_number,
        band=_band,
    )
    write_atomically(path, html)


def _number(value: float | None, form: str = ".3f") -> str:
    return "—" if value is None or not math.isfinite(value) else format(value, form)


def _band(interval: Interval | None, form: str = ".3f") -> str:
    if interval is None:
        return "—"
    return f"{_number(interval.low, form)} – {_number(interval.high, form)}"

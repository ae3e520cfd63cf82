"""The parts of the users on which a model is looked at, from plan and tenure to columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.explain.words import written
from engine.features.frame import FeatureFrame
from engine.features.spec import FeatureSpec
from engine.insight.weakness import Division
from engine.monitor.groups import Groups
from engine.settings import RiskSettings
from engine.types import Words

Floats = NDArray[np.float64]

TENURES = (30.0, 90.0, 365.0)
"""Days since sign-up: the ends of the parts."""
EVENTS = (1, 10, 50)
NO_PLAN = "none"
"""The segment of users without a plan."""
THIRDS = (1 / 3, 2 / 3)
BANDS = {
    "low": Words("低风险用户", "Users of low risk"),
    "medium": Words("中风险用户", "Users of medium risk"),
    "high": Words("高风险用户", "Users of high risk"),
    "critical": Words("极高风险用户", "Users of critical risk"),
}


def divisions(
    frame: FeatureFrame,
    risk: Floats,
    groups: Groups,
    bands: RiskSettings,
    columns: Sequence[tuple[int, FeatureSpec]],
    *,
    currency: str,
) -> list[Division]:
    """All divisions of the rows of `frame`; `columns` are those that matter most, with places."""
    known = groups.of(frame.user_ids, frame.segments)
    found = [
        _plain("plan", known["plan"], "套餐为", "Users on the plan"),
        _plain("channel", known["channel"], "来自渠道", "Users from the channel"),
        _tenure(groups.tenure_days(frame.user_ids, frame.cutoffs)),
    ]
    if frame.sequences.kinds:
        found.append(_events(frame.sequences.stop - frame.sequences.start))
    found.append(_band(risk, bands))
    found += [_column(frame.values[:, place], spec, currency) for place, spec in columns]
    return found


def _plain(attribute: str, value: NDArray[np.object_], zh: str, en: str) -> Division:
    names = sorted({str(one) for one in value if one})
    words = {name: Words(f"{zh}“{name}”的用户", f"{en} “{name}”") for name in names}
    if NO_PLAN in words and attribute == "plan":
        words[NO_PLAN] = Words("没有套餐的用户", "Users without a plan")
    return Division(attribute, value, words)


def _tenure(days: Floats) -> Division:
    names = np.array(["<30", "30-89", "90-364", ">=365"], object)
    value = np.where(np.isnan(days), "", names[np.searchsorted(TENURES, days, side="right")])
    words = (
        Words("注册不满 30 天的用户", "Users who signed up less than 30 days before"),
        Words("注册 30 至 89 天的用户", "Users who signed up 30 to 89 days before"),
        Words("注册 90 至 364 天的用户", "Users who signed up 90 to 364 days before"),
        Words("注册满一年的用户", "Users who signed up a year before or earlier"),
    )
    return Division("tenure", value.astype(object), dict(zip(names, words, strict=True)))


def _events(count: NDArray[np.int64]) -> Division:
    names = np.array(["0", "1-9", "10-49", ">=50"], object)
    words = (
        Words("没有行为记录的用户", "Users without any event"),
        Words("有 1 至 9 个行为的用户", "Users with 1 to 9 events"),
        Words("有 10 至 49 个行为的用户", "Users with 10 to 49 events"),
        Words("有 50 个以上行为的用户", "Users with 50 events or more"),
    )
    value = names[np.searchsorted(EVENTS, count, side="right")]
    return Division("events", value, dict(zip(names, words, strict=True)))


def _band(risk: Floats, bands: RiskSettings) -> Division:
    names = np.array(list(BANDS), object)
    edges = (bands.medium, bands.high, bands.critical)
    value = names[np.searchsorted(edges, risk, side="right")]
    return Division("band", value, BANDS, compares_order=False)


def _column(values: NDArray[np.float32], spec: FeatureSpec, currency: str) -> Division:
    """Thirds of the rows by one column, and those where it is missing."""
    missing = np.isnan(values)
    value = np.full(len(values), "", object)
    value[missing] = "missing"
    unit = "flag" if spec.unit == "level" else spec.unit
    words = {"missing": _of(spec, "没有记录", "none on record")}
    known = values[~missing]
    if len(known):
        edges = np.unique(np.quantile(known, THIRDS, method="nearest"))
        place = np.searchsorted(edges, values, side="left")
        for number in range(len(edges) + 1):
            own = ~missing & (place == number)
            if not own.any():
                continue
            low, high = float(values[own].min()), float(values[own].max())
            name = f"{low:g}" if low == high else f"{low:g}..{high:g}"
            value[own] = name
            zh, en = (
                written(low, unit, language, currency)
                + ("" if low == high else mark + written(high, unit, language, currency))
                for language, mark in (("zh", " 至 "), ("en", " to "))
            )
            words[name] = _of(spec, zh, en)
    return Division(spec.name, value, words, compares_order=False)


def _of(spec: FeatureSpec, zh: str, en: str) -> Words:
    return Words(f"“{spec.label.zh}”为 {zh} 的用户", f"Users with {spec.label.en}: {en}")

"""Whether a model can be learnt from these labels, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.features.label_report.types import (
    PHASE_WORDS,
    CutoffLabels,
    Finding,
    LabelCount,
    Phase,
)
from engine.timeline import ChurnRule
from engine.types import Words

TOO_RARE = 0.01
TOO_COMMON = 0.6
FEW_OF_A_CLASS = 100  # in a phase; below, a metric moves by chance alone
MOSTLY_UNDONE = 0.5  # of the churned come back within one more horizon
DRIFT_RATIO = 1.5  # the highest base rate over the lowest
DRIFT_ERRORS = 3.0  # … and their difference in standard errors


def smallest_class(cutoffs: Sequence[CutoffLabels]) -> tuple[int, Phase]:
    """The rarer of churned and stayed, in the phase that has fewest of it."""
    found: dict[Phase, tuple[int, int]] = {}
    for one in cutoffs:
        churned, stayed = found.get(one.phase, (0, 0))
        count = one.count
        found[one.phase] = (churned + count.churned, stayed + count.eligible - count.churned)
    phase = min(found, key=lambda name: min(found[name]))
    return min(found[phase]), phase


def drifts(cutoffs: Sequence[CutoffLabels]) -> bool:
    """Do base rates differ by more than their ratio and chance allow?"""
    counts = [one.count for one in cutoffs if one.count.eligible]
    if len(counts) < 2:
        return False
    low = min(counts, key=lambda count: count.base_rate)
    high = max(counts, key=lambda count: count.base_rate)
    error = math.sqrt(_variance(low) + _variance(high))
    difference = high.base_rate - low.base_rate
    return high.base_rate > DRIFT_RATIO * low.base_rate and difference > DRIFT_ERRORS * error


def _variance(count: LabelCount) -> float:
    return count.base_rate * (1 - count.base_rate) / count.eligible


def findings(
    rule: ChurnRule, cutoffs: Sequence[CutoffLabels], total: LabelCount
) -> tuple[Finding, ...]:
    """What to look at; a single "good" when there is nothing."""
    found: list[Finding] = []
    rate, share = total.base_rate, total.came_back_share
    if not total.eligible or rate < TOO_RARE:
        found.append(
            Finding(
                "too_rare",
                Words(
                    f"流失太少：适用用户中只有 {_percent(rate)} 被判为流失",
                    f"Churn is too rare: {_percent(rate)} of the eligible users left",
                ),
                _more_churn(rule),
            )
        )
    if rate > TOO_COMMON:
        found.append(
            Finding(
                "too_common",
                Words(
                    f"流失太多：适用用户中有 {_percent(rate)} 被判为流失",
                    f"Churn is too common: {_percent(rate)} of the eligible users left",
                ),
                _less_churn(rule),
            )
        )
    fewest, phase = smallest_class(cutoffs)
    if fewest < FEW_OF_A_CLASS:
        zh, en = PHASE_WORDS[phase].zh, PHASE_WORDS[phase].en
        found.append(
            Finding(
                "few",
                Words(
                    f"{zh}阶段较少的一类只有 {fewest} 行（低于 {FEW_OF_A_CLASS}）",
                    f"The rarer class has {fewest} rows in the phase {en!r} "
                    f"(fewer than {FEW_OF_A_CLASS})",
                ),
                Words(
                    "指标会随机波动：载入更长的历史，或在设置中增加 test_cutoffs",
                    "Metrics will move by chance: load a longer history, or raise test_cutoffs in "
                    "the settings",
                ),
            )
        )
    if share is not None and share >= MOSTLY_UNDONE:
        found.append(
            Finding(
                "undone",
                Words(
                    f"被判为流失的用户有 {_percent(share)} 在随后一个窗口内又回来了",
                    f"{_percent(share)} of those labelled churned are there again within one more "
                    "horizon",
                ),
                Words(
                    "这更像间歇而不是流失：延长 horizon_days 或 grace_days",
                    "That is a break rather than a leave: lengthen horizon_days or grace_days",
                ),
            )
        )
    if drifts(cutoffs):
        rates = [one.count.base_rate for one in cutoffs if one.count.eligible]
        low, high = _percent(min(rates)), _percent(max(rates))
        found.append(
            Finding(
                "drifting",
                Words(
                    f"流失率在各截止时刻之间漂移：从 {low} 到 {high}",
                    f"The base rate drifts from cutoff to cutoff: {low} to {high}",
                ),
                Words(
                    "可能是季节或数据口径变化：看 retention check，并经常重新训练",
                    "A season, or a change in the data: see `retention check`, and retrain often",
                ),
            )
        )
    if found:
        return tuple(found)
    return (
        Finding(
            "good",
            Words(
                "标签可用：流失率适中且稳定", "A good label: neither rare nor common, and stable"
            ),
            Words("可以训练：retention train", "Go on with `retention train`"),
        ),
    )


def _more_churn(rule: ChurnRule) -> Words:
    if rule.kind == "label":
        return Words("核对 outcomes 表中的标签", "Check the labels in the table outcomes")
    if rule.kind == "lapsed":
        return Words(
            "延长 horizon_days 让更多订阅到期，或减少 grace_days",
            "Lengthen horizon_days, so that more terms end, or give less grace",
        )
    return Words(
        "放宽 active_within_days 让规则覆盖更多用户，或减少 grace_days",
        "Ask of more users (a larger active_within_days), or give less grace",
    )


def _less_churn(rule: ChurnRule) -> Words:
    if rule.kind == "label":
        return Words("核对 outcomes 表中的标签", "Check the labels in the table outcomes")
    if rule.kind == "lapsed":
        return Words(
            "缩短 horizon_days，或给更长的 grace_days",
            "Shorten horizon_days, or give more grace",
        )
    return Words(
        "很多人在截止时刻其实已经离开：缩小 active_within_days，或延长 horizon_days",
        "Many had left before the cutoff: lower active_within_days, or lengthen horizon_days",
    )


def _percent(share: float) -> str:
    return "0%" if math.isnan(share) else f"{share:.1%}"

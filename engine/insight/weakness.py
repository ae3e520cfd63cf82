"""Where the model is weak: parts of the users on which it orders worse, or is off in its risks.

Weaknesses are tested beyond what matters, and all looks share one chance of a false alarm. An AUC
is compared only where the rows are not chosen by what the model orders by: within a band of risk
every model orders badly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.insight.clustered import Estimated, auc, mean
from engine.insight.report import Segment, Weakness
from engine.insight.several import LEVEL, beyond, holm
from engine.types import Words

FEWEST_ROWS = 100
FEWEST_OF_A_CLASS = 25
"""Of those who left and of those who stayed, for an AUC."""
MATTERS_AUC = 0.02
MATTERS_GAP = 0.01
"""A smaller deficit is nothing to act on."""
MOST_VALUES = 12
"""Of an attribute: the largest."""
HARDLY = 0.65
"""An AUC whose interval ends below is hardly better than chance."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Division:
    """N rows dealt into parts by an attribute."""

    attribute: str
    value: NDArray[np.object_]  # (N,) "": not known, and not looked at
    words: Mapping[str, Words]  # value -> "users who …"
    compares_order: bool = True  # False: the parts differ in what the model orders by


@dataclass(frozen=True, slots=True)
class _Look:
    segment: int
    weakness: Weakness
    p_value: float


def segments(
    divisions: Sequence[Division],
    *,
    label: NDArray[Any],
    risk: Floats,
    users: NDArray[Any],
    weight: NDArray[Any],
) -> tuple[Segment, ...]:
    """The model on every part that has rows enough, in the order of `divisions`.

    `label`, `risk`, `users` and `weight` are (N,). A part is weak where a deficit beyond what
    matters is clear after Holm's correction for all looks.
    """
    label, weight = np.asarray(label, np.float64), np.asarray(weight, np.float64)
    _, codes = np.unique(users.astype(str), return_inverse=True)
    near = np.finfo(np.float64).eps
    loss = -np.log(np.clip(np.where(label == 1, risk, 1 - risk), near, 1.0))
    found: list[Segment] = []
    looks: list[_Look] = []
    for division in divisions:
        for value in _values(division):
            part = division.value == value
            words = division.words.get(value, Words(value, value))
            gap = mean(risk - label, weight, part, codes)
            own_loss = mean(loss, weight, part, codes)
            order, others, expected = None, None, None
            if division.compares_order and _both(label[part]):
                order = auc(label, risk, weight, part, codes)
                expected = _expected_auc(risk[part], weight[part])
                if _both(label[~part]):
                    others = auc(label, risk, weight, ~part, codes)
                    looks.append(_Look(len(found), "order", _worse(order, others)))
            looks.append(_Look(len(found), "calibration", _off(gap)))
            if _both(label[part]):
                looks.append(_Look(len(found), "loss", _useless(loss, label, weight, part, codes)))
            found.append(
                Segment(
                    attribute=division.attribute,
                    value=value,
                    words=words,
                    rows=int(part.sum()),
                    churned=int(label[part].sum()),
                    mean_risk=float(np.average(risk[part], weights=weight[part])),
                    gap=gap.interval(-1.0, 1.0),
                    log_loss=own_loss.value,
                    roc_auc=None if order is None else order.interval(0.0, 1.0),
                    expected_auc=expected,
                    others_auc=None if others is None else others.value,
                    weak=(),
                    statements=(),
                )
            )
    corrected = holm([look.p_value for look in looks])
    for look, p_value in zip(looks, corrected, strict=True):
        if p_value < LEVEL:
            segment = found[look.segment]
            found[look.segment] = replace(
                segment,
                weak=(*segment.weak, look.weakness),
                statements=(*segment.statements, _statement(segment, look.weakness)),
            )
    return tuple(found)


def _values(division: Division) -> list[str]:
    """The parts with rows enough, the largest of them, in the order in which words name them."""
    names, counts = np.unique(division.value.astype(str), return_counts=True)
    kept = {
        str(name): int(count)
        for name, count in zip(names, counts, strict=True)
        if name and FEWEST_ROWS <= count < len(division.value)
    }
    largest = sorted(kept, key=lambda name: -kept[name])[:MOST_VALUES]
    named = list(division.words)
    return sorted(largest, key=lambda name: named.index(name) if name in named else len(named))


def _both(label: Floats) -> bool:
    left = int(label.sum())
    return min(left, len(label) - left) >= FEWEST_OF_A_CLASS


def _worse(order: Estimated, others: Estimated) -> float:
    deficit = others.minus(order)
    return beyond((deficit.value - MATTERS_AUC) / deficit.error) if deficit.error else 1.0


def _off(gap: Estimated) -> float:
    if not gap.error:
        return 1.0
    return min(1.0, 2 * beyond((abs(gap.value) - MATTERS_GAP) / gap.error))


def _useless(
    loss: Floats,
    label: Floats,
    weight: Floats,
    part: NDArray[np.bool_],
    codes: NDArray[np.int64],
) -> float:
    """The chance of such a loss above that of the part's own churn rate, were it no higher."""
    rate = float(np.average(label[part], weights=weight[part]))
    plain = -np.log(np.where(label == 1, rate, 1 - rate))
    excess = mean(loss - plain, weight, part, codes)
    return beyond(excess.value / excess.error) if excess.error else 1.0


def _expected_auc(risk: Floats, weight: Floats) -> float:
    """The AUC were every risk right: each row is a leaver by its risk, a stayer by the rest."""
    _, place = np.unique(risk, return_inverse=True)
    left = np.bincount(place, weights=weight * risk)
    stayed = np.bincount(place, weights=weight * (1 - risk))
    below = np.cumsum(stayed) - stayed / 2
    return float(left @ below / (left.sum() * stayed.sum()))


def _statement(segment: Segment, weakness: Weakness) -> Words:
    rows, words = segment.rows, segment.words
    if weakness == "calibration":
        high = segment.gap.estimate > 0
        rate, low, top = segment.churn_rate, *_rates(segment)
        return Words(
            f"{words.zh}（{rows:,} 行）：风险偏{'高' if high else '低'}，"
            f"平均 {segment.mean_risk:.1%}，实际流失 {rate:.1%} [{low:.1%}, {top:.1%}]",
            f"{words.en} ({rows:,} rows): risks are too {'high' if high else 'low'}, "
            f"{segment.mean_risk:.1%} on average; {rate:.1%} left [{low:.1%}, {top:.1%}]",
        )
    if weakness == "loss":
        return Words(
            f"{words.zh}（{rows:,} 行）：模型的风险还不如对所有人都用该群体的流失率",
            f"{words.en} ({rows:,} rows): the model's risks are worse than the segment's churn "
            "rate said to everyone",
        )
    order, others, expected = segment.roc_auc, segment.others_auc, segment.expected_auc
    assert order is not None
    assert others is not None
    assert expected is not None
    zh, en = (
        ("排序几乎不比随机好", "the order is hardly better than chance")
        if order.high < HARDLY
        else ("排序较差", "users are told apart less well")
    )
    if expected > order.high:
        why_zh = f"风险若准确应达到 {expected:.2f}"
        why_en = f"right risks would reach {expected:.2f}"
    else:
        why_zh = "这些用户的风险彼此接近，排序难以更好"
        why_en = "their risks lie close together, so that no order could be much better"
    return Words(
        f"{words.zh}（{rows:,} 行）：{zh}，AUC {order.estimate:.2f} "
        f"[{order.low:.2f}, {order.high:.2f}]，其他人 {others:.2f}；{why_zh}",
        f"{words.en} ({rows:,} rows): {en}, AUC {order.estimate:.2f} "
        f"[{order.low:.2f}, {order.high:.2f}], others {others:.2f}; {why_en}",
    )


def _rates(segment: Segment) -> tuple[float, float]:
    """The ends of the churn rate: the gap's, seen from the mean risk."""
    return (
        max(0.0, segment.mean_risk - segment.gap.high),
        min(1.0, segment.mean_risk - segment.gap.low),
    )

"""Words for the group `sequence`: which recent events stand out against retained users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from babel import Locale
from babel.numbers import format_decimal
from numpy.typing import NDArray

from engine.features.frame import FeatureFrame
from engine.models.panel import RECENT_S
from engine.types import Words

_ZH, _EN = Locale("zh"), Locale("en")

MOST_NAMED = 2
"""Kinds of events named in one sentence."""

LEAST_RATIO = 2.0
"""A kind stands out when it is this much more, or less, frequent than among those who stayed."""

LEAST_EVENTS = 2.0
"""Below this many events on the richer side a ratio says little."""

KINDS: Mapping[str, Words] = MappingProxyType(
    {
        "app_open": Words("打开应用", "app opened"),
        "lesson_started": Words("开始课时", "lesson started"),
        "lesson_finished": Words("学完课时", "lesson finished"),
        "content_started": Words("打开内容", "content opened"),
        "content_finished": Words("学完内容", "content finished"),
        "audio_played": Words("收听音频", "audio played"),
        "column_read": Words("阅读专栏", "column read"),
        "live_joined": Words("参加直播", "live session joined"),
        "search": Words("搜索", "search"),
        "favourite": Words("收藏", "favourite added"),
        "note_written": Words("写笔记", "note written"),
        "share": Words("分享", "share"),
        "purchase_viewed": Words("查看购买页", "purchase page viewed"),
        "price_viewed": Words("查看价格", "price viewed"),
        "cancel_page_viewed": Words("查看取消页", "cancellation page viewed"),
        "login_failed": Words("登录失败", "failed log-in"),
        "payment:succeeded": Words("付款成功", "payment"),
        "payment:failed": Words("支付失败", "failed payment"),
        "payment:refunded": Words("退款", "refund"),
        "message:ticket": Words("提交工单", "support ticket"),
        "message:review": Words("评价", "review"),
        "message:comment": Words("评论", "comment"),
        "message:survey": Words("填写问卷", "survey answer"),
        "subscription:started": Words("开通会员", "membership started"),
        "subscription:cancelled": Words("取消续费", "renewal cancelled"),
    }
)
"""Names of the kinds that the contract and the packs know; others are shown as they are."""

ADVERSE = frozenset(
    {
        "cancel_page_viewed",
        "login_failed",
        "payment:failed",
        "payment:refunded",
        "message:ticket",
        "subscription:cancelled",
    }
)
"""Kinds of which more speak for leaving; of all others, more speak for staying."""

_LIKE_LEAVERS = Words(
    "近期活动的先后与节奏接近后来流失的用户",
    "The order and timing of recent activity resembles users who left",
)
_LIKE_STAYERS = Words(
    "近期活动的先后与节奏接近留存用户",
    "The order and timing of recent activity resembles users who stayed",
)


def recent_counts(frame: FeatureFrame) -> NDArray[np.int64]:
    """(N, K) events of each kind in the last 28 days before each row's cutoff."""
    sequences = frame.sequences
    length = sequences.stop - sequences.start
    row = np.repeat(np.arange(len(frame)), length)
    event = np.arange(len(row)) + np.repeat(sequences.start - np.cumsum(length) + length, length)
    cutoff_s = frame.cutoffs.astype("datetime64[s]").astype(np.float64)
    recent = sequences.occurred_s[event] >= cutoff_s[row] - RECENT_S
    kinds = len(sequences.kinds)
    cell = row[recent] * kinds + sequences.kind[event[recent]]
    return np.bincount(cell, minlength=len(frame) * kinds).reshape(len(frame), kinds)


def stand_out(
    counts: NDArray[Any], kinds: Sequence[str], stayed: Mapping[str, float], *, raises: bool
) -> Words:
    """The sentence for one user.

    `counts` (K,) of `kinds` in the last 28 days; `stayed` maps a kind to the mean of retained
    users; `raises`: the group raises this user's risk. Only kinds that point the same way are
    named: a failed payment does not explain why someone is likely to stay.
    """
    mine = dict(zip(kinds, counts.tolist(), strict=True))
    found = []
    for kind in dict.fromkeys((*kinds, *stayed)):
        own, theirs = float(mine.get(kind, 0)), float(stayed.get(kind, 0.0))
        ratio = (own + 1) / (theirs + 1)
        toward_leaving = (ratio > 1) == (kind in ADVERSE)
        clear = max(ratio, 1 / ratio) >= LEAST_RATIO and max(own, theirs) >= LEAST_EVENTS
        once_is_enough = kind in ADVERSE and own >= 1 and theirs < 0.5
        if toward_leaving == raises and (clear or (raises and once_is_enough)):
            # an adverse event is rarer and says more than one visit less
            found.append((kind not in ADVERSE, -abs(np.log(ratio)), kind, int(own), theirs))
    if not found:
        return _LIKE_LEAVERS if raises else _LIKE_STAYERS
    named = [entry[2:] for entry in sorted(found)[:MOST_NAMED]]
    zh = "，".join(
        f"{kind_words(kind).zh} {own} 次（留存用户平均 {_mean(theirs, _ZH)} 次）"
        for kind, own, theirs in named
    )
    en = ", ".join(
        f"{own} × {kind_words(kind).en} (users who stayed: {_mean(theirs, _EN)} on average)"
        for kind, own, theirs in named
    )
    return Words(f"最近 28 天：{zh}", f"Last 28 days: {en}")


def kind_words(kind: str) -> Words:
    known = KINDS.get(kind)
    if known is not None:
        return known
    plain = kind.rpartition(":")[2].replace("_", " ")
    return Words(f"“{plain}”", f"“{plain}”")


def _mean(value: float, locale: Locale) -> str:
    return _formatted(round(value, 1 if value < 9.95 else None), locale)


@lru_cache(maxsize=10_000)
def _formatted(value: float, locale: Locale) -> str:
    return str(format_decimal(value, locale=locale))

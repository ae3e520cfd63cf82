"""A user beside his peers: the other eligible users of the same segment at the same cutoff."""

from __future__ import annotations

from typing import Literal

from engine.features.spec import FeatureSpec, against_peers, among_peers, words
from engine.types import Words

_OVER = "peers"


def _rank(
    name: str,
    group: str,
    of: str,
    direction: Literal[-1, 0, 1],
    label: Words,
    zh: str,
    en: str,
    need: str,
) -> FeatureSpec:
    return FeatureSpec(
        name,
        group,
        _OVER,
        among_peers(of),
        "share",
        direction,
        True,
        label,
        words(f"{zh} {{value}} 的同类用户", f"{en} {{value}} of similar users"),
        (need,),
    )


def _median(
    name: str,
    group: str,
    of: str,
    direction: Literal[-1, 0, 1],
    label: Words,
    zh: str,
    en: str,
    needs: tuple[str, ...],
) -> FeatureSpec:
    return FeatureSpec(
        name,
        group,
        _OVER,
        against_peers(of),
        "ratio",
        direction,
        True,
        label,
        words(
            f"{zh}是一般同类用户的 {{value}}",
            f"{en} against a typical similar user: {{value}}",
        ),
        needs,
    )


SPECS: tuple[FeatureSpec, ...] = (
    _rank(
        "active_days_rank",
        "fading_use",
        "active_days_28d",
        -1,
        Words("活跃天数在同类中的位置", "active days among peers"),
        "近 28 天的活跃天数多于",
        "Active on more of the last 28 days than",
        "events",
    ),
    _rank(
        "silence_rank",
        "fading_use",
        "days_since_activity",
        1,
        Words("沉默时长在同类中的位置", "silence among peers"),
        "没有活动的时间长于",
        "Away for longer than",
        "events",
    ),
    _median(
        "events_vs_peers",
        "fading_use",
        "events_28d",
        -1,
        Words("行为次数与同类之比", "actions against peers"),
        "近 28 天的行为次数",
        "Actions of the last 28 days",
        ("events",),
    ),
    _median(
        "contents_vs_peers",
        "content_exhausted",
        "contents_90d",
        -1,
        Words("内容数与同类之比", "items against peers"),
        "近 90 天打开的内容数",
        "Items opened in 90 days",
        ("events:content",),
    ),
    _median(
        "price_vs_peers",
        "price",
        "price_per_month",
        1,
        Words("会员月均价与同类之比", "price per month against peers"),
        "当前会员月均价",
        "The present monthly price",
        ("subscriptions:price",),
    ),
    _rank(
        "payment_silence_rank",
        "history",
        "days_since_payment",
        1,
        Words("距上次付款在同类中的位置", "time since payment among peers"),
        "距上次付款的时间长于",
        "Longer since a payment than for",
        "payments",
    ),
    _rank(
        "paid_rank",
        "history",
        "paid_365d",
        -1,
        Words("付款金额在同类中的位置", "amounts paid among peers"),
        "近一年付款多于",
        "Paid more in the last year than",
        "payments",
    ),
)

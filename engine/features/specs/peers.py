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
        words(f"{zh}的同类用户占比：{{value}}", f"Share of similar users {en}: {{value}}"),
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
            f"{zh}是同类用户中位数的 {{value}}",
            f"{en} against the median of similar users: {{value}}",
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
        "近 28 天活跃天数更少",
        "with fewer active days in the last 28",
        "events",
    ),
    _rank(
        "silence_rank",
        "fading_use",
        "days_since_activity",
        1,
        Words("沉默时长在同类中的位置", "silence among peers"),
        "沉默时间更短",
        "with a shorter silence",
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
        Words("内容数与同类之比", "contents against peers"),
        "近 90 天打开的内容数",
        "Contents opened in the last 90 days",
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
        "距上次付款更近",
        "who paid more recently",
        "payments",
    ),
    _rank(
        "paid_rank",
        "history",
        "paid_365d",
        -1,
        Words("付款金额在同类中的位置", "amounts paid among peers"),
        "近一年付款更少",
        "who paid less in the last year",
        "payments",
    ),
)

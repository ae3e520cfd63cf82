"""Payments that fail: how often, how lately, and whether a success has followed."""

from __future__ import annotations

from engine.features.spec import FeatureSpec, days_since, ratio, within, words
from engine.types import Words

_GROUP = "payment_failure"
_FAILED = "status = 'failed'"
_UNRECOVERED = f"{_FAILED} AND age_s < coalesce(success_age_s, 9000000000)"
_NEEDS = ("payments:failed",)


def _failed(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"failed_payments_{days}d",
        _GROUP,
        "known_payments",
        f"count(*) FILTER (WHERE {_FAILED} AND {within(days)})",
        "count",
        1,
        True,
        Words(f"近{days}天支付失败次数", f"failed payments in {days} days"),
        words(
            f"最近 {days} 天支付失败次数：{{value}}",
            f"Failed payments in the last {days} days: {{value}}",
        ),
        _NEEDS,
        absent=0,
    )


SPECS: tuple[FeatureSpec, ...] = (
    _failed(7),
    _failed(30),
    _failed(180),
    FeatureSpec(
        "failed_share_180d",
        _GROUP,
        "known_payments",
        ratio(
            f"count(*) FILTER (WHERE {_FAILED} AND {within(180)})",
            f"count(*) FILTER (WHERE status <> 'refunded' AND {within(180)})",
        ),
        "share",
        1,
        True,
        Words("近180天支付失败占比", "share of failed payments in 180 days"),
        words(
            "近 180 天的支付里失败的占比：{value}",
            "Payments of the last 180 days that failed: {value}",
        ),
        _NEEDS,
    ),
    FeatureSpec(
        "failed_since_success",
        _GROUP,
        "known_payments",
        f"count(*) FILTER (WHERE {_UNRECOVERED})",
        "count",
        1,
        True,
        Words("上次成功后支付失败次数", "failed payments since the last success"),
        words(
            "上次支付成功以来失败的次数：{value}",
            "Failed payments since the last one that succeeded: {value}",
        ),
        _NEEDS,
        absent=0,
    ),
    FeatureSpec(
        "last_payment_failed",
        _GROUP,
        "known_payments",
        f"max(CASE WHEN {_FAILED} THEN 1 ELSE 0 END) "
        "FILTER (WHERE status <> 'refunded' AND newest = 1)",
        "flag",
        1,
        True,
        Words("最近一次支付失败", "last payment failed"),
        words("最近一次支付是否失败：{value}", "The last payment failed: {value}"),
        _NEEDS,
        absent=0,
    ),
    FeatureSpec(
        "days_since_failure",
        _GROUP,
        "known_payments",
        days_since(f"min(age_s) FILTER (WHERE {_FAILED})"),
        "days",
        -1,
        True,
        Words("距上次支付失败天数", "days since last failed payment"),
        words("距上次支付失败 {value}", "Time since the last failed payment: {value}"),
        _NEEDS,
    ),
)

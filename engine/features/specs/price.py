"""Price: what is paid now and before, discounts, and looks at prices and at the exit."""

from __future__ import annotations

from engine.features.spec import (
    DAY_S,
    KINDS,
    FeatureSpec,
    days_since,
    one_of,
    ratio,
    summed,
    within,
    words,
)
from engine.types import Words

_GROUP = "price"
_PAID = "status = 'succeeded'"
_COUPON = ("payments:coupon",)
_PRICED = ("subscriptions:price",)
_PER_MONTH = ratio(f"price_u * {30 * DAY_S}", "term_s * 10000")
# Months have 30 and 31 days: only a change of more than a twentieth is a change of price.
_PER_DAY_THEN = "CAST(previous_price_u AS DOUBLE) * CAST(term_s AS DOUBLE)"
_PER_DAY_NOW = "CAST(price_u AS DOUBLE) * CAST(previous_term_s AS DOUBLE)"
_RISE = f"{_PER_DAY_NOW} * CAST(20 AS DOUBLE) > {_PER_DAY_THEN} * CAST(21 AS DOUBLE)"
_CUT = f"{_PER_DAY_NOW} * CAST(21 AS DOUBLE) < {_PER_DAY_THEN} * CAST(20 AS DOUBLE)"


def _coupon_share(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"coupon_share_{days}d",
        _GROUP,
        "known_payments",
        ratio(
            f"count(coupon_code) FILTER (WHERE {_PAID} AND {within(days)})",
            f"count(*) FILTER (WHERE {_PAID} AND {within(days)})",
        ),
        "share",
        1,
        True,
        Words(f"近{days}天用券支付占比", f"share of payments with a coupon in {days} days"),
        words(
            f"近 {days} 天的支付里用优惠券的占比：{{value}}",
            f"Payments of the last {days} days made with a coupon: {{value}}",
        ),
        _COUPON,
    )


def _price_views(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"price_views_{days}d",
        _GROUP,
        "event_days",
        summed("price_views", days),
        "count",
        0,
        True,
        Words(f"近{days}天查看价格次数", f"looks at prices in {days} days"),
        words(
            f"最近 {days} 天查看购买页面的次数：{{value}}",
            f"Looks at a purchase page in the last {days} days: {{value}}",
        ),
        ("events:price_page",),
        absent=0,
    )


def _cancel_views(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"cancel_views_{days}d",
        _GROUP,
        "event_days",
        summed("cancel_views", days),
        "count",
        1,
        True,
        Words(f"近{days}天查看取消页次数", f"looks at the cancellation page in {days} days"),
        words(
            f"最近 {days} 天查看取消页面的次数：{{value}}",
            f"Looks at the cancellation page in the last {days} days: {{value}}",
        ),
        ("events:cancel_page",),
        absent=0,
    )


SPECS: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "coupon_share",
        _GROUP,
        "known_payments",
        ratio(f"count(coupon_code) FILTER (WHERE {_PAID})", f"count(*) FILTER (WHERE {_PAID})"),
        "share",
        1,
        True,
        Words("用券支付占比", "share of payments with a coupon"),
        words("用优惠券的支付占比：{value}", "Payments made with a coupon: {value}"),
        _COUPON,
    ),
    _coupon_share(90),
    _coupon_share(365),
    FeatureSpec(
        "days_since_coupon",
        _GROUP,
        "known_payments",
        days_since(f"min(age_s) FILTER (WHERE {_PAID} AND coupon_code IS NOT NULL)"),
        "days",
        0,
        True,
        Words("距上次用券天数", "days since last coupon"),
        words("距上次用优惠券付款 {value}", "Time since the last payment with a coupon: {value}"),
        _COUPON,
    ),
    FeatureSpec(
        "days_since_full_price",
        _GROUP,
        "known_payments",
        days_since(f"min(age_s) FILTER (WHERE {_PAID} AND coupon_code IS NULL)"),
        "days",
        1,
        True,
        Words("距上次原价付款天数", "days since last full price"),
        words("距上次不用券付款 {value}", "Time since the last payment without a coupon: {value}"),
        _COUPON,
    ),
    FeatureSpec(
        "coupon_depth",
        _GROUP,
        "known_payments",
        "CAST(1 AS DOUBLE) - "
        + ratio(
            ratio(
                f"sum(amount_u) FILTER (WHERE {_PAID} AND coupon_code IS NOT NULL)",
                f"count(coupon_code) FILTER (WHERE {_PAID})",
            ),
            ratio(
                f"sum(amount_u) FILTER (WHERE {_PAID} AND coupon_code IS NULL)",
                f"count(*) FILTER (WHERE {_PAID} AND coupon_code IS NULL)",
            ),
        ),
        "share",
        0,
        True,
        Words("用券比不用券便宜的幅度", "depth of discounts"),
        words(
            "用券付款比不用券平均便宜 {value}",
            "Payments with a coupon are cheaper than those without by {value}",
        ),
        _COUPON,
    ),
    FeatureSpec(
        "price_per_month",
        _GROUP,
        "newest_term",
        _PER_MONTH,
        "money",
        1,
        True,
        Words("会员月均价", "price per month"),
        words("当前会员每月折合 {value}", "The present plan costs {value} a month"),
        _PRICED,
    ),
    FeatureSpec(
        "price_change",
        _GROUP,
        "newest_term",
        ratio(f"({_PER_DAY_NOW})", f"({_PER_DAY_THEN})"),
        "ratio",
        1,
        True,
        Words("续费价格变化", "price against the previous term"),
        words(
            "本期日均价是上一期的 {value}",
            "This term's price per day against the previous term's: {value}",
        ),
        _PRICED,
    ),
    FeatureSpec(
        "highest_price_per_month",
        _GROUP,
        "known_subscriptions",
        f"max({_PER_MONTH})",
        "money",
        0,
        False,
        Words("历史最高月均价", "highest price per month so far"),
        words("以往会员每月最高折合 {value}", "Highest monthly price of a term so far: {value}"),
        _PRICED,
    ),
    FeatureSpec(
        "lowest_price_per_month",
        _GROUP,
        "known_subscriptions",
        f"min({_PER_MONTH})",
        "money",
        0,
        False,
        Words("历史最低月均价", "lowest price per month so far"),
        words("以往会员每月最低折合 {value}", "Lowest monthly price of a term so far: {value}"),
        _PRICED,
    ),
    FeatureSpec(
        "price_vs_highest",
        _GROUP,
        "user",
        ratio("price_per_month", "highest_price_per_month"),
        "ratio",
        1,
        True,
        Words("现价与自己最高价之比", "price against own highest"),
        words(
            "当前月均价是自己历史最高价的 {value}",
            "The present monthly price against the highest paid so far: {value}",
        ),
        _PRICED,
    ),
    FeatureSpec(
        "price_vs_lowest",
        _GROUP,
        "user",
        ratio("price_per_month", "lowest_price_per_month"),
        "ratio",
        1,
        True,
        Words("现价与自己最低价之比", "price against own lowest"),
        words(
            "当前月均价是自己历史最低价的 {value}",
            "The present monthly price against the lowest paid so far: {value}",
        ),
        _PRICED,
    ),
    FeatureSpec(
        "price_rises",
        _GROUP,
        "known_subscriptions",
        f"count(*) FILTER (WHERE {_RISE})",
        "count",
        1,
        True,
        Words("续费涨价次数", "price rises so far"),
        words("续费时涨价的次数：{value}", "Renewals at a higher price: {value}"),
        _PRICED,
        absent=0,
    ),
    FeatureSpec(
        "days_since_price_rise",
        _GROUP,
        "known_subscriptions",
        days_since(f"min(started_age_s) FILTER (WHERE {_RISE})"),
        "days",
        -1,
        True,
        Words("距上次涨价天数", "days since last price rise"),
        words("距上次续费涨价 {value}", "Time since the last renewal at a higher price: {value}"),
        _PRICED,
    ),
    _cancel_views(7),
    _cancel_views(28),
    FeatureSpec(
        "cancel_views_total",
        _GROUP,
        "known_events",
        f"count(*) FILTER (WHERE {one_of('kind', KINDS['cancel_views'])})",
        "count",
        0,
        False,
        Words("累计查看取消页次数", "looks at the cancellation page so far"),
        words("累计查看取消页面的次数：{value}", "Looks at the cancellation page so far: {value}"),
        ("events:cancel_page",),
        absent=0,
    ),
    FeatureSpec(
        "days_since_cancel_view",
        _GROUP,
        "event_days",
        days_since("min(cancel_view_age_s) FILTER (WHERE day < 90)"),
        "days",
        -1,
        True,
        Words("距上次查看取消页天数（近90天内）", "days since the cancellation page (of 90 days)"),
        words("距上次查看取消页面 {value}", "Time since the cancellation page was seen: {value}"),
        ("events:cancel_page",),
    ),
    _price_views(7),
    _price_views(28),
)

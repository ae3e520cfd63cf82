"""The rhythm of payments: recency, frequency, gaps, what is bought. A day counts once."""

from __future__ import annotations

from engine.features.spec import DAY_S, FeatureSpec, ratio, words
from engine.types import Words

_GROUP = "history"
_OVER = "payment_days"
_PAID = ("payments",)


def _orders(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"orders_{days}d",
        _GROUP,
        _OVER,
        f"count(*) FILTER (WHERE day < {days})",
        "count",
        -1,
        True,
        Words(f"近{days}天付款天数", f"days with a payment in {days} days"),
        words(
            f"近 {days} 天有付款的天数：{{value}}",
            f"Days with a payment in the last {days} days: {{value}}",
        ),
        _PAID,
        absent=0,
    )


def _gap(name: str, expression: str, label: Words, zh: str, en: str) -> FeatureSpec:
    return FeatureSpec(
        name, _GROUP, _OVER, expression, "days", 1, False, label, words(zh, en), _PAID
    )


def _silence(name: str, against: str, label: Words, zh: str, en: str) -> FeatureSpec:
    return FeatureSpec(
        name,
        _GROUP,
        "user",
        ratio("days_since_payment", against),
        "ratio",
        1,
        True,
        label,
        words(
            f"距上次付款的时长是{zh}的 {{value}}",
            f"Time since the last payment against {en}: {{value}}",
        ),
        _PAID,
    )


SPECS: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "days_since_payment",
        _GROUP,
        _OVER,
        "min(day) + 1",
        "days",
        1,
        True,
        Words("距上次付款天数", "days since last payment"),
        words("距上次付款 {value}", "Time since the last payment: {value}"),
        _PAID,
    ),
    FeatureSpec(
        "days_since_first_payment",
        _GROUP,
        _OVER,
        "max(day) + 1",
        "days",
        -1,
        False,
        Words("距首次付款天数", "days since first payment"),
        words("距首次付款 {value}", "Time since the first payment: {value}"),
        _PAID,
    ),
    FeatureSpec(
        "payment_span_days",
        _GROUP,
        _OVER,
        "max(day) - min(day)",
        "days",
        -1,
        False,
        Words("首末次付款间隔", "first to last payment"),
        words("首次到最近一次付款相隔 {value}", "From the first to the last payment: {value}"),
        _PAID,
    ),
    FeatureSpec(
        "orders_total",
        _GROUP,
        _OVER,
        "count(*)",
        "count",
        -1,
        False,
        Words("累计付款天数", "days with a payment so far"),
        words("累计有付款的天数：{value}", "Days with a payment so far: {value}"),
        _PAID,
        absent=0,
    ),
    *(_orders(days) for days in (30, 90, 180, 365)),
    FeatureSpec(
        "paid_months_12",
        _GROUP,
        _OVER,
        "bit_count(bit_or(CAST(1 AS BIGINT) << CAST(floor(CAST(day AS DOUBLE) / "
        "CAST(30 AS DOUBLE)) AS INTEGER)) FILTER (WHERE day < 360))",
        "count",
        -1,
        True,
        Words("近12个月有付款的月数", "months with a payment of 12"),
        words(
            "最近 12 个月（每月 30 天）里有付款的月数：{value}",
            "Months (of 30 days) with a payment out of the last 12: {value}",
        ),
        _PAID,
        absent=0,
    ),
    FeatureSpec(
        "order_trend",
        _GROUP,
        _OVER,
        ratio(
            "count(*) FILTER (WHERE day < 90)", "count(*) FILTER (WHERE day >= 90 AND day < 180)"
        ),
        "ratio",
        -1,
        True,
        Words("付款频率变化", "change in payment rhythm"),
        words(
            "近 90 天付款次数是前 90 天的 {value}",
            "Payments in the last 90 days against the 90 before: {value}",
        ),
        _PAID,
        trend=False,
    ),
    FeatureSpec(
        "order_trend_year",
        _GROUP,
        "user",
        ratio("orders_180d", "(orders_365d - orders_180d)"),
        "ratio",
        -1,
        True,
        Words("付款频率变化（半年）", "change in payment rhythm over half-years"),
        words(
            "近半年付款次数是此前半年的 {value}",
            "Payments in the last half-year against the one before: {value}",
        ),
        _PAID,
        trend=False,
    ),
    FeatureSpec(
        "days_per_order",
        _GROUP,
        "user",
        ratio("days_since_first_payment", "orders_total"),
        "days",
        1,
        False,
        Words("平均多少天付款一次", "days per payment"),
        words(
            "从首次付款算起平均每 {value} 付款一次",
            "One payment every {value} since the first",
        ),
        _PAID,
    ),
    _gap(
        "median_payment_gap_days",
        "median(gap_days)",
        Words("平时付款间隔", "usual gap between payments"),
        "平时每隔 {value} 付款一次",
        "Usual gap between payments: {value}",
    ),
    _gap(
        "long_payment_gap_days",
        "percentile_cont(0.8) WITHIN GROUP (ORDER BY gap_days)",
        Words("较长的付款间隔", "a long gap between payments"),
        "每五次付款间隔里有一次超过 {value}",
        "One gap between payments in five is longer than {value}",
    ),
    _gap(
        "longest_payment_gap_days",
        "max(gap_days)",
        Words("最长付款间隔", "longest gap between payments"),
        "两次付款之间最长相隔 {value}",
        "Longest gap between payments: {value}",
    ),
    _gap(
        "last_payment_gap_days",
        "max(gap_days) FILTER (WHERE newest = 1)",
        Words("最近一次付款间隔", "gap before the last payment"),
        "最近一次付款与前一次相隔 {value}",
        "Gap before the last payment: {value}",
    ),
    FeatureSpec(
        "longer_payment_gaps_share",
        _GROUP,
        _OVER,
        ratio("count(*) FILTER (WHERE gap_days > silent_days)", "count(gap_days)"),
        "share",
        -1,
        True,
        Words("历史付款间隔不短于本次的占比", "share of payment gaps as long as this one"),
        words(
            "以往的付款间隔里不短于这次的占比：{value}",
            "Earlier gaps between payments as long as this one: {value}",
        ),
        _PAID,
    ),
    _silence(
        "payment_silence_ratio",
        "median_payment_gap_days",
        Words("付款间隔与平时之比", "time since payment against own rhythm"),
        "平时间隔",
        "the usual gap",
    ),
    _silence(
        "payment_silence_vs_longest",
        "longest_payment_gap_days",
        Words("付款间隔与最长间隔之比", "time since payment against longest gap"),
        "最长间隔",
        "the longest gap",
    ),
    _silence(
        "payment_silence_vs_span",
        "days_since_first_payment",
        Words("付款间隔与付款历史之比", "time since payment against its history"),
        "首次付款至今时长",
        "the time since the first",
    ),
    FeatureSpec(
        "last_payment_gap_ratio",
        _GROUP,
        "user",
        ratio("last_payment_gap_days", "median_payment_gap_days"),
        "ratio",
        1,
        True,
        Words("最近付款间隔与平时之比", "last payment gap against own rhythm"),
        words(
            "最近一次付款间隔是平时的 {value}",
            "The gap before the last payment against the usual one: {value}",
        ),
        _PAID,
    ),
    FeatureSpec(
        "payment_gap_unevenness",
        _GROUP,
        "user",
        ratio("long_payment_gap_days", "median_payment_gap_days"),
        "ratio",
        0,
        False,
        Words("付款间隔的不均匀程度", "unevenness of payments"),
        words(
            "自己较长的付款间隔是平时间隔的 {value}",
            "A long gap between payments against the usual one: {value}",
        ),
        _PAID,
    ),
    FeatureSpec(
        "lines_per_order",
        _GROUP,
        _OVER,
        ratio("CAST(sum(lines) AS BIGINT)", "count(*)"),
        "number",
        -1,
        True,
        Words("每次付款笔数", "items per order"),
        words("平均每个付款日付款 {value} 笔", "Payments on a day with a payment: {value}"),
        ("payments:lines",),
    ),
    FeatureSpec(
        "products_total",
        _GROUP,
        "bought_products",
        "count(*)",
        "count",
        -1,
        True,
        Words("购买过的产品数", "products bought"),
        words("购买过的产品种类数：{value}", "Different products bought: {value}"),
        ("payments:product",),
        absent=0,
    ),
    FeatureSpec(
        "new_products_180d",
        _GROUP,
        "bought_products",
        f"count(*) FILTER (WHERE first_age_s <= {180 * DAY_S})",
        "count",
        -1,
        True,
        Words("近180天首次购买产品数", "products first bought in 180 days"),
        words(
            "近 180 天第一次购买的产品种类数：{value}",
            "Products bought for the first time in 180 days: {value}",
        ),
        ("payments:product",),
        absent=0,
    ),
    FeatureSpec(
        "repeat_product_share",
        _GROUP,
        "bought_products",
        ratio("count(*) FILTER (WHERE times > 1)", "count(*)"),
        "share",
        -1,
        True,
        Words("复购产品占比", "share of products bought again"),
        words(
            "买过的产品里重复购买的占比：{value}",
            "Products bought more than once: {value}",
        ),
        ("payments:product",),
    ),
)

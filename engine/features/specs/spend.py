"""History of money: what was paid, how amounts change, tenure and activity so far."""

from __future__ import annotations

from engine.features.spec import FeatureSpec, between, days_since, money, ratio, within, words
from engine.types import Words

_GROUP = "history"
_PAID = "status = 'succeeded'"
_NEEDS = ("payments",)
_MEAN = ratio("CAST(sum(amount_u) AS BIGINT)", "count(*)")


def _paid(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"paid_{days}d",
        _GROUP,
        "known_payments",
        money(f"coalesce(sum(amount_u) FILTER (WHERE {_PAID} AND {within(days)}), 0)"),
        "money",
        -1,
        True,
        Words(f"近{days}天付款金额", f"paid in {days} days"),
        words(f"近 {days} 天付款 {{value}}", f"Paid in the last {days} days: {{value}}"),
        _NEEDS,
        absent=0,
    )


def _amount(name: str, expression: str, label: Words, zh: str, en: str) -> FeatureSpec:
    return FeatureSpec(
        name,
        _GROUP,
        "payment_days",
        money(expression),
        "money",
        0,
        False,
        label,
        words(zh, en),
        _NEEDS,
    )


SPECS: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "tenure_days",
        _GROUP,
        "known_users",
        days_since("tenure_s"),
        "days",
        -1,
        False,
        Words("注册天数", "days since sign-up"),
        words("注册至今 {value}", "Signed up {value} ago"),
        ("users:signed_up_at",),
    ),
    FeatureSpec(
        "days_to_first_payment",
        _GROUP,
        "user",
        "tenure_days - CAST(days_since_first_payment AS DOUBLE)",
        "days",
        0,
        False,
        Words("注册到首次付款", "sign-up to first payment"),
        words("注册后 {value} 第一次付款", "From sign-up to the first payment: {value}"),
        ("users:signed_up_at", "payments"),
    ),
    FeatureSpec(
        "events_total",
        _GROUP,
        "known_events",
        "count(*)",
        "count",
        -1,
        False,
        Words("累计行为次数", "actions so far"),
        words("累计行为次数：{value}", "Actions so far: {value}"),
        ("events",),
        absent=0,
    ),
    FeatureSpec(
        "first_activity_days",
        _GROUP,
        "known_events",
        days_since("max(age_s)"),
        "days",
        -1,
        False,
        Words("首次活动至今天数", "days since first activity"),
        words("首次活动至今 {value}", "Time since the first activity: {value}"),
        ("events",),
    ),
    FeatureSpec(
        "activity_vs_own_history",
        _GROUP,
        "user",
        ratio(
            "CAST(events_28d AS DOUBLE) * first_activity_days",
            "events_total * 28",
        ),
        "ratio",
        -1,
        True,
        Words("近期行为与历史水平之比", "recent actions against own history"),
        words(
            "最近 28 天的行为次数是自己历史水平的 {value}",
            "Actions of the last 28 days against the user's average: {value}",
        ),
        ("events",),
        trend=False,
    ),
    FeatureSpec(
        "paid_total",
        _GROUP,
        "known_payments",
        money(f"coalesce(sum(amount_u) FILTER (WHERE {_PAID}), 0)"),
        "money",
        -1,
        False,
        Words("累计付款金额", "paid so far"),
        words("累计付款 {value}", "Paid so far: {value}"),
        _NEEDS,
        absent=0,
    ),
    *(_paid(days) for days in (30, 90, 180, 365)),
    FeatureSpec(
        "paid_trend",
        _GROUP,
        "known_payments",
        ratio(
            f"coalesce(sum(amount_u) FILTER (WHERE {_PAID} AND {within(90)}), 0)",
            f"sum(amount_u) FILTER (WHERE {_PAID} AND {between(90, 180)})",
        ),
        "ratio",
        -1,
        True,
        Words("付款金额变化", "change in amounts paid"),
        words(
            "近 90 天付款金额是前 90 天的 {value}",
            "Paid in the last 90 days against the 90 before: {value}",
        ),
        _NEEDS,
        trend=False,
    ),
    FeatureSpec(
        "mean_amount",
        "price",
        "payment_days",
        money(_MEAN),
        "money",
        0,
        False,
        Words("平均付款金额", "average amount paid"),
        words("平均每次付款 {value}", "Average payment: {value}"),
        _NEEDS,
    ),
    _amount(
        "first_amount",
        "max(amount_u) FILTER (WHERE gap_days IS NULL)",
        Words("首次付款金额", "first amount paid"),
        "首次付款 {value}",
        "First amount paid: {value}",
    ),
    _amount(
        "last_amount",
        "max(amount_u) FILTER (WHERE newest = 1)",
        Words("最近一次付款金额", "last amount paid"),
        "最近一次付款 {value}",
        "Last amount paid: {value}",
    ),
    _amount(
        "largest_amount",
        "max(amount_u)",
        Words("最大付款金额", "largest amount paid"),
        "最大一次付款 {value}",
        "Largest amount paid: {value}",
    ),
    FeatureSpec(
        "last_amount_ratio",
        "price",
        "payment_days",
        ratio("max(amount_u) FILTER (WHERE newest = 1)", _MEAN),
        "ratio",
        0,
        True,
        Words("最近一次金额与平时之比", "last amount against own average"),
        words(
            "最近一次付款是自己平均金额的 {value}",
            "The last payment against the user's average: {value}",
        ),
        _NEEDS,
    ),
    FeatureSpec(
        "recent_amount_ratio",
        "price",
        "payment_days",
        ratio(
            ratio(
                "CAST(sum(amount_u) FILTER (WHERE newest <= 3) AS BIGINT)",
                "count(*) FILTER (WHERE newest <= 3)",
            ),
            _MEAN,
        ),
        "ratio",
        -1,
        True,
        Words("最近三次金额与平时之比", "last three amounts against own average"),
        words(
            "最近三次付款的平均金额是自己平均的 {value}",
            "The last three payments against the user's average: {value}",
        ),
        _NEEDS,
    ),
    FeatureSpec(
        "last_vs_first_amount",
        "price",
        "user",
        ratio("last_amount", "first_amount"),
        "ratio",
        0,
        True,
        Words("最近与首次金额之比", "last amount against the first"),
        words(
            "最近一次付款是首次付款的 {value}",
            "The last payment against the first: {value}",
        ),
        _NEEDS,
    ),
)

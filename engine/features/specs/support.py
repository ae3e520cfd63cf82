"""Trouble with support: tickets, waiting, repeated tickets, refunds, failed logins."""

from __future__ import annotations

from engine.features.spec import DAY_S, FeatureSpec, days_since, ratio, summed, within, words
from engine.types import Words

_GROUP = "support_trouble"
_TICKET = "channel = 'ticket'"
_OPEN = f"{_TICKET} AND resolved_age_s IS NULL"
_REFUND = "status = 'refunded'"
_PAID = "status = 'succeeded'"
_TICKETS = ("messages:ticket",)
_REFUNDS = ("payments:refunded",)


def _tickets(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"tickets_{days}d",
        _GROUP,
        "known_messages",
        f"count(*) FILTER (WHERE {_TICKET} AND {within(days)})",
        "count",
        1,
        True,
        Words(f"近{days}天工单数", f"tickets in {days} days"),
        words(
            f"近 {days} 天提交的工单数：{{value}}",
            f"Support tickets in the last {days} days: {{value}}",
        ),
        _TICKETS,
        absent=0,
    )


def _failed_logins(days: int) -> FeatureSpec:
    return FeatureSpec(
        f"failed_logins_{days}d",
        _GROUP,
        "event_days",
        summed("failed_logins", days),
        "count",
        1,
        True,
        Words(f"近{days}天登录失败次数", f"failed logins in {days} days"),
        words(
            f"最近 {days} 天登录失败次数：{{value}}",
            f"Failed logins in the last {days} days: {{value}}",
        ),
        ("events:login_failed",),
        absent=0,
    )


SPECS: tuple[FeatureSpec, ...] = (
    _tickets(30),
    _tickets(90),
    _tickets(365),
    FeatureSpec(
        "days_since_ticket",
        _GROUP,
        "known_messages",
        days_since(f"min(age_s) FILTER (WHERE {_TICKET})"),
        "days",
        -1,
        True,
        Words("距上次工单天数", "days since last ticket"),
        words("距上次提交工单 {value}", "Time since the last ticket: {value}"),
        _TICKETS,
    ),
    FeatureSpec(
        "open_tickets",
        _GROUP,
        "known_messages",
        f"count(*) FILTER (WHERE {_OPEN})",
        "count",
        1,
        True,
        Words("未解决工单数", "unresolved tickets"),
        words("尚未解决的工单数：{value}", "Tickets still unresolved: {value}"),
        _TICKETS,
        absent=0,
    ),
    FeatureSpec(
        "overdue_tickets",
        _GROUP,
        "known_messages",
        f"count(*) FILTER (WHERE {_OPEN} AND age_s > {3 * DAY_S} AND {within(180)})",
        "count",
        1,
        True,
        Words("超过三天未解决工单数", "tickets unresolved for three days"),
        words(
            "提交三天以上仍未解决的工单数（近 180 天）：{value}",
            "Tickets of the last 180 days open for over three days: {value}",
        ),
        _TICKETS,
        absent=0,
    ),
    FeatureSpec(
        "longest_wait_days",
        _GROUP,
        "known_messages",
        days_since(f"max(age_s) FILTER (WHERE {_OPEN} AND {within(180)})"),
        "days",
        1,
        True,
        Words("工单等待天数", "days a ticket has waited"),
        words("未解决的工单已等待 {value}", "A ticket has been waiting for {value}"),
        _TICKETS,
    ),
    FeatureSpec(
        "mean_solve_days",
        _GROUP,
        "known_messages",
        ratio(
            ratio(
                f"CAST(sum(solved_s) FILTER (WHERE {_TICKET}) AS BIGINT)",
                f"count(solved_s) FILTER (WHERE {_TICKET})",
            ),
            DAY_S,
        ),
        "days",
        1,
        True,
        Words("工单平均解决时长", "average time to solve a ticket"),
        words("工单平均 {value} 解决", "Average time until a ticket was solved: {value}"),
        ("messages:ticket", "messages:resolved"),
    ),
    FeatureSpec(
        "repeated_tickets_180d",
        _GROUP,
        "known_messages",
        f"count(*) FILTER (WHERE {_TICKET} AND gap_s <= {14 * DAY_S} AND {within(180)})",
        "count",
        1,
        True,
        Words("近180天重复工单数", "repeated tickets in 180 days"),
        words(
            "近 180 天里两周内再次提交的工单数：{value}",
            "Repeated tickets (within two weeks) in the last 180 days: {value}",
        ),
        _TICKETS,
        absent=0,
    ),
    FeatureSpec(
        "refunds_180d",
        _GROUP,
        "known_payments",
        f"count(*) FILTER (WHERE {_REFUND} AND {within(180)})",
        "count",
        1,
        True,
        Words("近180天退款次数", "refunds in 180 days"),
        words("近 180 天退款次数：{value}", "Refunds in the last 180 days: {value}"),
        _REFUNDS,
        absent=0,
    ),
    FeatureSpec(
        "refunds_total",
        _GROUP,
        "known_payments",
        f"count(*) FILTER (WHERE {_REFUND})",
        "count",
        0,
        False,
        Words("累计退款次数", "refunds so far"),
        words("累计退款次数：{value}", "Refunds so far: {value}"),
        _REFUNDS,
        absent=0,
    ),
    FeatureSpec(
        "days_since_refund",
        _GROUP,
        "known_payments",
        days_since(f"min(age_s) FILTER (WHERE {_REFUND})"),
        "days",
        -1,
        True,
        Words("距上次退款天数", "days since last refund"),
        words("距上次退款 {value}", "Time since the last refund: {value}"),
        _REFUNDS,
    ),
    FeatureSpec(
        "refund_share_365d",
        _GROUP,
        "known_payments",
        ratio(
            f"coalesce(sum(amount_u) FILTER (WHERE {_REFUND} AND {within(365)}), 0)",
            f"sum(amount_u) FILTER (WHERE {_PAID} AND {within(365)})",
        ),
        "share",
        1,
        True,
        Words("近365天退款金额占比", "share of money refunded in 365 days"),
        words(
            "近 365 天退款占付款金额的 {value}",
            "Refunded part of the last 365 days' payments: {value}",
        ),
        _REFUNDS,
    ),
    FeatureSpec(
        "paid_since_refund",
        _GROUP,
        "known_payments",
        # Missing without a refund: the question does not arise.
        f"CASE WHEN count(*) FILTER (WHERE {_REFUND}) > 0 THEN CASE WHEN "
        f"min(age_s) FILTER (WHERE {_PAID}) < min(age_s) FILTER (WHERE {_REFUND}) "
        "THEN 1 ELSE 0 END END",
        "flag",
        -1,
        True,
        Words("退款后又付款", "paid again after a refund"),
        words("上次退款之后是否又付过款：{value}", "Paid again after the last refund: {value}"),
        _REFUNDS,
    ),
    _failed_logins(7),
    _failed_logins(28),
)

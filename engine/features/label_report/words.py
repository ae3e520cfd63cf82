"""A churn rule in sentences."""

from __future__ import annotations

from engine.timeline import ChurnRule
from engine.types import Words


def rule_words(rule: ChurnRule) -> tuple[Words, ...]:
    """Who is scored, who leaves, and every parameter that bends the rule."""
    return tuple(
        words
        for words in (
            _scored(rule),
            _leaves(rule),
            _grace(rule),
            _refunds(rule),
            *_left_out(rule),
            *_minimum(rule),
        )
        if words is not None
    )


def _scored(rule: ChurnRule) -> Words:
    days = rule.active_within_days
    if rule.kind == "inactive":
        kinds_zh = f"（{'、'.join(rule.kinds)}）" if rule.kinds else ""
        kinds_en = f" ({', '.join(rule.kinds)})" if rule.kinds else ""
        return Words(
            f"评分对象：截止前 {days} 天内有行为{kinds_zh}的用户",
            f"Scored: users with an event{kinds_en} in the {days} days before the cutoff",
        )
    if rule.kind == "no_payment":
        tried = "failed" in rule.statuses
        return Words(
            f"评分对象：截止前 {days} 天内有付款{'（含失败的）' if tried else ''}的用户",
            f"Scored: users with a payment{' (failed ones too)' if tried else ''} in the {days} "
            "days before the cutoff",
        )
    if rule.kind == "lapsed":
        return Words("评分对象：截止时订阅有效的用户", "Scored: users whose subscription runs")
    return Words("评分对象：有给定标签的用户", "Scored: users with a given label")


def _leaves(rule: ChurnRule) -> Words:
    if rule.kind == "label":
        return Words("流失：以给定标签为准", "Churned: as the given label says")
    lead, horizon = rule.lead_days, rule.horizon_days
    window = Words(
        f"截止后第 {lead} 至 {lead + horizon} 天",
        f"days {lead} to {lead + horizon} after the cutoff",
    )
    if rule.kind == "lapsed":
        return Words(
            f"流失：到截止后第 {lead + horizon} 天已没有有效的订阅",
            f"Churned: no subscription runs {lead + horizon} days after the cutoff",
        )
    if rule.kind == "inactive":
        return Words(f"流失：{window.zh}内没有行为", f"Churned: no event in {window.en}")
    return Words(f"流失：{window.zh}内没有付款", f"Churned: no payment in {window.en}")


def _grace(rule: ChurnRule) -> Words | None:
    days = rule.grace_days
    if not days or rule.kind == "label":
        return None
    if rule.kind == "lapsed":
        return Words(
            f"宽限：{days} 天内续订视为未中断", f"Grace: a renewal within {days} days is no break"
        )
    return Words(
        f"宽限：窗口之后 {days} 天内回来仍算留存",
        f"Grace: a return within {days} days after the window still counts as staying",
    )


def _refunds(rule: ChurnRule) -> Words | None:
    if rule.kind not in ("no_payment", "lapsed"):
        return None
    if rule.refunds_undo:
        return Words("退款使付款作废", "A refund undoes its payment")
    return Words("不看退款", "Refunds are not looked at")


def _left_out(rule: ChurnRule) -> tuple[Words, ...]:
    if rule.kind == "label":
        return ()
    return (
        Words("试用用户：计入", "Trial users: scored")
        if rule.include_trials
        else Words("试用用户：不计入", "Trial users: left out"),
        Words("暂停中的用户：计入", "Users on pause: scored")
        if rule.include_paused
        else Words("暂停中的用户：不计入", "Users on pause: left out"),
    )


def _minimum(rule: ChurnRule) -> tuple[Words | None, ...]:
    history, payments = rule.minimum_history_days, rule.minimum_payments
    return (
        Words(f"至少注册 {history} 天", f"Signed up at least {history} days before")
        if history
        else None,
        Words(f"至少 {payments} 次付款", f"At least {payments} payments before")
        if payments
        else None,
    )

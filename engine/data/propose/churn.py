"""Which churn rule the tables suggest, and a horizon that the history can bear."""

from __future__ import annotations

from collections.abc import Mapping

from engine.data.propose.guess import TableGuess

RULES = {
    "lapsed": ("subscriptions", 14, 30, 30, 14),
    "inactive": ("events", 7, 28, 28, 0),
    "no_payment": ("payments", 0, 90, 365, 0),
}
"""Rule -> the table it reads; lead, horizon, active within, grace: the usual of the trade, days."""

WORDS = {
    "lapsed": "会员或合同到期未续 the subscription ends and none follows",
    "inactive": "窗口内没有任何行为 no event in the window",
    "no_payment": "窗口内没有成功付款 no succeeded payment in the window",
}


def churn_lines(found: Mapping[str, TableGuess]) -> list[str]:
    """The section [churn]: events if there are any, else terms that lapse, else orders."""
    order = ("inactive", "lapsed", "no_payment")
    if _shop(found):
        order = ("no_payment", "inactive", "lapsed")
    rule = next((name for name in order if RULES[name][0] in found), "inactive")
    _, lead, horizon, active, grace = RULES[rule]
    others = [name for name in order if name != rule and RULES[name][0] in found]
    lines = [
        f"# 流失：{WORDS[rule]}",
        *(f'# 也可以 or: rule = "{name}"  {WORDS[name]}' for name in others),
        "[churn]",
        f'rule = "{rule}"',
        f"lead_days = {lead}",
        "# 请按业务节奏修改 set it to your rhythm, see: retention labels",
        f"horizon_days = {horizon}",
        f"active_within_days = {active}",
    ]
    return [*lines, f"grace_days = {grace}"] if grace else lines


def _shop(found: Mapping[str, TableGuess]) -> bool:
    """Orders and no contract: the next order is what keeps such a business alive."""
    payments = found.get("payments")
    return (
        "subscriptions" not in found
        and payments is not None
        and bool(payments.theirs.words & {"orders", "order", "purchases", "purchase", "订单"})
    )

"""A user without a risk is told why, by every rule; what is said is true of the eligible too."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import duckdb
import pytest

from engine.data.contract import behaviour_sql
from engine.profile.unscored import why_unscored
from engine.timeline import ChurnRule

CUTOFF = datetime(2026, 3, 1)
INACTIVE = ChurnRule("inactive", horizon_days=28, active_within_days=28)
NO_PAYMENT = replace(INACTIVE, kind="no_payment")
LAPSED = replace(INACTIVE, kind="lapsed")


def ago(days: float) -> datetime:
    return CUTOFF - timedelta(days=days)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(behaviour_sql())
    users = [("silent", 400), ("never", 400), ("later", -3), ("new", 5), ("active", 400)]
    for user_id, days in users:
        connection.execute(
            "INSERT INTO users (user_id, signed_up_at) VALUES (?, ?)", [user_id, ago(days)]
        )
    for number, (user_id, days, kind) in enumerate(
        [("silent", 45, "play"), ("new", 2, "play"), ("active", 2, "play"), ("active", 50, "read")]
    ):
        connection.execute(
            "INSERT INTO events (event_id, user_id, occurred_at, known_at, kind) "
            "VALUES (?, ?, ?, ?, ?)",
            [f"e{number}", user_id, ago(days), ago(days), kind],
        )
    connection.execute(
        "INSERT INTO payments (payment_id, user_id, occurred_at, known_at, amount, status) "
        "VALUES ('p1', 'silent', ?, ?, 30, 'succeeded')",
        [ago(60), ago(60)],
    )
    connection.execute(
        "INSERT INTO subscriptions (subscription_id, user_id, plan, started_at, ends_at, known_at) "
        "VALUES ('s1', 'silent', 'month', ?, ?, ?)",
        [ago(90), ago(60), ago(90)],
    )
    return connection


@pytest.mark.parametrize(
    ("rule", "user_id", "zh", "en"),
    [
        (INACTIVE, "silent", "最近一次活动在 45 天前", "Last active 45 days before"),
        (INACTIVE, "never", "没有任何活动记录", "No activity is known before"),
        (INACTIVE, "later", "2026-03-04 才注册", "Signed up on 2026-03-04, after the scoring"),
        (replace(INACTIVE, kinds=("read",)), "active", "50 天前", "Last active 50 days before"),
        (replace(INACTIVE, minimum_history_days=30), "new", "满 30 天", "scored 30 days after"),
        (replace(INACTIVE, minimum_payments=2), "active", "满 2 次", "Payments known: 0"),
        (NO_PAYMENT, "silent", "最近一次付款在 60 天前", "Last paid 60 days before"),
        (NO_PAYMENT, "active", "没有任何付款记录", "No payment is known before"),
        (LAPSED, "silent", "2025-12-31 到期", "Membership ended on 2025-12-31"),
        (LAPSED, "active", "没有会员记录", "No membership is known before"),
        (replace(INACTIVE, kind="label"), "active", "标签", "no label for this user"),
        # nothing speaks against this user: left out on trial or on pause, or loaded since
        (INACTIVE, "active", "不符合流失规则", "run `retention score` again"),
    ],
)
def test_the_rule_says_why(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, user_id: str, zh: str, en: str
) -> None:
    said = why_unscored(connection, rule, CUTOFF, user_id)
    assert zh in said.zh
    assert en in said.en

"""Features of four users computed by hand from rows that can be read in one look."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import pytest

from engine.features.build import build_frame
from engine.timeline import ChurnRule

Moment = Callable[..., datetime]
Row = Callable[[str], dict[str, float]]


@pytest.fixture
def row(
    open_world: Callable[..., duckdb.DuckDBPyConnection],
    inactive: ChurnRule,
    cutoff: datetime,
    before: Moment,
) -> Row:
    """row(user): the user's features by name.

    ann learns and pays; ben is silent and has a failed payment; cid has only a late event and one
    from the future; dee signed up but never came.
    """
    users = pd.DataFrame(
        {
            "user_id": ["ann", "ben", "cid", "dee"],
            "signed_up_at": [before(days=100), before(days=50, hours=12), before(days=40), None],
        }
    )
    event_rows = [
        # user, occurred, known, kind, content, duration, value
        ("ann", before(days=90), before(days=90), "lesson_started", "c1", 600.0, 0.25),
        ("ann", before(days=30), before(days=30), "lesson_finished", "c1", 1200.0, 1.0),
        ("ann", before(days=28), before(days=28), "lesson_started", "c2", 300.5, 0.5),
        ("ann", before(days=7, hours=1), before(days=7, hours=1), "app_open", None, None, None),
        ("ann", before(days=7), before(days=7), "search", None, None, None),
        ("ann", before(hours=36), before(hours=36), "column_read", "c1", 90.0, 0.75),
        ("ben", before(days=40), before(days=40), "app_open", None, None, None),
        ("ben", before(days=36), before(days=36), "cancel_page_viewed", None, None, None),
        ("ben", before(days=34), before(days=34), "login_failed", None, None, None),
        ("cid", before(days=20), before(days=20), "app_open", None, None, None),
        ("cid", before(days=2), before(days=-1), "app_open", None, None, None),
        ("cid", before(days=-3), before(days=-3), "app_open", None, None, None),
    ]
    names = ["user_id", "occurred_at", "known_at", "kind", "content_id", "duration_s", "value"]
    events = pd.DataFrame(event_rows, columns=names)
    events["event_id"] = [f"e{n}" for n in range(len(events))]
    payments = pd.DataFrame(
        [
            ("p1", "ann", before(days=95), 30.1, "succeeded", "c1", None),
            ("p2", "ann", before(days=65), 20.2, "succeeded", "title:c3", "TEN"),
            ("p3", "ann", before(days=65), 9.7, "succeeded", "monthly", None),
            ("p4", "ann", before(days=5), 60.0, "refunded", "monthly", None),
            ("p5", "ben", before(days=45), 15.0, "succeeded", "monthly", None),
            ("p6", "ben", before(days=10), 15.0, "failed", "monthly", None),
        ],
        columns=[
            "payment_id",
            "user_id",
            "occurred_at",
            "amount",
            "status",
            "product",
            "coupon_code",
        ],
    )
    payments["known_at"] = payments["occurred_at"]
    terms = pd.DataFrame(
        [
            ("s1", "ann", "monthly", before(days=60), before(days=30), None, True, 20.0),
            (
                "s2",
                "ann",
                "monthly",
                before(days=20),
                before(days=-10),
                before(days=-2),
                False,
                30.0,
            ),
            ("s3", "ben", "monthly", before(days=45), before(days=15), before(days=25), True, 20.0),
        ],
        columns=[
            "subscription_id",
            "user_id",
            "plan",
            "started_at",
            "ends_at",
            "cancelled_at",
            "auto_renew",
            "price",
        ],
    )
    terms["known_at"] = terms["started_at"]
    contents = pd.DataFrame(
        {
            "content_id": ["c1", "c2", "c3", "c4", "c5"],
            "topic": ["history", "science", "history", "history", "history"],
            "published_at": [
                before(days=300),
                before(days=300),
                before(days=200),
                before(days=50),
                before(days=-5),
            ],
        }
    )
    messages = pd.DataFrame(
        [
            ("m1", "ann", before(days=60), "ticket", None, before(days=58)),
            ("m2", "ann", before(days=12), "ticket", None, before(days=-1)),
            ("m3", "ann", before(days=50), "review", 5.0, None),
            ("m4", "ann", before(days=49), "review", 2.0, None),
        ],
        columns=["message_id", "user_id", "occurred_at", "channel", "rating", "resolved_at"],
    )
    messages["known_at"] = messages["occurred_at"]
    connection = open_world(
        {
            "users": users,
            "events": events,
            "payments": payments,
            "subscriptions": terms,
            "contents": contents,
            "messages": messages,
        }
    )
    frame = build_frame(connection, inactive, cutoff)
    assert list(frame.user_ids) == ["ann", "ben", "cid"]
    table = {
        user: dict(zip(frame.columns, (float(x) for x in values), strict=True))
        for user, values in zip(frame.user_ids, frame.values, strict=True)
    }
    return table.__getitem__


def near(value: float) -> object:
    return pytest.approx(value, rel=1e-6)


def test_recency_and_windows_are_half_open(row: Row) -> None:
    ann = row("ann")
    assert ann["days_since_activity"] == 1.5
    assert ann["days_since_learning"] == 1.5
    # [c - 7 d, c) holds the search exactly 7 days before, not the visit an hour earlier.
    assert (ann["events_7d"], ann["events_28d"]) == (2, 4)
    assert ann["learning_28d"] == 2
    assert (ann["active_days_7d"], ann["active_days_28d"], ann["active_days_90d"]) == (2, 4, 6)


def test_the_users_own_rhythm(row: Row) -> None:
    ann = row("ann")  # active days: 89, 29, 27, 7, 6, 1 whole days before
    assert ann["longest_gap_days"] == 60
    assert ann["median_gap_days"] == 5  # gaps 60, 2, 20, 1, 5
    assert ann["silence_ratio"] == near(0.3)
    assert ann["mean_gap_days_90d"] == near((60 + 2 + 20 + 1 + 5) / 5)
    assert ann["long_gap_days"] == near(20 + 0.2 * 40)  # a fifth of the way from 20 to 60
    assert ann["silence_vs_mean"] == near(1.5 / 17.6)
    assert ann["silence_vs_longest"] == near(0.025)
    assert ann["longer_gaps_share"] == near(4 / 5)
    assert ann["activity_trend"] == near(4 * 2 / 1)
    assert ann["activity_trend_week"] == near(2 * 4 / 4)
    assert ann["mean_activity_age_28d"] == near((27 + 7 + 6 + 1) / 4)
    ben = row("ben")  # days 39, 35, 33: silent for 33, gaps 4 and 2
    assert ben["silence_ratio"] == near(34 / 3)
    assert ben["longer_gaps_share"] == 0
    assert math.isnan(row("cid")["silence_ratio"])


def test_time_spent(row: Row) -> None:
    ann = row("ann")
    assert ann["minutes_28d"] == near((300.5 + 90) / 60)
    assert ann["minutes_trend"] == near(390.5 * 2 / 1200)
    assert row("ben")["minutes_28d"] == 0
    assert math.isnan(row("ben")["minutes_trend"])


def test_late_and_future_rows_are_unseen(row: Row) -> None:
    cid = row("cid")
    assert cid["days_since_activity"] == 20
    assert cid["events_total"] == 1


def test_value_that_is_taken(row: Row) -> None:
    ann = row("ann")
    assert ann["completion_share"] == 0.5  # c1 finished, c2 not
    assert ann["unfinished_90d"] == 1
    assert ann["finished_28d"] == 0
    assert ann["days_since_finished"] == 30
    assert ann["progress_28d"] == near((0.5 + 0.75) / 2)
    # The running term is 20 days old; it saw use on three days.
    assert ann["term_unused_share"] == near(1 - 3 / 20)
    assert ann["bought_unopened"] == 1  # title:c3
    assert ann["spend_per_active_day_90d"] == near((20.2 + 9.7) / 7)
    assert math.isnan(row("ben")["term_unused_share"])


def test_content_that_runs_out(row: Row) -> None:
    ann = row("ann")
    assert (ann["contents_90d"], ann["topics_90d"], ann["new_contents_28d"]) == (2, 2, 1)
    # One content each of history and science: the first by name; c5 is not published yet.
    assert ann["favourite_topic_done_share"] == near(1 / 3)
    assert ann["favourite_topic_unseen"] == 2
    assert ann["favourite_topic_fresh_60d"] == 1
    assert row("ben")["contents_90d"] == 0
    assert ann["topic_concentration"] == near(3 / 4)
    assert ann["search_share_28d"] == near(1 / 4)


def test_payments(row: Row) -> None:
    ann, ben = row("ann"), row("ben")
    assert ann["paid_total"] == near(60.0)
    assert ann["paid_90d"] == near(29.9)
    assert ann["orders_total"] == 2  # two lines of one day are one
    assert ann["mean_amount"] == near(30.0)
    assert ann["last_amount_ratio"] == near(29.9 / 30)
    assert ann["days_since_payment"] == 65
    assert ann["median_payment_gap_days"] == 30
    assert ann["payment_silence_ratio"] == near(65 / 30)
    assert ann["coupon_share"] == near(1 / 3)
    assert ann["refunds_180d"] == 1
    assert (ann["last_payment_failed"], ben["last_payment_failed"]) == (0, 1)
    assert (ben["failed_payments_30d"], ben["days_since_failure"]) == (1, 10)


def test_terms_as_they_stood_at_the_cutoff(row: Row) -> None:
    ann, ben, cid = row("ann"), row("ben"), row("cid")
    assert (ann["has_plan"], ben["has_plan"], cid["has_plan"]) == (1, 0, 0)
    assert ann["days_to_expiry"] == 10
    assert ben["days_without_plan"] == 15
    # Cancelled two days after the cutoff: at the cutoff the renewal was still on.
    assert (ann["cancelled"], ann["auto_renew_off"]) == (0, 0)
    assert math.isnan(ann["days_since_cancelled"])
    assert ben["days_since_cancelled"] == 25
    assert ann["price_per_month"] == near(30.0)
    assert ann["price_change"] == near(1.5)
    assert ann["term_elapsed_share"] == near(20 / 30)
    assert (ann["terms"], cid["terms"]) == (2, 0)


def test_support_as_it_stood_at_the_cutoff(row: Row) -> None:
    ann = row("ann")
    assert (ann["tickets_90d"], ann["open_tickets"], ann["longest_wait_days"]) == (2, 1, 12)
    assert ann["last_rating"] == 2
    assert ann["mean_rating"] == 3.5
    assert ann["low_ratings_90d"] == 1
    assert math.isnan(row("ben")["last_rating"])


def test_history_and_season(row: Row) -> None:
    assert row("ann")["tenure_days"] == 100
    assert row("ben")["tenure_days"] == 50.5
    turn = 2 * np.pi * 60 / 365.25  # 1 March
    assert row("ann")["season_sine"] == near(np.sin(turn))
    assert row("cid")["season_cosine"] == near(np.cos(turn))
    assert row("cid")["week_day"] == 7

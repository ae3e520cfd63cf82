"""Every family of features once more in plain Python, over small random worlds, to the last bit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.features.catalogue import specs_named
from engine.features.compile import compile_features
from engine.features.spec import KINDS

Open = Callable[..., duckdb.DuckDBPyConnection]
Value = float | int | bool | None
Expected = dict[str, dict[str, Value]]
"""user -> feature -> value."""

DAY = 86_400
USERS = ("ann", "ben", "cid", "dee", "eve", "fay")
EDGES = (1, 3, 7, 14, 28, 30, 60, 84, 90, 180, 365)
"""Days at which some window ends: ages fall on them, a second before and a second after."""

worlds = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
seeds = st.integers(0, 2**32 - 1)


def ages(rng: np.random.Generator, count: int, most_days: int) -> list[int]:
    """Whole seconds before the cutoff, many of them at the edge of a window."""
    edges = np.array([days for days in EDGES if days <= most_days]) * DAY
    near = rng.choice(edges, count) + rng.integers(-1, 2, count)
    anywhere = rng.integers(1, most_days * DAY, count)
    return [int(age) for age in np.where(rng.random(count) < 0.3, near, anywhere)]


def measured(
    connection: duckdb.DuckDBPyConnection, cutoff: datetime, names: Sequence[str]
) -> dict[str, dict[str, float]]:
    sql = compile_features(specs_named(names), frozenset({"subscriptions"}))
    found = connection.execute(sql, {"cutoff": cutoff}).fetchnumpy()
    return {
        user: {
            name: float(np.ma.filled(found[name].astype(np.float64), np.nan)[row]) for name in names
        }
        for row, user in enumerate(found["user_id"])
    }


def agree(connection: duckdb.DuckDBPyConnection, cutoff: datetime, expected: Expected) -> None:
    names = sorted({name for row in expected.values() for name in row})
    got = measured(connection, cutoff, names)
    for user, row in expected.items():
        for name, value in row.items():
            wanted = np.float32(np.nan if value is None else value)
            assert np.array_equal(np.float32(got[user][name]), wanted, equal_nan=True), (
                f"{name} of {user}: {got[user][name]} and not {wanted}"
            )


def ratio(numerator: Value, denominator: Value) -> float | None:
    return float(numerator) / float(denominator) if numerator is not None and denominator else None


def quantile(values: Sequence[int], share: float) -> float | None:
    if not values:
        return None
    return float(np.quantile(np.array(values, dtype=np.float64), share))


def most(values: Sequence[Any]) -> Any:
    return max(values, default=None)


def least(values: Sequence[Any]) -> Any:
    return min(values, default=None)


def days_of(age_s: int | None) -> float | None:
    return ratio(age_s, DAY)


def opened(open_world: Open, cutoff: datetime, table: str, rows: list[dict[str, Any]]) -> Any:
    """A world of `USERS` with one table; `age` (seconds) becomes `occurred_at`."""
    users = pd.DataFrame({"user_id": USERS, "signed_up_at": cutoff - timedelta(days=900)})
    frame = pd.DataFrame(rows)
    for name in [name for name in frame if name.endswith("age")]:
        column = "occurred_at" if name == "age" else name.removesuffix("_age") + "_at"
        frame[column] = [
            pd.NaT if age is None or age != age else cutoff - timedelta(seconds=float(age))
            for age in frame.pop(name)
        ]
    start = "started_at" if table == "subscriptions" else "occurred_at"
    frame["known_at"] = frame[start]
    frame[f"{table.removesuffix('s')}_id"] = [f"{n:04d}" for n in range(len(frame))]
    return open_world({"users": users, table: frame})


@worlds
@given(seed=seeds)
def test_use_over_time(open_world: Open, cutoff: datetime, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        {
            "user_id": rng.choice(USERS),
            "age": age,
            "kind": rng.choice(["app_open", "lesson_started", "favourite", "search"]),
            "device": rng.choice(["phone", "web"]),
            "duration_s": float(rng.integers(0, 900)) / 4,
            "value": None if rng.random() < 0.3 else float(rng.integers(-40, 400)) / 8,
        }
        for age in ages(rng, 150, 200)
    ]
    expected: Expected = {}
    for user in USERS:
        mine = [row for row in rows if row["user_id"] == user]
        expected[user] = {**use(mine), **usage(mine), **rhythm(mine, cutoff)}
    agree(opened(open_world, cutoff, "events", rows), cutoff, expected)


def use(mine: list[dict[str, Any]]) -> dict[str, Value]:
    def events(days: int, kinds: Sequence[str] = ()) -> list[dict[str, Any]]:
        return [
            row for row in mine if row["age"] <= days * DAY and (not kinds or row["kind"] in kinds)
        ]

    def minutes(days: int) -> float:
        return sum(round(row["duration_s"] * 1000) for row in events(days)) / 60_000

    def active(days: int) -> int:
        return len({(row["age"] - 1) // DAY for row in events(days)})

    found: dict[str, Value] = {
        "kinds_28d": len({row["kind"] for row in events(28)}),
        "devices_28d": len({row["device"] for row in events(28)}),
        "learning_trend": ratio(
            90 * len(events(28, KINDS["learning"])), 28 * len(events(90, KINDS["learning"]))
        ),
        "events_trend_week": ratio(4 * len(events(7)), len(events(28))),
        "minutes_trend_week": ratio(minutes(7) * 4, minutes(28)),
        "activity_trend_days": ratio(active(3) * 14, active(14) * 3),
        "activity_trend_quarter": ratio(active(90), active(180) - active(90)),
        "intensity_trend": ratio(len(events(28)) * active(90), len(events(90)) * active(28)),
        "minutes_per_active_day_28d": ratio(minutes(28), active(28)),
        "warm_actions_90d": len(events(90, KINDS["warm"])),
    }
    for days in (7, 14, 28, 60, 90):
        found[f"events_{days}d"] = len(events(days))
        found[f"learning_{days}d"] = len(events(days, KINDS["learning"]))
        found[f"minutes_{days}d"] = minutes(days)
    return found | {f"active_days_{days}d": active(days) for days in (3, 7, 14, 28, 60, 90, 180)}


def usage(mine: list[dict[str, Any]]) -> dict[str, Value]:
    def values(newer: int, older: int) -> list[int]:
        return [
            round(row["value"] * 1000)
            for row in mine
            if newer * DAY < row["age"] <= older * DAY
            and row["value"] is not None
            and row["kind"] not in KINDS["learning"]
        ]

    month, quarter, before = values(0, 28), values(0, 90), values(28, 84)
    return {
        "usage_28d": sum(month) / 1000,
        "usage_trend": ratio(sum(month) * 2.0 if month else None, sum(before)),
        "usage_mean_28d": ratio(ratio(sum(month), len(month)), 1000),
        "usage_mean_ratio": ratio(ratio(sum(month), len(month)), ratio(sum(quarter), len(quarter))),
        "usage_lowest_28d": ratio(least(month), 1000),
    }


def rhythm(mine: list[dict[str, Any]], cutoff: datetime) -> dict[str, Value]:
    days = sorted({(row["age"] - 1) // DAY for row in mine if row["age"] <= 180 * DAY})
    gaps = [older - newer for newer, older in pairwise(days)]  # newest gap first
    week_days = Counter((cutoff - timedelta(days=day + 1)).isoweekday() for day in days if day < 90)
    quarters = Counter(
        (cutoff - timedelta(seconds=row["age"])).hour // 6 for row in mine if row["age"] <= 90 * DAY
    )
    streak = 0
    while streak < len(days) and days[streak] == days[0] + streak:
        streak += 1
    runs: Counter[int] = Counter(day - place for place, day in enumerate(days) if day < 90)
    silence = days_of(least([row["age"] for row in mine]))
    return {
        "last_streak_days": streak or None,
        "longest_streak_days_90d": most(list(runs.values())),
        "active_weeks_12w": len({day // 7 for day in days if day < 84}),
        "weekend_share_90d": ratio(week_days[6] + week_days[7], sum(week_days.values())),
        "weekday_focus_90d": ratio(most(list(week_days.values())), sum(week_days.values())),
        "day_quarter_focus_90d": ratio(most(list(quarters.values())), sum(quarters.values())),
        "last_gap_days": gaps[0] if gaps else None,
        "last_gap_ratio": ratio(gaps[0] if gaps else None, quantile(gaps, 0.5)),
        "long_gap_days": quantile(gaps, 0.8),
        "silence_ratio": ratio(silence, quantile(gaps, 0.5)),
        "silence_vs_longest": ratio(silence, most(gaps)),
    }


@worlds
@given(seed=seeds)
def test_payments(open_world: Open, cutoff: datetime, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        {
            "user_id": rng.choice(USERS),
            "age": age,
            "amount": float(rng.integers(0, 4000)) / 16,
            "status": rng.choice(["succeeded", "failed", "refunded"], p=[0.6, 0.2, 0.2]),
            "product": rng.choice(["a", "b", "c"]),
            "coupon_code": rng.choice(np.array(["TEN", None], dtype=object)),
        }
        for age in ages(rng, 70, 400)
    ]
    expected: Expected = {}
    for user in USERS:
        mine = [row for row in rows if row["user_id"] == user]
        expected[user] = {**attempts(mine), **orders(mine)}
    agree(opened(open_world, cutoff, "payments", rows), cutoff, expected)


def attempts(mine: list[dict[str, Any]]) -> dict[str, Value]:
    def of(status: str, days: int = 9999) -> list[dict[str, Any]]:
        return [row for row in mine if row["status"] == status and row["age"] <= days * DAY]

    def units(rows: list[dict[str, Any]]) -> int:
        return sum(round(row["amount"] * 10_000) for row in rows)

    good, back = of("succeeded"), of("refunded")
    newest_good = least([row["age"] for row in good])
    still_failed = [row for row in of("failed") if newest_good is None or row["age"] < newest_good]
    cut = [row for row in good if row["coupon_code"]]
    full = [row for row in good if not row["coupon_code"]]
    depth = ratio(ratio(units(cut) if cut else None, len(cut)), ratio(units(full), len(full)))
    recent = [row for row in good if row["age"] <= 90 * DAY]
    return {
        "failed_since_success": len(still_failed),
        "failed_share_180d": ratio(
            len(of("failed", 180)), len(of("failed", 180)) + len(of("succeeded", 180))
        ),
        "coupon_share_90d": ratio(len([row for row in recent if row["coupon_code"]]), len(recent)),
        "coupon_depth": None if depth is None else 1 - depth,
        "days_since_full_price": days_of(least([row["age"] for row in full])),
        "refunds_total": len(back),
        "refund_share_365d": ratio(units(of("refunded", 365)), units(of("succeeded", 365))),
        "days_since_refund": days_of(least([row["age"] for row in back])),
        "paid_since_refund": None
        if not back
        else newest_good is not None and newest_good < least([row["age"] for row in back]),
        "paid_30d": units(of("succeeded", 30)) / 10_000,
        "paid_trend": ratio(
            units(of("succeeded", 90)), units(of("succeeded", 180)) - units(of("succeeded", 90))
        ),
    }


def orders(mine: list[dict[str, Any]]) -> dict[str, Value]:
    good = [row for row in mine if row["status"] == "succeeded"]
    by_day: dict[int, list[int]] = defaultdict(list)
    products: dict[str, list[int]] = defaultdict(list)
    for row in good:
        by_day[(row["age"] - 1) // DAY].append(round(row["amount"] * 10_000))
        products[row["product"]].append(row["age"])
    days = sorted(by_day)
    gaps = [older - newer for newer, older in pairwise(days)]
    amounts = [sum(by_day[day]) for day in days]
    mean = ratio(sum(amounts), len(amounts))
    silent = days[0] if days else None
    half = len([day for day in days if day < 180])
    year_ago = len([day for day in days if 275 <= day < 365])
    return {
        "orders_30d": len([day for day in days if day < 30]),
        "paid_months_12": len({day // 30 for day in days if day < 360}),
        "order_trend_year": ratio(half, len([day for day in days if 180 <= day < 365]))
        if days
        else None,
        "days_per_order": ratio(days[-1] + 1, len(days)) if days else None,
        "long_payment_gap_days": quantile(gaps, 0.8),
        "last_payment_gap_days": gaps[0] if gaps else None,
        "last_payment_gap_ratio": ratio(gaps[0] if gaps else None, quantile(gaps, 0.5)),
        "longer_payment_gaps_share": ratio(
            len([gap for gap in gaps if silent is not None and gap > silent]), len(gaps)
        ),
        "payment_gap_unevenness": ratio(quantile(gaps, 0.8), quantile(gaps, 0.5)),
        "payment_silence_vs_longest": ratio(days[0] + 1, most(gaps)) if days else None,
        "payment_silence_vs_span": ratio(days[0] + 1, days[-1] + 1) if days else None,
        "lines_per_order": ratio(len(good), len(days)),
        "new_products_180d": len([1 for seen in products.values() if max(seen) <= 180 * DAY]),
        "repeat_product_share": ratio(
            len([1 for seen in products.values() if len(seen) > 1]), len(products)
        ),
        "first_amount": ratio(amounts[-1], 10_000) if amounts else None,
        "last_amount": ratio(amounts[0], 10_000) if amounts else None,
        "largest_amount": ratio(most(amounts), 10_000),
        "last_vs_first_amount": ratio(amounts[0] / 10_000, amounts[-1] / 10_000)
        if amounts
        else None,
        "recent_amount_ratio": ratio(ratio(sum(amounts[:3]), len(amounts[:3])), mean),
        "orders_year_ago_90d": year_ago if days and days[-1] >= 365 else None,
    }


@worlds
@given(seed=seeds)
def test_memberships(open_world: Open, cutoff: datetime, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for age in ages(rng, 40, 365):
        length = int(rng.choice([7, 30, 90])) * DAY
        paused = age - int(rng.integers(1, 20)) * DAY if rng.random() < 0.4 else None
        rows.append(
            {
                "user_id": rng.choice(USERS),
                "started_age": age,
                "ends_age": age - length if rng.random() < 0.9 else None,
                "cancelled_age": age - int(rng.integers(0, 40)) * DAY
                if rng.random() < 0.3
                else None,
                "paused_age": paused,
                "resumes_age": None
                if paused is None or rng.random() < 0.3
                else paused - int(rng.integers(0, 30)) * DAY,
                "plan": rng.choice(["basic", "plus"]),
                "price": float(rng.integers(1, 80)) / 4,
                "trial": bool(rng.random() < 0.3),
                "auto_renew": bool(rng.random() < 0.5),
            }
        )
    expected = {user: terms([row for row in rows if row["user_id"] == user]) for user in USERS}
    agree(opened(open_world, cutoff, "subscriptions", rows), cutoff, expected)


def terms(mine: list[dict[str, Any]]) -> dict[str, Value]:
    known = [row for row in mine if row["started_age"] > 0]
    # Ids follow the order of the rows; equal starts keep it, the later id first.
    begun = sorted(enumerate(known), key=lambda pair: (-pair[1]["started_age"], -pair[0]))
    ordered = [row for _, row in begun]
    previous = [None, *ordered][: len(ordered)]
    away = [
        -row["started_age"]
        - max(-x["ends_age"] if x["ends_age"] is not None else 9e9 for x in ordered[:n])
        for n, row in enumerate(ordered)
        if n
    ]
    changes = [
        (row, before)
        for row, before in zip(ordered, previous, strict=True)
        if before and row["plan"] != before["plan"]
    ]
    priced = [
        (
            row["price"] / (row["started_age"] - row["ends_age"]),
            before["price"] / (before["started_age"] - before["ends_age"]),
        )
        for row, before in changes
        if row["ends_age"] is not None and before["ends_age"] is not None
    ]
    running = [row for row in known if row["ends_age"] is None or row["ends_age"] < 0]
    paused = [row for row in known if row["paused_age"] is not None and row["paused_age"] > 0]
    resumed = {
        id(row): row["resumes_age"]
        for row in paused
        if row["resumes_age"] is not None and row["resumes_age"] > 0
    }
    trials = [row for row in known if row["trial"]]
    converted = [
        row["started_age"]
        for row, before in zip(ordered, previous, strict=True)
        if before and before["trial"] and not row["trial"]
    ]
    long_away = [seconds for seconds in away if seconds > 7 * DAY]
    return {
        "running_terms": len(running),
        "terms": len(known),
        "member_days": days_of(
            sum(
                row["started_age"]
                if row["ends_age"] is None
                else min(row["started_age"], row["started_age"] - row["ends_age"])
                for row in known
            )
        )
        if known
        else None,
        "plan_changes": len(changes),
        "upgrades": len([1 for now, then in priced if now > then]),
        "downgrades": len([1 for now, then in priced if now < then]),
        "days_since_plan_change": days_of(least([row["started_age"] for row, _ in changes])),
        "returns": len(long_away),
        "cancellations": len(
            [1 for row in known if row["cancelled_age"] is not None and row["cancelled_age"] > 0]
        ),
        "trials": len(trials),
        "days_since_trial_converted": days_of(least(converted)),
        "pauses": len(paused),
        "paused_days": sum(row["paused_age"] - resumed.get(id(row), 0) for row in paused) / DAY,
        "paused": bool([1 for row in running if row in paused and id(row) not in resumed]),
        "days_since_pause": days_of(least([row["paused_age"] for row in paused])),
    }


@worlds
@given(seed=seeds)
def test_what_users_say(open_world: Open, cutoff: datetime, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        {
            "user_id": rng.choice(USERS),
            "age": age,
            "channel": rng.choice(["ticket", "review", "comment"]),
            "rating": None if rng.random() < 0.5 else float(rng.integers(2, 11)) / 2,
            "resolved_age": None if rng.random() < 0.4 else age - int(rng.integers(0, 20 * DAY)),
        }
        for age in sorted(set(ages(rng, 60, 200)), reverse=True)
    ]
    expected: Expected = {}
    for user in USERS:
        mine = [row for row in rows if row["user_id"] == user]  # oldest first
        tickets = [row for row in mine if row["channel"] == "ticket"]
        unsolved = [
            row for row in tickets if row["resolved_age"] is None or row["resolved_age"] <= 0
        ]
        solved = [row["age"] - row["resolved_age"] for row in tickets if row not in unsolved]
        rated = [round(row["rating"] * 1000) for row in mine if row["rating"] is not None]
        half = [
            round(row["rating"] * 1000)
            for row in mine
            if row["rating"] is not None and row["age"] <= 180 * DAY
        ]
        comments = [row["age"] for row in mine if row["channel"] == "comment"]
        expected[user] = {
            "tickets_30d": len([1 for row in tickets if row["age"] <= 30 * DAY]),
            "overdue_tickets": len([1 for row in unsolved if 3 * DAY < row["age"] <= 180 * DAY]),
            "mean_solve_days": ratio(ratio(sum(solved), len(solved)), DAY),
            "repeated_tickets_180d": len(
                [
                    1
                    for older, newer in pairwise(tickets)
                    if older["age"] - newer["age"] <= 14 * DAY and newer["age"] <= 180 * DAY
                ]
            ),
            "ratings": len(rated),
            "rating_change": ratio(rated[-1] - rated[-2], 1000) if len(rated) > 1 else None,
            "lowest_rating_180d": ratio(least(half), 1000),
            "comments_90d": len([1 for age in comments if age <= 90 * DAY]),
            "days_since_comment": days_of(least(comments)),
        }
    agree(opened(open_world, cutoff, "messages", rows), cutoff, expected)


@worlds
@given(seed=seeds)
def test_content_taken(open_world: Open, cutoff: datetime, seed: int) -> None:
    rng = np.random.default_rng(seed)
    supply = {
        f"c{n}": {
            "topic": str(rng.choice(["art", "law"])),
            "author": str(rng.choice(["Ada", "Bo", "Cy"])),
            "format": str(rng.choice(["audio", "course"])),
            "published": age,
        }
        for n, age in enumerate(ages(rng, 12, 365))
    }
    rows = [
        {
            "user_id": rng.choice(USERS),
            "age": age,
            "kind": rng.choice(["lesson_started", "lesson_finished", "search"]),
            "content_id": rng.choice(list(supply)),
        }
        for age in ages(rng, 120, 200)
    ]
    expected: Expected = {}
    for user in USERS:
        seen: dict[str, list[int]] = defaultdict(list)
        finished: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            if row["user_id"] == user and row["kind"] != "search":
                seen[row["content_id"]].append(row["age"])
                if row["kind"] == "lesson_finished":
                    finished[row["content_id"]].append(row["age"])
        recent = [key for key, moments in seen.items() if min(moments) <= 90 * DAY]
        known = [key for key in recent if supply[key]["published"] > 0]
        month = [key for key, moments in seen.items() if min(moments) <= 28 * DAY]
        new = [key for key, moments in seen.items() if max(moments) <= 28 * DAY]
        expected[user] = {
            "contents_total": len(seen),
            "contents_28d": len(month),
            "authors_90d": len({supply[key]["author"] for key in known}),
            "formats_90d": len({supply[key]["format"] for key in known}),
            "new_contents_90d": len([1 for ages_ in seen.values() if max(ages_) <= 90 * DAY]),
            "new_content_share_28d": ratio(len(new), len(month)) if seen else None,
            "contents_trend": ratio(len(month) * 90, len(recent) * 28),
            "releases_opened_60d": len(
                [1 for key in seen if 0 < supply[key]["published"] <= 60 * DAY]
            ),
            "left_off_90d": len(
                [1 for key in recent if key not in finished and min(seen[key]) > 28 * DAY]
            ),
            "completion_share_28d": ratio(
                len([1 for moments in finished.values() if min(moments) <= 28 * DAY]), len(month)
            ),
        }
    connection = opened(open_world, cutoff, "events", rows)
    contents = pd.DataFrame(
        [
            {
                "content_id": key,
                "published_at": cutoff - timedelta(seconds=about["published"]),
                **{name: about[name] for name in ("topic", "author", "format")},
            }
            for key, about in supply.items()
        ]
    )
    connection.register("incoming", contents)
    connection.execute("INSERT INTO contents BY NAME SELECT * FROM incoming")
    agree(connection, cutoff, expected)


@pytest.mark.parametrize("ties", [False, True])
def test_peers_are_the_segments_users(open_world: Open, cutoff: datetime, ties: bool) -> None:
    """Rank: the share of the others below. Ties share the lower rank, missing values stay out."""
    counts = {"ann": 3, "ben": 3 if ties else 5, "cid": 9, "dee": 0, "eve": 4}
    rows = [
        {"user_id": user, "age": (2 * n + 1) * DAY, "kind": "app_open"}
        for user, count in counts.items()
        for n in range(count)
    ]
    connection = opened(open_world, cutoff, "events", rows)
    got = measured(
        connection, cutoff, ["active_days_rank", "silence_rank", "events_vs_peers", "events_28d"]
    )
    everyone = [counts.get(user, 0) for user in USERS]
    for user in USERS:
        mine = counts.get(user, 0)
        below = sum(other < mine for other in everyone)
        assert got[user]["active_days_rank"] == np.float32(below / (len(everyone) - 1))
        median = float(np.median(everyone))
        assert got[user]["events_vs_peers"] == np.float32(mine / median)
        # Everyone who came was last here a day ago: nobody has a shorter silence.
        assert got[user]["silence_rank"] == 0 if mine else np.isnan(got[user]["silence_rank"])

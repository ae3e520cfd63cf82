"""Windows are half-open to the microsecond; eligibility knows only what was known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import duckdb
import pandas as pd
import pytest

from engine.features.labels import eligible, given_cutoffs, labels
from engine.timeline import ChurnRule

Open = Callable[..., duckdb.DuckDBPyConnection]

MICRO = timedelta(microseconds=1)
DAY = timedelta(days=1)


def users(*ids: str, signed_up_at: datetime | None = None) -> pd.DataFrame:
    return pd.DataFrame({"user_id": list(ids), "signed_up_at": signed_up_at}).astype(
        {"signed_up_at": "datetime64[us]"}
    )


def rows(table: str, found: list[tuple[str, datetime, datetime]]) -> pd.DataFrame:
    frame = pd.DataFrame(found, columns=["user_id", "occurred_at", "known_at"])
    frame[f"{table}_id"] = [f"{n}" for n in range(len(frame))]
    if table == "event":
        return frame.assign(kind="app_open")
    return frame.assign(amount=10.0, status="succeeded")


def churned(connection: duckdb.DuckDBPyConnection, rule: ChurnRule, at: datetime) -> dict[str, int]:
    user_ids, label = labels(connection, rule, at)
    assert list(user_ids) == list(eligible(connection, rule, at))
    return dict(zip(user_ids, label.astype(int).tolist(), strict=True))


@pytest.mark.parametrize(("kind", "table"), [("inactive", "event"), ("no_payment", "payment")])
def test_window_edges(open_world: Open, cutoff: datetime, kind: str, table: str) -> None:
    rule = ChurnRule(kind, horizon_days=28, lead_days=7, active_within_days=30)  # type: ignore[arg-type]
    start, stop = rule.window(cutoff)
    seen = cutoff - DAY
    returns = {
        "before_start": start - MICRO,
        "start": start,
        "last": stop - MICRO,
        "stop": stop,
    }
    found = [(user, seen, seen) for user in returns]
    found += [(user, moment, moment) for user, moment in returns.items()]
    connection = open_world({"users": users(*returns), f"{table}s": rows(table, found)})
    assert churned(connection, rule, cutoff) == {
        "before_start": 1,
        "last": 0,
        "start": 0,
        "stop": 1,
    }


@pytest.mark.parametrize(("kind", "table"), [("inactive", "event"), ("no_payment", "payment")])
def test_eligibility_edges(open_world: Open, cutoff: datetime, kind: str, table: str) -> None:
    rule = ChurnRule(kind, horizon_days=28, active_within_days=30)  # type: ignore[arg-type]
    since = cutoff - 30 * DAY
    seen = {
        "too_old": (since - MICRO, since - MICRO),
        "oldest": (since, since),
        "newest": (cutoff - MICRO, cutoff - MICRO),
        "at_cutoff": (cutoff, cutoff),
        "known_late": (cutoff - DAY, cutoff),
    }
    connection = open_world(
        {
            "users": users(*seen),
            f"{table}s": rows(table, [(user, *moments) for user, moments in seen.items()]),
        }
    )
    assert list(eligible(connection, rule, cutoff)) == ["newest", "oldest"]


def test_a_late_row_counts_for_the_label_once_it_is_known(
    open_world: Open, inactive: ChurnRule, cutoff: datetime
) -> None:
    inside = cutoff + 10 * DAY
    found = [("a", cutoff - DAY, cutoff - DAY), ("a", inside, inside + 200 * DAY)]
    connection = open_world({"users": users("a"), "events": rows("event", found)})
    assert churned(connection, inactive, cutoff) == {"a": 0}


def test_only_succeeded_payments_count(open_world: Open, cutoff: datetime) -> None:
    rule = ChurnRule("no_payment", horizon_days=28, active_within_days=30)
    paid = rows("payment", [("a", cutoff - DAY, cutoff - DAY), ("a", cutoff + DAY, cutoff + DAY)])
    paid["status"] = ["succeeded", "failed"]
    paid = pd.concat(
        [
            paid,
            rows("payment", [("b", cutoff - DAY, cutoff - DAY)]).assign(
                payment_id="x", status="refunded"
            ),
        ]
    )
    connection = open_world({"users": users("a", "b"), "payments": paid})
    assert churned(connection, rule, cutoff) == {"a": 1}


def test_who_signs_up_at_the_cutoff_is_not_there_yet(
    open_world: Open, inactive: ChurnRule, cutoff: datetime
) -> None:
    found = [(user, cutoff - DAY, cutoff - DAY) for user in ("a", "b")]
    people = pd.concat([users("a", signed_up_at=cutoff - MICRO), users("b", signed_up_at=cutoff)])
    connection = open_world({"users": people, "events": rows("event", found)})
    assert list(eligible(connection, inactive, cutoff)) == ["a"]


def lapsed_world(
    open_world: Open,
    cutoff: datetime,
    terms: list[tuple[str, str, datetime, datetime | None, datetime]],
) -> duckdb.DuckDBPyConnection:
    names = ["subscription_id", "user_id", "started_at", "ends_at", "known_at"]
    frame = pd.DataFrame(terms, columns=names).assign(plan="monthly")
    return open_world({"users": users(*sorted(set(frame["user_id"]))), "subscriptions": frame})


def test_lapsed_window_and_grace_edges(open_world: Open, cutoff: datetime) -> None:
    rule = ChurnRule("lapsed", horizon_days=30, lead_days=7, grace_days=3)
    start, stop = rule.window(cutoff)
    begun = cutoff - 10 * DAY
    end = start + 5 * DAY
    year = 365 * DAY
    connection = lapsed_world(
        open_world,
        cutoff,
        [
            ("1", "ends_inside", begun, end, begun),
            ("2", "ends_last", begun, stop - MICRO, begun),
            ("3", "ends_at_stop", begun, stop, begun),
            ("4", "open_ended", begun, None, begun),
            ("5", "renewed_in_grace", begun, end, begun),
            ("6", "renewed_in_grace", end + 3 * DAY, end + year, end),
            ("7", "renewed_too_late", begun, end, begun),
            ("8", "renewed_too_late", end + 3 * DAY + MICRO, end + year, end),
            ("9", "short_renewal", begun, end, begun),
            ("10", "short_renewal", end, end + DAY, end),
            ("11", "gone_before_window", begun, cutoff + DAY, begun),
        ],
    )
    assert churned(connection, rule, cutoff) == {
        "ends_at_stop": 0,
        "ends_inside": 1,
        "ends_last": 1,
        "gone_before_window": 1,
        "open_ended": 0,
        "renewed_in_grace": 0,
        "renewed_too_late": 1,
        "short_renewal": 1,
    }


def test_lapsed_speaks_of_terms_that_run_are_known_and_were_not_given_back(
    open_world: Open, cutoff: datetime
) -> None:
    rule = ChurnRule("lapsed", horizon_days=30)
    ends = cutoff + 5 * DAY
    begun = cutoff - 9 * DAY
    connection = lapsed_world(
        open_world,
        cutoff,
        [
            ("1", "runs", begun, ends, begun),
            ("2", "starts_at_cutoff", cutoff, ends, begun),
            ("3", "known_at_cutoff", begun, ends, cutoff),
            ("4", "ends_at_cutoff", begun, cutoff, begun),
            ("5", "given_back", begun, ends, begun),
            ("6", "given_back_later", begun, ends, begun),
        ],
    )
    connection.execute(
        """INSERT INTO payments
            (payment_id, user_id, occurred_at, known_at, amount, status, product)
        VALUES
            ('1', 'given_back', $1, $1, 9, 'refunded', 'monthly'),
            ('2', 'given_back_later', $2, $2, 9, 'refunded', 'monthly')""",
        [begun + DAY, cutoff],
    )
    assert list(eligible(connection, rule, cutoff)) == ["given_back_later", "runs"]


def test_given_labels_speak_of_their_own_dates(
    connection: duckdb.DuckDBPyConnection, cutoff: datetime
) -> None:
    rule = ChurnRule("label", horizon_days=30)
    known = sorted(
        str(row[0])
        for row in connection.execute(
            "SELECT user_id FROM users WHERE signed_up_at IS NULL OR signed_up_at < ?", [cutoff]
        ).fetchall()
    )
    leaves, stays = known[:2]
    connection.execute(
        "INSERT INTO outcomes VALUES ($1, 1, $3), ($2, 0, $3), ($2, 1, $4), ($1, 0, NULL)",
        [leaves, stays, cutoff, cutoff - DAY],
    )
    assert given_cutoffs(connection) == (cutoff - DAY, cutoff)
    users, label = labels(connection, rule, cutoff)
    assert (list(users), list(label)) == ([leaves, stays], [1.0, 0.0])
    assert list(labels(connection, rule, cutoff - DAY)[0]) == [stays]
    # A date without labels is one to score: everyone known by then.
    assert list(eligible(connection, rule, cutoff + timedelta(seconds=1))) == known

"""A small random contract database with late rows, and the means to load, shuffle and rename it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from importlib import resources

import duckdb
import numpy as np
import pandas as pd
import pytest

from engine.timeline import ChurnRule

Tables = Mapping[str, pd.DataFrame]

CUTOFF = datetime(2026, 3, 1)
FIRST = datetime(2025, 1, 15)
DAYS = 525  # the world goes on after the cutoff
KINDS = (
    "app_open",
    "lesson_started",
    "lesson_finished",
    "search",
    "favourite",
    "purchase_viewed",
    "cancel_page_viewed",
    "login_failed",
)


def connect(tables: Tables, *, threads: int = 1) -> duckdb.DuckDBPyConnection:
    """An in-memory database in the contract's shape that holds `tables`."""
    connection = duckdb.connect(config={"threads": threads})
    ddl = (resources.files("engine.store") / "behaviour.sql").read_text("utf-8")
    connection.execute(ddl)
    for name, rows in tables.items():
        if len(rows):
            connection.register("incoming", rows)
            connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
            connection.unregister("incoming")
    return connection


def random_world(rng: np.random.Generator, users: int = 200) -> dict[str, pd.DataFrame]:
    """Users with their own pace; rows before, at and after the cutoff, some known late."""

    def moments(count: int) -> np.ndarray:
        seconds = rng.integers(0, DAYS * 86_400 * 1_000_000, count)
        found: np.ndarray = np.datetime64(FIRST, "us") + seconds.astype("timedelta64[us]")
        return found

    def owners(count: int) -> np.ndarray:
        return np.array([f"u{int(users * x**1.5):04d}" for x in rng.random(count)], dtype=object)

    def known(occurred: np.ndarray) -> np.ndarray:
        late: np.ndarray = np.where(
            rng.random(len(occurred)) < 0.1, rng.integers(0, 30 * 86_400, len(occurred)), 0
        )
        moments_known: np.ndarray = occurred + late.astype("timedelta64[s]")
        return moments_known

    def ids(prefix: str, count: int) -> list[str]:
        return [f"{prefix}{n:06d}" for n in rng.permutation(count)]

    events, payments, terms, messages, contents = users * 40, users * 6, users * 3, users * 3, 60
    happened, paid, said, began = (moments(n) for n in (events, payments, messages, terms))
    length_days = rng.choice([30, 90, 365], terms)
    content_ids = np.array([f"c{n}" for n in range(contents)], dtype=object)
    cancelled = began + rng.integers(1, 60, terms).astype("timedelta64[D]")
    paused = began + rng.integers(1, 25, terms).astype("timedelta64[D]")
    payers = owners(payments)
    # Some orders have two lines: the same user at the same moment.
    payers[1::5], paid[1::5] = payers[::5], paid[::5]
    speakers = owners(messages)
    # Some come back with the same trouble.
    speakers[1::5], said[1::5] = speakers[::5], said[::5] + np.timedelta64(3, "D")
    return {
        "users": pd.DataFrame(
            {
                "user_id": [f"u{n:04d}" for n in range(users)],
                "signed_up_at": moments(users),
                "marketing_consent": rng.random(users) < 0.5,
            }
        ),
        "user_sensitive": pd.DataFrame(
            {"user_id": [f"u{n:04d}" for n in range(users)], "birth_year": 1980}
        ),
        "events": pd.DataFrame(
            {
                "event_id": ids("e", events),
                "user_id": owners(events),
                "occurred_at": happened,
                "known_at": known(happened),
                "kind": rng.choice(KINDS, events),
                "content_id": rng.choice(content_ids, events),
                "duration_s": rng.lognormal(5, 1, events),
                "value": rng.choice([0.1, 0.45, 0.999, 7.0, np.nan], events),
                "device": rng.choice(["phone", "tablet", "web"], events),
            }
        ),
        "payments": pd.DataFrame(
            {
                "payment_id": ids("p", payments),
                "user_id": payers,
                "occurred_at": paid,
                "known_at": known(paid),
                "amount": rng.lognormal(3, 1, payments),
                "status": np.where(
                    (paid > np.datetime64(CUTOFF) - np.timedelta64(6, "D"))
                    & (rng.random(payments) < 0.5),
                    "failed",  # bad days just before the cutoff
                    rng.choice(["succeeded", "failed", "refunded"], payments, p=[0.8, 0.1, 0.1]),
                ),
                "product": rng.choice(np.append(content_ids, ["monthly", "annual"]), payments),
                "coupon_code": rng.choice(
                    np.array(["SPRING", None], dtype=object), payments, p=[0.2, 0.8]
                ),
            }
        ),
        "subscriptions": pd.DataFrame(
            {
                "subscription_id": ids("s", terms),
                "user_id": owners(terms),
                "plan": np.where(length_days == 365, "annual", "monthly"),
                "started_at": began,
                "ends_at": began + length_days.astype("timedelta64[D]"),
                "cancelled_at": np.where(rng.random(terms) < 0.3, cancelled, np.datetime64("NaT")),
                "auto_renew": rng.random(terms) < 0.6,
                "price": rng.choice([19.0, 25.5, 199.0], terms),
                # Some are booked ahead: known before they start.
                "known_at": began + rng.integers(-20, 5, terms).astype("timedelta64[D]"),
                "trial": rng.random(terms) < 0.15,
                "paused_at": np.where(rng.random(terms) < 0.3, paused, np.datetime64("NaT")),
                "resumes_at": np.where(
                    rng.random(terms) < 0.7,
                    paused + rng.integers(1, 40, terms).astype("timedelta64[D]"),
                    np.datetime64("NaT"),
                ),
            }
        ),
        "contents": pd.DataFrame(
            {
                "content_id": content_ids,
                "topic": rng.choice(["art", "history", "language", "music", "science"], contents),
                "published_at": moments(contents),
                "author": rng.choice(["Ada", "Bo", "Cy", "Di"], contents),
                "format": rng.choice(["audio", "course", "column"], contents),
            }
        ),
        "messages": pd.DataFrame(
            {
                "message_id": ids("m", messages),
                "user_id": speakers,
                "occurred_at": said,
                "known_at": known(said),
                "channel": rng.choice(["ticket", "review", "comment"], messages),
                "rating": rng.choice([1.0, 2.0, 4.5, np.nan], messages),
                "resolved_at": np.where(
                    rng.random(messages) < 0.5,
                    said + rng.integers(1, 40, messages).astype("timedelta64[D]"),
                    np.datetime64("NaT"),
                ),
                "text": rng.choice(
                    np.array(["闪退，打不开", "Very clear.", "", None], dtype=object), messages
                ),
            }
        ),
    }


@pytest.fixture(scope="session")
def tables() -> Tables:
    return random_world(np.random.default_rng(11))


@pytest.fixture
def connection(tables: Tables) -> duckdb.DuckDBPyConnection:
    return connect(tables)


@pytest.fixture
def cutoff() -> datetime:
    return CUTOFF


@pytest.fixture(params=["inactive", "no_payment", "lapsed"])
def rule(request: pytest.FixtureRequest) -> ChurnRule:
    return ChurnRule(
        request.param, horizon_days=28, lead_days=7, active_within_days=60, grace_days=3
    )


@pytest.fixture
def inactive() -> ChurnRule:
    return ChurnRule("inactive", horizon_days=28, lead_days=7, active_within_days=60)


@pytest.fixture
def open_world() -> Callable[..., duckdb.DuckDBPyConnection]:
    return connect


@pytest.fixture
def make_world() -> Callable[..., dict[str, pd.DataFrame]]:
    return random_world


@pytest.fixture
def before() -> Callable[..., datetime]:
    """before(days=3, hours=1): that long before the cutoff."""

    def moment(**ago: float) -> datetime:
        return CUTOFF - timedelta(**ago)

    return moment

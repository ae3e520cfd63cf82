"""From a history to files: Parquet tables, the log of past campaigns, the truth, a mapping."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import duckdb
import numpy as np

from sample_db import truth
from sample_db.arrays import MICROSECONDS_PER_DAY, Floats, Ints, stream
from sample_db.behaviour import DEVICES, KINDS, Sessions, events
from sample_db.dirt import spoil
from sample_db.mechanism import CAUSES, TEMPLATES
from sample_db.membership import COUPONS, PLANS, STATUSES
from sample_db.names import profile_rows
from sample_db.shop import payments
from sample_db.titles import FORMATS, Titles
from sample_db.voice import messages
from sample_db.world import History

TABLES = ("users", "user_sensitive", "events", "payments", "subscriptions", "contents", "messages")
ORDER = {
    "events": "known_at, event_id",
    "payments": "known_at, payment_id",
    "messages": "known_at, message_id",
}
MONTHLY_TRUTHS = 6  # cutoffs, four weeks apart, with the effect of every template
OPERATORS = ("li.na", "m.castillo", "wang.jie")
DECIDED_AT = MICROSECONDS_PER_DAY // 24 * 2  # ten in the morning in UTC+8
SENT_AFTER = 1_800_000_000  # half an hour for the approval

Columns = Mapping[str, np.ndarray]


def write(out: Path, history: History, visits: Sessions, titles: Titles, seed: int) -> None:
    """Write everything into `out`; what stood there under the same names is replaced at once."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".sample-", dir=out) as made:
        folder = Path(made)
        (folder / "truth").mkdir()
        with duckdb.connect() as connection:
            # One thread and explicit order: the same seed gives the same bytes.
            connection.execute("SET threads = 1")
            connection.execute("SET enable_progress_bar = false")
            connection.execute("SET preserve_insertion_order = true")
            _tables(connection, history, visits, titles, seed)
            dirt = spoil(connection, stream(seed, "dirt"))
            for table in (*TABLES, "interventions"):
                order = f" ORDER BY {ORDER[table]}" if table in ORDER else ""
                _copy(connection, f"SELECT * FROM {table}{order}", folder / f"{table}.parquet")
            _truth(connection, history, visits, folder / "truth")
            connection.register("d_dirt", _object_columns(("table_name", "reason", "rows"), dirt))
            _copy(connection, "SELECT * FROM d_dirt", folder / "truth" / "dirt.parquet")
        mapping = files("sample_db").joinpath("mapping.toml").read_text(encoding="utf-8")
        (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
        _publish(folder, out)


def _tables(
    connection: duckdb.DuckDBPyConnection,
    history: History,
    visits: Sessions,
    titles: Titles,
    seed: int,
) -> None:
    start = int((history.calendar.start - datetime(1970, 1, 1)).total_seconds()) * 1_000_000
    connection.execute("CREATE TEMP TABLE origin AS SELECT ?::BIGINT AS start_us", [start])
    connection.execute(
        "CREATE TEMP TABLE words AS SELECT ? AS kinds, ? AS devices, ? AS statuses, ? AS plans, "
        "? AS coupons, ? AS formats",
        [list(KINDS), list(DEVICES), list(STATUSES), list(PLANS), list(COUPONS), list(FORMATS)],
    )
    people, rng = history.people, stream(seed, "hours")
    profile = {
        name: np.array(column, dtype=object) for name, column in profile_rows(people, seed).items()
    }
    birth = profile.pop("birth_year")
    data: dict[str, Columns] = {
        "users": {
            "signed_up": people.signup_day * MICROSECONDS_PER_DAY,
            "consent": people.consent,
            "personalisation": people.personalisation,
            "birth_year": np.array([np.nan if year is None else year for year in birth]),
            **profile,
        },
        "events": events(history, visits, titles, seed),
        "payments": payments(history, visits, titles, seed),
        "terms": _terms(history, rng),
        "titles": {
            "title": np.array(titles.title, dtype=object),
            "topic": np.array(titles.topic, dtype=object),
            "author": np.array(titles.author, dtype=object),
            "description": np.array(titles.description, dtype=object),
            "format": titles.format,
            "minutes": titles.minutes,
            "price": titles.price,
            "published": titles.published_day * MICROSECONDS_PER_DAY,
        },
        "messages": messages(history, visits, titles, seed),
        "interventions": _interventions(history),
    }
    for name, columns in data.items():
        rows = len(next(iter(columns.values())))
        connection.register(f"d_{name}", {"n": np.arange(rows), **columns})
    connection.execute(files("sample_db").joinpath("tables.sql").read_text(encoding="utf-8"))
    for name in data:
        connection.unregister(f"d_{name}")


def _terms(history: History, rng: np.random.Generator) -> Columns:
    members = history.memberships
    terms = {
        name: np.concatenate([part[name] for part in members.terms]) for name in members.terms[0]
    }
    cancelled = np.full(members.rows, -1)
    for row, day in members.cancels:
        cancelled[row] = day
    days = history.calendar.days
    second = np.floor(rng.random(members.rows) * 57_600).astype(np.int64) * 1_000_000
    cancelled = np.where((cancelled >= 0) & (cancelled < days), cancelled, -1)
    cancelled = np.where(cancelled >= 0, cancelled * MICROSECONDS_PER_DAY + second, -1)
    started = terms["day"] * MICROSECONDS_PER_DAY + second
    keep = np.flatnonzero(terms["day"] < days)
    order = keep[np.argsort(started[keep], kind="stable")]
    return {
        "user": terms["user"][order],
        "plan": terms["plan"][order],
        "started": started[order],
        "ended": terms["end"][order] * MICROSECONDS_PER_DAY + second[order],
        "cancelled": np.where(
            cancelled >= started, cancelled, np.where(cancelled >= 0, started, -1)
        )[order],
        "auto": terms["auto"][order],
        "price": terms["price"][order],
    }


def _interventions(history: History) -> Columns:
    active = history.active.reshape(-1, history.people.count)
    parts: list[dict[str, np.ndarray]] = []
    for number, contact in enumerate(history.contacts):
        count, start = len(contact.users), 7 * contact.week * MICROSECONDS_PER_DAY
        campaign = contact.campaign
        window = start + truth.LEAD_DAYS * MICROSECONDS_PER_DAY

        def same(value: object, count: int = count) -> np.ndarray:
            kind = object if isinstance(value, str) else None
            return np.full(count, value, dtype=kind)

        parts.append(
            {
                "campaign": same(campaign.name),
                "user": contact.users,
                "decided": same(start + DECIDED_AT),
                "sent": same(start + DECIDED_AT + SENT_AFTER),
                "template_id": same(campaign.template),
                "treated": contact.treated,
                "propensity": contact.propensity,
                "offer_percent": same(campaign.offer_percent),
                "operator": same(OPERATORS[number % len(OPERATORS)]),
                "window_start": same(window),
                "window_end": same(window + truth.HORIZON_DAYS * MICROSECONDS_PER_DAY),
                "churned": truth.label(active, contact.week, contact.users) == 1,
            }
        )
    names = (
        "campaign", "user", "decided", "sent", "template_id", "treated", "propensity",
        "offer_percent", "operator", "window_start", "window_end", "churned",
    )  # fmt: skip
    empty = {name: np.zeros(0, dtype=np.int64) for name in names}
    return {
        name: np.concatenate([p[name] for p in parts]) if parts else empty[name] for name in names
    }


def _truth(
    connection: duckdb.DuckDBPyConnection, history: History, visits: Sessions, folder: Path
) -> None:
    calendar, people = history.calendar, history.people
    seen = visits.seen(calendar.days, people.count)
    on_time = float((visits.known_day == visits.day).mean())
    gone = truth.posterior(history, seen, on_time)
    known = truth.hazard(history, seen, visits.late, gone)
    columns: dict[str, np.ndarray] = {
        "user": known.user, "week": known.week, "p_churn": known.p_churn, "label": known.label,
        "p_gone": known.p_gone, "weekly_hazard": known.weekly_hazard,
        "cause": known.shares.argmax(axis=0),
    }  # fmt: skip
    columns |= {
        f"share_{cause}": known.shares[k].astype(np.float32) for k, cause in enumerate(CAUSES)
    }
    shares = ", ".join(f"share_{cause}" for cause in CAUSES)
    connection.execute("CREATE TEMP TABLE causes AS SELECT ? AS names", [list(CAUSES)])
    cutoff = f"moment(week * {7 * MICROSECONDS_PER_DAY}) AS cutoff"
    connection.register("d_hazard", columns)
    _copy(
        connection,
        f'SELECT user_key("user" + 1) AS user_id, {cutoff}, p_churn, label::INTEGER AS label, '
        f"p_gone, weekly_hazard, (SELECT names FROM causes)[cause + 1] AS dominant_cause, {shares} "
        'FROM d_hazard ORDER BY week, "user"',
        folder / "hazard.parquet",
    )
    connection.register("d_effects", _effects(history, known, gone))
    arms = ", ".join(f"p_{name}" for name in ("nothing", *TEMPLATES))
    _copy(
        connection,
        f'SELECT user_key("user" + 1) AS user_id, {cutoff}, {arms}, sleeping_dog, '
        'membership_price FROM d_effects ORDER BY week, "user"',
        folder / "effects.parquet",
    )
    _copy_people(connection, history, folder)


def _effects(history: History, known: truth.Hazard, gone: Floats) -> Columns:
    parts: list[dict[str, np.ndarray]] = []
    for week in range(history.calendar.weeks, 0, -4)[:MONTHLY_TRUTHS]:
        users: Ints = known.user[known.week == week]
        if not len(users):
            continue
        p = truth.effects(history, week, users, gone[week], known.calibration)
        parts.append(
            {
                "user": users,
                "week": np.full(len(users), week),
                **{f"p_{name}": values for name, values in p.items()},
                "sleeping_dog": history.people.sleeping_dog[users],
                "membership_price": _price_at(history, 7 * week)[users],
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _price_at(history: History, day: int) -> np.ndarray:
    """Price of a month of the membership that runs on `day` (0 = none), per user."""
    price = np.zeros(history.people.count)
    for part in history.memberships.terms:
        runs = (part["day"] <= day) & (part["end"] > day)
        months = (part["end"] - part["day"]) / 30
        price[part["user"][runs]] = (part["price"] / months)[runs]
    return price


def _copy_people(connection: duckdb.DuckDBPyConnection, history: History, folder: Path) -> None:
    people, days = history.people, history.calendar.days
    gone = history.departures
    inside = gone["day"] < days
    connection.register("d_causes", {name: column[inside] for name, column in gone.items()})
    _copy(
        connection,
        f'SELECT user_key("user" + 1) AS user_id, moment(day * {MICROSECONDS_PER_DAY}) AS left_at, '
        '(SELECT names FROM causes)[cause + 1] AS cause FROM d_causes ORDER BY day, "user"',
        folder / "causes.parquet",
    )
    back = history.returns
    inside = back["day"] < days
    connection.register("d_returns", {name: column[inside] for name, column in back.items()})
    _copy(
        connection,
        f'SELECT user_key("user" + 1) AS user_id, moment(day * {MICROSECONDS_PER_DAY}) AS back_at, '
        'won_back = 1 AS won_back FROM d_returns ORDER BY day, "user"',
        folder / "returns.parquet",
    )
    traits = (
        "rhythm", "need", "stamina", "price_sensitivity", "frustration", "completion", "breadth",
        "responsiveness", "sleeping_dog", "frailty", "silent_sufferer",
    )  # fmt: skip
    connection.register(
        "d_traits", {"n": np.arange(people.count), **{t: getattr(people, t) for t in traits}}
    )
    _copy(
        connection,
        f"SELECT user_key(n + 1) AS user_id, {', '.join(traits)} FROM d_traits ORDER BY n",
        folder / "traits.parquet",
    )


def _object_columns(names: tuple[str, ...], rows: list[tuple[str, str, int]]) -> Columns:
    return {
        name: np.array([row[i] for row in rows], dtype=object if i < 2 else np.int64)
        for i, name in enumerate(names)
    }


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    target = str(path).replace("'", "''")
    connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _publish(folder: Path, out: Path) -> None:
    """Move every finished file into place, the mapping last: where it stands, all is there."""
    (out / "truth").mkdir(exist_ok=True)
    made = [path for path in folder.rglob("*") if path.is_file()]
    (out / "mapping.toml").unlink(missing_ok=True)
    for path in sorted(made, key=lambda path: (path.name == "mapping.toml", path)):
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
        path.replace(out / path.relative_to(folder))

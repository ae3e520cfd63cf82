"""The activity stream: order, prefix property, length, and what each table contributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from engine.errors import StorageError
from engine.features import sequences
from engine.features.frame import MAX_EVENTS, Sequences
from engine.features.sequences import pull_activity

Open = Callable[..., duckdb.DuckDBPyConnection]
Tables = Mapping[str, pd.DataFrame]


def told(found: Sequences, row: int) -> list[tuple[str, str, float, float]]:
    piece = slice(int(found.start[row]), int(found.stop[row]))
    return [
        (found.kinds[kind], found.topics[topic], round(float(value), 4), float(moment))
        for kind, topic, value, moment in zip(
            found.kind[piece],
            found.topic[piece],
            found.value[piece],
            found.occurred_s[piece],
            strict=True,
        )
    ]


def test_every_table_speaks_in_order_of_knowledge(
    open_world: Open, cutoff: datetime, before: Callable[..., datetime]
) -> None:
    one, two = before(days=9), before(days=8)
    connection = open_world(
        {
            "users": pd.DataFrame({"user_id": ["a", "b"]}),
            "contents": pd.DataFrame(
                {
                    "content_id": ["c", "later"],
                    "topic": ["history", "science"],
                    "published_at": [before(days=99), cutoff],
                }
            ),
            "events": pd.DataFrame(
                {
                    "event_id": ["2", "1", "3"],
                    "user_id": "a",
                    "occurred_at": [one, one, before(days=20)],
                    "known_at": [one, one, two],
                    "kind": ["search", "lesson_started", "late"],
                    "content_id": [None, "c", "later"],
                    "duration_s": [np.nan, 59.0, 0.0],
                    "value": [3.0, 9.0, np.nan],
                }
            ),
            "payments": pd.DataFrame(
                {
                    "payment_id": ["p"],
                    "user_id": ["a"],
                    "occurred_at": [before(days=7)],
                    "known_at": [before(days=7)],
                    "amount": [99.0],
                    "status": ["failed"],
                }
            ),
            "messages": pd.DataFrame(
                {
                    "message_id": ["m"],
                    "user_id": ["a"],
                    "occurred_at": [before(days=6)],
                    "known_at": [before(days=6)],
                    "channel": ["ticket"],
                }
            ),
            "subscriptions": pd.DataFrame(
                {
                    "subscription_id": ["s"],
                    "user_id": ["a"],
                    "started_at": [before(days=5)],  # booked ten days ahead
                    "known_at": [before(days=15)],
                    "cancelled_at": [before(days=1)],
                }
            ),
        }
    )
    found = pull_activity(connection, [cutoff]).until(cutoff, np.array(["a", "b"], dtype=object))

    def s(moment: datetime) -> float:
        return (moment - datetime(1970, 1, 1)).total_seconds()

    assert told(found, 0) == [
        ("lesson_started", "history", round(float(np.log1p(59.0)), 4), s(one)),
        ("search", "", round(float(np.log1p(3.0)), 4), s(one)),
        ("late", "", 0.0, s(before(days=20))),
        ("payment:failed", "", round(float(np.log1p(99.0)), 4), s(before(days=7))),
        ("message:ticket", "", 0.0, s(before(days=6))),
        ("subscription:started", "", 0.0, s(before(days=5))),
        ("subscription:cancelled", "", 0.0, s(before(days=1))),
    ]
    assert told(found, 1) == []
    assert found.topics[0] == ""


def expected(tables: Tables, cutoff: datetime, user: str) -> list[tuple[str, str, float, float]]:
    """The last activities of `user` by the rules of the guide, row by row in plain Python: by
    what was known when, then by what is seen."""
    contents = tables["contents"].set_index("content_id")
    found = []

    def add(row: pd.Series, kind: str, moment: datetime, amount: float, item: str) -> None:
        if pd.isna(moment) or max(row["known_at"], moment) >= cutoff:
            return
        known_at, topic = max(row["known_at"], moment), ""
        if item in contents.index:
            published_at, named = contents.loc[item, "published_at"], contents.loc[item, "topic"]
            if not published_at > known_at and isinstance(named, str):
                topic = named
        seconds = float((moment - datetime(1970, 1, 1)) // timedelta(seconds=1))
        size = round(float(np.float32(np.log1p(max(amount, 0)))), 4)
        found.append((known_at, seconds, kind, topic, size))

    for row in _of(tables, "events", user):
        amount = next((x for x in (row["duration_s"], row["value"]) if not pd.isna(x)), 0.0)
        add(row, row["kind"], row["occurred_at"], amount, row["content_id"])
    for row in _of(tables, "payments", user):
        kind = f"payment:{row['status']}"
        add(row, kind, row["occurred_at"], row["amount"], row["product"])
    for row in _of(tables, "messages", user):
        add(row, f"message:{row['channel']}", row["occurred_at"], 0, "")
    for row in _of(tables, "subscriptions", user):
        add(row, "subscription:started", row["started_at"], 0, "")
        add(row, "subscription:cancelled", row["cancelled_at"], 0, "")
    return [(*seen, seconds) for _, seconds, *seen in sorted(found)][-MAX_EVENTS:]


def _of(tables: Tables, name: str, user: str) -> list[pd.Series]:
    rows = tables[name]
    return [row for _, row in rows[rows["user_id"] == user].iterrows()]


def with_ties(tables: Tables) -> dict[str, pd.DataFrame]:
    """The same world, events known in daily batches: thousands of ties."""
    events = tables["events"]
    return {**tables, "events": events.assign(known_at=events["known_at"].dt.ceil("D"))}


def test_a_stream_of_many_cutoffs_is_what_each_saw(
    open_world: Open, cutoff: datetime, tables: Tables
) -> None:
    world = with_ties(tables)
    cutoffs = [cutoff - timedelta(days=200), cutoff - timedelta(days=9), cutoff]
    stream = pull_activity(open_world(world), [cutoff, *cutoffs])
    assert stream.cutoffs == tuple(cutoffs)
    users = stream.user_ids[::37]
    lengths = []
    for moment in cutoffs:
        found = stream.until(moment, users)
        for row, user in enumerate(users):
            told_here = told(found, row)
            assert told_here == expected(world, moment, user)
            lengths.append(len(told_here))
    assert min(lengths) < MAX_EVENTS == max(lengths)


def test_one_cutoff_and_some_users_give_the_same_slices(
    open_world: Open, cutoff: datetime, tables: Tables
) -> None:
    connection = open_world(with_ties(tables))
    cutoffs = [cutoff - timedelta(days=30), cutoff]
    everything = pull_activity(connection, cutoffs)
    users = everything.user_ids[1::3]
    for moment in cutoffs:
        alone = pull_activity(connection, [moment], users)
        whole, short = everything.until(moment, users), alone.until(moment, users)
        assert len(alone.events.kind) < len(everything.events.kind)
        for row in range(len(users)):
            assert told(whole, row) == told(short, row)


def test_neither_ids_nor_the_order_of_rows_nor_shelves_show(
    open_world: Open, cutoff: datetime, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = with_ties(tables)
    events = world["events"].sample(frac=1, random_state=3)
    renamed = {**world, "events": events.assign(event_id=events["event_id"].str[::-1])}
    cutoffs = [cutoff - timedelta(days=60), cutoff]
    one = pull_activity(open_world(world), cutoffs)
    # Many small shelves, all of them on disk.
    monkeypatch.setattr(sequences, "SHELF_USERS", 7)
    monkeypatch.setattr(sequences, "SPOOLED_BYTES", 100)
    other = pull_activity(open_world(renamed), cutoffs)
    assert one.events.kind.tobytes() == other.events.kind.tobytes()
    assert one.events.topic.tobytes() == other.events.topic.tobytes()
    assert one.events.value.tobytes() == other.events.value.tobytes()
    assert one.events.occurred_s.tobytes() == other.events.occurred_s.tobytes()
    assert np.array_equal(one.stop, other.stop)
    assert np.array_equal(one.begin, other.begin)


def test_a_full_disk_is_said(
    open_world: Open, cutoff: datetime, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = open_world(tables)
    connection.execute("SET temp_directory = '/proc/nowhere/spill'")
    monkeypatch.setattr(sequences, "SPOOLED_BYTES", 100)
    with pytest.raises(StorageError, match="could not be sorted on disk"):
        pull_activity(connection, [cutoff])


def test_what_no_cutoff_sees_is_not_pulled(open_world: Open, cutoff: datetime) -> None:
    moments = [cutoff - timedelta(hours=n) for n in range(5 * MAX_EVENTS)]
    rows = pd.DataFrame(
        {
            "event_id": [f"e{n}" for n in range(len(moments))],
            "user_id": "a",
            "occurred_at": moments,
            "known_at": moments,
            "kind": "x",
        }
    )
    connection = open_world({"users": pd.DataFrame({"user_id": ["a"]}), "events": rows})
    stream = pull_activity(connection, [cutoff - timedelta(days=1), cutoff])
    assert len(stream.events.kind) == MAX_EVENTS + 24
    with pytest.raises(ValueError, match="not in tuple"):
        stream.until(cutoff - timedelta(days=2), stream.user_ids)


def test_arrays_are_as_small_as_their_vocabulary(open_world: Open, cutoff: datetime) -> None:
    kinds = 300
    moment = cutoff - timedelta(days=1)
    rows = pd.DataFrame(
        {
            "event_id": [f"e{n:03d}" for n in range(kinds)],
            "user_id": [f"u{n % 3}" for n in range(kinds)],
            "occurred_at": moment,
            "known_at": moment,
            "kind": [f"kind {n:03d}" for n in range(kinds)],
        }
    )
    users = pd.DataFrame({"user_id": ["u0", "u1", "u2"]})
    stream = pull_activity(open_world({"users": users, "events": rows}), [cutoff])
    found = stream.until(cutoff, stream.user_ids)
    assert [kind for kind, *_ in told(found, 1)] == [f"kind {n:03d}" for n in range(1, kinds, 3)]
    assert (stream.events.kind.dtype, stream.events.topic.dtype) == (np.uint16, np.uint8)
    assert (stream.events.value.dtype, stream.events.occurred_s.dtype) == (np.float32, np.uint32)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        ("1969-12-31 23:59:59", 0),
        ("2025-12-31 10:00:00.999999", 1767175200),
        ("-infinity", 0),
    ],
)
def test_moments_are_whole_seconds_within_the_range(
    open_world: Open, cutoff: datetime, moment: str, seconds: int
) -> None:
    connection = open_world({"users": pd.DataFrame({"user_id": ["a"]})})
    connection.execute(
        "INSERT INTO events BY NAME SELECT '1' AS event_id, 'a' AS user_id, 'x' AS kind, "
        "CAST($moment AS TIMESTAMP) AS occurred_at, TIMESTAMP '2026-01-01' AS known_at",
        {"moment": moment},
    )
    assert pull_activity(connection, [cutoff]).events.occurred_s.tolist() == [seconds]


def test_unknown_users_and_an_empty_database_have_empty_sequences(
    open_world: Open, cutoff: datetime, tables: Tables
) -> None:
    strangers = np.array(["a", "z"], dtype=object)
    for world in ({}, tables):
        stream = pull_activity(open_world(world), [cutoff])
        found = stream.until(cutoff, strangers)
        assert list(found.stop - found.start) == [0, 0]
    nobody = pull_activity(open_world(tables), [cutoff], strangers[:0])
    assert len(nobody.events.kind) == 0


def test_nothing_stays_behind_on_the_connection(
    open_world: Open, cutoff: datetime, tables: Tables
) -> None:
    connection = open_world(tables)
    before = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    pull_activity(connection, [cutoff])
    after = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    assert after == before


@pytest.mark.parametrize("value", [-5.0, None])
def test_a_value_is_never_below_zero(
    open_world: Open, cutoff: datetime, value: float | None
) -> None:
    moment = cutoff - timedelta(days=1)
    connection = open_world(
        {
            "users": pd.DataFrame({"user_id": ["a"]}),
            "events": pd.DataFrame(
                {
                    "event_id": ["1"],
                    "user_id": ["a"],
                    "occurred_at": [moment],
                    "known_at": [moment],
                    "kind": ["x"],
                    "value": pd.Series([value], dtype=float),
                }
            ),
        }
    )
    assert pull_activity(connection, [cutoff]).events.value.tolist() == [0.0]

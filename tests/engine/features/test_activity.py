"""The activity stream: order, prefix property, length, and what each table contributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from engine.features.frame import MAX_EVENTS, Sequences
from engine.features.sequences import pull_activity

Open = Callable[..., duckdb.DuckDBPyConnection]
Tables = Mapping[str, pd.DataFrame]


def told(sequences: Sequences, row: int) -> list[tuple[str, str, float, float]]:
    piece = slice(int(sequences.start[row]), int(sequences.stop[row]))
    return [
        (sequences.kinds[kind], sequences.topics[topic], round(float(value), 4), float(moment))
        for kind, topic, value, moment in zip(
            sequences.kind[piece],
            sequences.topic[piece],
            sequences.value[piece],
            sequences.occurred_s[piece],
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
    sequences = pull_activity(connection, cutoff).until(cutoff, np.array(["a", "b"], dtype=object))

    def s(moment: datetime) -> float:
        return (moment - datetime(1970, 1, 1)).total_seconds()

    assert told(sequences, 0) == [
        ("lesson_started", "history", round(float(np.log1p(59.0)), 4), s(one)),
        ("search", "", round(float(np.log1p(3.0)), 4), s(one)),
        ("late", "", 0.0, s(before(days=20))),
        ("payment:failed", "", round(float(np.log1p(99.0)), 4), s(before(days=7))),
        ("message:ticket", "", 0.0, s(before(days=6))),
        ("subscription:started", "", 0.0, s(before(days=5))),
        ("subscription:cancelled", "", 0.0, s(before(days=1))),
    ]
    assert told(sequences, 1) == []
    assert sequences.topics[0] == ""


def test_a_cutoff_is_a_prefix_and_keeps_the_last_128(
    open_world: Open, cutoff: datetime, tables: Tables
) -> None:
    connection = open_world(tables)
    stream = pull_activity(connection, cutoff + timedelta(days=30))
    users = stream.user_ids[::3]
    longest = 0
    for moment in (cutoff - timedelta(days=200), cutoff, cutoff + timedelta(days=30)):
        found = stream.until(moment, users)
        for row, user in enumerate(users):
            place = int(np.searchsorted(stream.user_ids, user))
            mine = slice(int(stream.first[place]), int(stream.first[place + 1]))
            known = int((stream.known_at[mine] < np.datetime64(moment)).sum())
            longest = max(longest, known)
            assert found.stop[row] - found.start[row] == min(known, MAX_EVENTS)
            assert found.stop[row] == mine.start + known
            assert (np.diff(stream.known_at[mine].astype(np.int64)) >= 0).all()
    assert longest > MAX_EVENTS


def test_the_newest_alone_are_the_tail_of_all(
    open_world: Open, cutoff: datetime, tables: Tables
) -> None:
    connection = open_world(tables)
    everything = pull_activity(connection, cutoff)
    tail = pull_activity(connection, cutoff, last=True)
    users = everything.user_ids
    whole, short = everything.until(cutoff, users), tail.until(cutoff, users)
    assert len(tail.known_at) < len(everything.known_at)
    for row in range(len(users)):
        assert told(whole, row) == told(short, row)


def test_unknown_users_and_an_empty_database_have_empty_sequences(
    open_world: Open, cutoff: datetime
) -> None:
    nobody = pull_activity(open_world({}), cutoff)
    found = nobody.until(cutoff, np.array(["a", "z"], dtype=object))
    assert list(found.stop - found.start) == [0, 0]


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
    assert pull_activity(connection, cutoff).events.value.tolist() == [0.0]

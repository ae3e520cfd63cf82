"""What users wrote: the window, both clocks, the newest few, and one array for every cutoff."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from engine.features.build import build_frame, build_labelled
from engine.features.frame import concatenate
from engine.features.messages import (
    MOST_CHARACTERS,
    MOST_MESSAGES,
    WINDOW,
    Messages,
    pull_messages,
)
from engine.timeline import ChurnRule

NOBODY = np.zeros(0, dtype=object)


def told(messages: Messages) -> list[list[str]]:
    return [
        messages.texts(np.arange(start, stop))
        for start, stop in zip(messages.start.tolist(), messages.stop.tolist(), strict=True)
    ]


def world(
    open_world: Callable[..., duckdb.DuckDBPyConnection],
    rows: list[tuple[str, datetime, datetime, str | None]],
) -> duckdb.DuckDBPyConnection:
    columns = ["user_id", "occurred_at", "known_at", "text"]
    messages = pd.DataFrame(rows, columns=columns)
    messages["message_id"] = [f"m{n}" for n in range(len(rows))]
    messages["channel"] = "ticket"
    return open_world({"messages": messages})


def test_a_message_counts_once_it_has_happened_and_is_known_and_is_not_old(
    open_world: Callable[..., duckdb.DuckDBPyConnection], cutoff: datetime
) -> None:
    day = timedelta(days=1)
    connection = world(
        open_world,
        [
            ("a", cutoff - 9 * day, cutoff - 9 * day, "第一条"),
            ("a", cutoff - 9 * day, cutoff, "known too late"),
            ("a", cutoff, cutoff - day, "not written yet"),
            ("a", cutoff - WINDOW - day, cutoff - WINDOW - day, "long ago"),
            ("a", cutoff - 2 * day, cutoff - day, "second"),
            ("b", cutoff - day, cutoff - day, None),
            ("b", cutoff - day, cutoff - day, ""),
            ("c", cutoff - day, cutoff - day, "é" * (MOST_CHARACTERS + 9)),
        ],
    )
    stream = pull_messages(connection, [cutoff, cutoff + 30 * day])
    users = np.array(["a", "b", "c", "nobody"], dtype=object)
    now = stream.until(cutoff, users)
    assert told(now) == [["第一条", "second"], [], ["é" * MOST_CHARACTERS], []]
    ages = cutoff.timestamp() - now.seen_s[now.owned()[1]]
    assert len(ages) == 3
    later = told(stream.until(cutoff + 30 * day, users))
    assert later[0] == ["第一条", "second", "known too late", "not written yet"]


def test_only_the_newest_are_kept_and_equal_moments_are_ordered_by_text(
    open_world: Callable[..., duckdb.DuckDBPyConnection], cutoff: datetime
) -> None:
    hour = timedelta(hours=1)
    rows: list[tuple[str, datetime, datetime, str | None]]
    rows = [("a", cutoff - n * hour, cutoff - n * hour, f"{n:02d}") for n in range(1, 30)]
    rows += [("b", cutoff - hour, cutoff - hour, text) for text in ("y", "x")]
    users = np.array(["a", "b"], dtype=object)
    one = pull_messages(world(open_world, rows), [cutoff]).until(cutoff, users)
    other = pull_messages(world(open_world, rows[::-1]), [cutoff]).until(cutoff, users)
    newest = [f"{n:02d}" for n in range(MOST_MESSAGES, 0, -1)]
    assert told(one) == told(other) == [newest, ["x", "y"]]


def test_no_message_at_all(
    open_world: Callable[..., duckdb.DuckDBPyConnection], cutoff: datetime
) -> None:
    stream = pull_messages(open_world({}), [cutoff])
    assert told(stream.until(cutoff, np.array(["a"], dtype=object))) == [[]]
    assert told(stream.until(cutoff, NOBODY)) == []


def test_training_and_scoring_read_the_same_messages(
    connection: duckdb.DuckDBPyConnection, inactive: ChurnRule, cutoff: datetime
) -> None:
    later = cutoff + timedelta(days=40)
    few: dict[str, Any] = {"columns": ("events_7d",), "sequences": False}
    frames = build_labelled(connection, inactive, [cutoff, later], **few)
    both = concatenate([frames[cutoff], frames[later]]).frame
    parts = [build_frame(connection, inactive, c, **few) for c in (cutoff, later)]
    assert both.messages is not None
    expected = [text for part in parts if part.messages for text in told(part.messages)]
    assert told(both.messages) == expected
    assert any(expected)
    reversed_rows = both.take(np.arange(len(both))[::-1])
    assert reversed_rows.messages is not None
    assert told(reversed_rows.messages) == expected[::-1]
    without = build_frame(connection, inactive, cutoff, messages=False, **few)
    assert without.messages is None

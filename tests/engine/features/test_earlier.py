"""The features of today's users as they stood four weeks before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pandas as pd

from engine.features.build import build_frame
from engine.features.earlier import EARLIER_DAYS, earlier_frame
from engine.timeline import ChurnRule

COLUMNS = ("days_since_activity", "events_28d", "orders_90d", "tickets_90d")
"""None of them compares with other users, so who else is asked about does not matter."""


def test_the_numbers_are_those_of_a_frame_at_that_time(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime
) -> None:
    now = build_frame(connection, rule, cutoff, columns=COLUMNS, sequences=False, messages=False)
    earlier = earlier_frame(connection, rule, cutoff, COLUMNS)
    then = build_frame(
        connection,
        rule,
        cutoff - timedelta(days=EARLIER_DAYS),
        columns=COLUMNS,
        sequences=False,
        messages=False,
    )
    assert earlier.columns == COLUMNS
    assert set(earlier.user_ids) <= set(now.user_ids)
    at_both = np.intersect1d(earlier.user_ids, then.user_ids)
    assert len(at_both) > 20
    np.testing.assert_array_equal(
        earlier.values[np.isin(earlier.user_ids, at_both)],
        then.values[np.isin(then.user_ids, at_both)],
    )
    # a user need not have been eligible then to have had an earlier value
    if rule.kind != "inactive":
        assert not set(earlier.user_ids) <= set(then.user_ids)


def test_who_was_no_user_then_has_no_row(
    open_world: Callable[..., duckdb.DuckDBPyConnection],
    inactive: ChurnRule,
    cutoff: datetime,
    before: Callable[..., datetime],
) -> None:
    connection = open_world(
        {
            "users": pd.DataFrame(
                {
                    "user_id": ["new", "old", "undated", "undated new"],
                    "signed_up_at": [before(days=27), before(days=29), None, None],
                }
            ),
            "events": pd.DataFrame(
                {
                    "event_id": ["1", "2", "3", "4", "5"],
                    "user_id": ["new", "old", "undated", "undated", "undated new"],
                    "occurred_at": [before(days=n) for n in (3, 3, 3, 40, 3)],
                    "known_at": [before(days=n) for n in (3, 3, 3, 40, 3)],
                    "kind": "search",
                }
            ),
        }
    )
    found = earlier_frame(connection, inactive, cutoff, ("events_28d",))
    assert dict(zip(found.user_ids, found.values[:, 0].tolist(), strict=True)) == {
        "old": 0.0,
        "undated": 1.0,
    }

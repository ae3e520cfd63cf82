"""Histories: what every user had done by many moments, labelled or not, and what followed.

No churn rule is asked: whoever has done anything of late is there. So an encoder of sequences can
learn from users and weeks that no labelled row speaks of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import FeatureFrame
from engine.features.sequences import ActivityStream, activity_sql, pull_activity

if TYPE_CHECKING:
    import duckdb

WEEK = timedelta(days=7)

WEEKS_AHEAD = 5
"""What follows is counted in each of so many weeks."""

RECENT_WEEKS = 4
"""A user who was not seen in so many weeks before a moment has no history there."""


@dataclass(frozen=True, slots=True)
class Histories:
    """N rows, one a user and moment; W weeks ahead."""

    frame: FeatureFrame  # without columns
    user: NDArray[np.int64]  # (N,) the same number for every row of one user
    ahead: NDArray[np.float32]  # (N, W) activities in that week; NaN: the week is not over

    def __len__(self) -> int:
        return len(self.user)


def pull_histories(
    connection: duckdb.DuckDBPyConnection, until: datetime, *, weeks: int, most_users: int
) -> Histories:
    """What was known at the last moments, a week apart, of which `until` is the newest.

    Nothing that became known at or after `until` is read, neither as a history nor as what
    followed. Of more than `most_users` active users those come first whose ids do by a hash. Rows
    are in the order of the moments, then of the users.
    """
    moments = [until - WEEK * back for back in reversed(range(weeks))]
    found = connection.execute(
        f"SELECT DISTINCT user_id FROM ({activity_sql()}) AS activity "
        "ORDER BY md5(user_id), user_id LIMIT $most",
        {"until": until, "most": most_users},
    ).fetchnumpy()["user_id"]
    user_ids = np.sort(np.asarray(found, dtype=object))
    return histories_of(pull_activity(connection, moments, user_ids))


def histories_of(stream: ActivityStream) -> Histories:
    """The rows of a stream whose cutoffs lie a week apart."""
    users, moments = stream.stop.shape
    before = np.concatenate([stream.begin[:, None], stream.stop], axis=1)
    # (U, K): in the week that ends at the moment, of at most `MAX_EVENTS`
    count = np.diff(before, axis=1).astype(np.float32)
    # The first span is all that came before the first moment: nobody knows how late.
    count[:, 0] = 0
    ahead = np.full((users, moments, WEEKS_AHEAD), np.nan, np.float32)
    for week in range(WEEKS_AHEAD):
        ahead[:, : moments - week - 1, week] = count[:, week + 1 :]
    frames, members, followed = [], [], []
    for place, moment in enumerate(stream.cutoffs):
        recent = count[:, max(0, place - RECENT_WEEKS + 1) : place + 1].any(axis=1)
        own = np.flatnonzero(recent)
        user_ids = stream.user_ids[own]
        frames.append((stream.until(moment, user_ids), user_ids, np.datetime64(moment, "s")))
        members.append(own)
        followed.append(ahead[own, place])
    sequences = replace(
        stream.events,
        start=np.concatenate([part.start for part, _, _ in frames]),
        stop=np.concatenate([part.stop for part, _, _ in frames]),
    )
    user_ids = np.concatenate([own for _, own, _ in frames])
    return Histories(
        FeatureFrame(
            user_ids,
            np.concatenate([np.full(len(own), moment) for _, own, moment in frames]),
            np.full(len(user_ids), "", dtype=object),
            (),
            np.zeros((len(user_ids), 0), np.float32),
            sequences,
        ),
        np.concatenate(members),
        np.concatenate(followed),
    )

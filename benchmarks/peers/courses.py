"""XuetangX as the peers see it: some forty aggregates of the daily counts, in pandas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers.orders import data_file
from engine.errors import DataError

KINDS = ("access", "discussion", "navigate", "page_close", "problem", "video", "wiki")
COURSE_DAYS = 30
LATE_DAYS = (3, 7)
WEEK_DAYS = 7
SUMMER = np.datetime64("2014-05-01")
"""Courses that begin from here on are the summer's; the last of the winter began in January."""

FILES = ("mooc_xuetangx/daily_events.parquet", "mooc_xuetangx/enrollments.csv.gz")

_COUNTS = """
SELECT enrollment_id, COLUMNS('^event_'),
    CAST(date AS DATE) - min(CAST(date AS DATE)) OVER (PARTITION BY course) AS day
FROM read_parquet($source) ORDER BY enrollment_id, day
"""
_ENROLMENTS = """
SELECT enrollment_id, course, label, first_day
FROM read_csv($labels, types = {'course': 'VARCHAR'})
INNER JOIN (
    SELECT course, min(date) AS first_day FROM read_parquet($source) GROUP BY course
) AS starts USING (course)
ORDER BY enrollment_id
"""


@dataclass(frozen=True, slots=True)
class Enrolments:
    """N enrolments in the order of their numbers, and their columns at one day of the course."""

    number: NDArray[np.int64]  # (N,)
    course: NDArray[np.object_]  # (N,)
    summer: NDArray[np.bool_]  # (N,) the course began in the summer of 2014
    label: NDArray[np.float64]  # (N,) 1 = no event in the ten days after the course's thirty
    values: NDArray[np.float64]  # (N, D)


def read_enrolments(case: str, days: int) -> Enrolments:
    """What is known once `days` days of each course are over.

    Raises `DataError` where the files are absent, or an enrolment is in one of them only.
    """
    source, labels = (data_file(case, file) for file in FILES)
    with duckdb.connect() as connection:
        counts = connection.execute(_COUNTS, {"source": str(source)}).df()
        rows = connection.execute(_ENROLMENTS, {"source": str(source), "labels": str(labels)}).df()
    if set(counts["enrollment_id"]) != set(rows["enrollment_id"]):
        raise DataError("other_population", "daily counts and labels name other enrolments")
    starts = rows["first_day"].to_numpy("datetime64[s]")
    return Enrolments(
        rows["enrollment_id"].to_numpy(np.int64),
        rows["course"].to_numpy(object),
        starts >= SUMMER,
        rows["label"].to_numpy(np.float64),
        _columns(counts[counts["day"] < days], rows["enrollment_id"], days),
    )


def _columns(counts: pd.DataFrame, enrolments: pd.Series[Any], days: int) -> NDArray[np.float64]:
    """Logs of counts, days since and days until: 0 where nothing happened, never negative."""
    names = [f"event_{kind}" for kind in KINDS]
    rows = counts.assign(events=counts[names].sum(axis=1), ago=days - counts["day"])
    grouped = rows.groupby("enrollment_id")
    columns = grouped[[*names, "events"]].sum().add_prefix("sum_")
    columns["active_days"] = grouped.size()
    columns["recency"] = grouped["ago"].min()
    columns["first_day"] = grouped["day"].min()
    columns["gap_mean"] = (grouped["day"].max() - grouped["day"].min()) / columns["active_days"]
    columns["gap_longest"] = grouped["day"].diff().groupby(rows["enrollment_id"]).max()
    columns["busiest"] = grouped["events"].max()
    columns["events_a_day"] = columns["sum_events"] / columns["active_days"]
    columns["kinds"] = (columns[[f"sum_{name}" for name in names]] > 0).sum(axis=1)
    for name in ("event_problem", "event_video"):
        columns[f"days_{name}"] = rows[rows[name] > 0].groupby("enrollment_id").size()
        columns[f"ago_{name}"] = rows[rows[name] > 0].groupby("enrollment_id")["ago"].min()
    for start in range(0, days, WEEK_DAYS):
        week = rows[(rows["day"] >= start) & (rows["day"] < start + WEEK_DAYS)]
        columns[f"events_from_{start}"] = week.groupby("enrollment_id")["events"].sum()
        columns[f"days_from_{start}"] = week.groupby("enrollment_id").size()
    for late in LATE_DAYS:
        last = rows[rows["ago"] <= late].groupby("enrollment_id")
        columns[f"events_last_{late}"] = last["events"].sum()
        columns[f"days_last_{late}"] = last.size()
        columns[f"problems_last_{late}"] = last["event_problem"].sum()
        columns[f"videos_last_{late}"] = last["event_video"].sum()
    columns = columns.reindex(enrolments.to_numpy())
    nothing = {"recency": days + 1, "first_day": days, "ago_event_problem": days + 1}
    columns = columns.fillna({**nothing, "ago_event_video": days + 1}).fillna(0)
    return np.asarray(np.log1p(columns.to_numpy(np.float64)))

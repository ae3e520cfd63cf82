"""Polars and pandas computing the columns of the events, by their own documented idioms.

Polars reads a Parquet file. Pandas is handed categories and numbers already in memory, which only
favours it: a hundred million strings as Python objects would not fit. Both are told whom the churn
rule speaks of; ours finds out by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.world import CUTOFF, eligible_users, events_as_parquet
from engine.features.spec import DAY_S, KINDS

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

WINDOWS = (7, 14, 28, 60, 90)
ACTIVE = (3, 7, 14, 28, 60, 90, 180)

COLUMNS = (
    "events_total",
    "days_since_activity",
    "first_activity_days",
    "days_since_learning",
    *(f"events_{days}d" for days in WINDOWS),
    *(f"learning_{days}d" for days in WINDOWS),
    *(f"minutes_{days}d" for days in WINDOWS),
    *(f"active_days_{days}d" for days in ACTIVE),
    "contents_total",
    "contents_28d",
    "contents_90d",
    "new_contents_28d",
    "new_contents_90d",
    "completion_share",
)
"""What all compute: the events' part of the catalogue that needs no window function."""

Finding = Callable[[], dict[str, Any]]


def checksums(values: NDArray[np.float32]) -> list[list[float]]:
    """Per column of (N, D): present values, their sum, and their sum weighted by the row."""
    numbers = values.astype(np.float64)
    weight = np.arange(1, len(values) + 1, dtype=np.float64)[:, None] / max(1, len(values))
    known = ~np.isnan(numbers)
    filled = np.where(known, numbers, 0.0)
    sums = np.stack([known.sum(0), filled.sum(0), (filled * weight).sum(0)], axis=1)
    return [[float(value) for value in column] for column in sums]


def _with_polars(database: Path, engine: str) -> Callable[[], Finding]:
    import polars as pl

    path, users = events_as_parquet(database), eligible_users(database)
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass

    def work() -> Finding:
        events = pl.scan_parquet(path).filter(pl.col("user_id").is_in(users))
        frame = _polars(events).collect(engine="streaming" if engine else "in-memory")
        values = frame.select(pl.col(COLUMNS).cast(pl.Float32)).to_numpy()
        return lambda: {"users": len(values), "checksums": checksums(values)}

    return work


def _polars(events: pl.LazyFrame) -> pl.LazyFrame:
    import polars as pl

    cutoff = pl.lit(CUTOFF)
    # Ages are whole seconds, fractions rounded up, as in the catalogue.
    second = pl.col("occurred_at").dt.truncate("1s")
    known = events.filter(pl.col("known_at") < cutoff, pl.col("occurred_at") < cutoff).select(
        "user_id",
        "content_id",
        age=(cutoff - second).dt.total_seconds().cast(pl.Int32),
        learns=pl.col("kind").is_in(KINDS["learning"]),
        finishes=pl.col("kind").is_in(KINDS["finished"]),
        ms=(pl.col("duration_s").fill_null(0).clip(0, DAY_S) * 1000).round().cast(pl.Int64),
    )
    age, learns = pl.col("age"), pl.col("learns")
    recent = {days: age <= days * DAY_S for days in ACTIVE + WINDOWS}
    of_users = known.group_by("user_id").agg(
        pl.len().alias("events_total"),
        (age.min() / DAY_S).alias("days_since_activity"),
        (age.max() / DAY_S).alias("first_activity_days"),
        (age.filter(learns).min() / DAY_S).alias("days_since_learning"),
    )
    of_windows = (
        known.filter(recent[90])
        .group_by("user_id")
        .agg(
            *(recent[days].sum().alias(f"events_{days}d") for days in WINDOWS),
            *((recent[days] & learns).sum().alias(f"learning_{days}d") for days in WINDOWS),
            *(
                (pl.col("ms").filter(recent[days]).sum() / 60_000).alias(f"minutes_{days}d")
                for days in WINDOWS
            ),
        )
    )
    day = (age - 1) // DAY_S
    of_days = (
        known.filter(recent[180])
        .select("user_id", day=day)
        .unique()
        .group_by("user_id")
        .agg(*((pl.col("day") < days).sum().alias(f"active_days_{days}d") for days in ACTIVE))
    )
    first, last = pl.col("first"), pl.col("last")
    of_contents = (
        known.filter(learns, pl.col("content_id").is_not_null())
        .group_by("user_id", "content_id")
        .agg(
            first=age.max(),
            last=age.min(),
            finished=pl.col("finishes").any(),
        )
        .group_by("user_id")
        .agg(
            pl.len().alias("contents_total"),
            *((last <= days * DAY_S).sum().alias(f"contents_{days}d") for days in (28, 90)),
            *((first <= days * DAY_S).sum().alias(f"new_contents_{days}d") for days in (28, 90)),
            pl.col("finished").mean().alias("completion_share"),
        )
    )
    joined = of_users
    for part in (of_windows, of_days, of_contents):
        joined = joined.join(part, on="user_id", how="left")
    missing = {"days_since_activity", "first_activity_days", "days_since_learning"}
    counts = [name for name in COLUMNS if name not in missing | {"completion_share"}]
    return joined.with_columns(pl.col(counts).fill_null(0)).sort("user_id")


def _with_pandas(database: Path) -> Callable[[], Finding]:
    import duckdb

    with duckdb.connect() as connection:
        literal = str(database).replace("'", "''")
        connection.execute(f"ATTACH '{literal}' AS world (READ_ONLY)")
        for name, column in (
            ("a_user", "user_id"),
            ("a_content", "content_id"),
            ("a_kind", "kind"),
        ):
            connection.execute(
                f"CREATE TYPE {name} AS ENUM (SELECT DISTINCT {column} FROM world.events "
                f"WHERE {column} IS NOT NULL ORDER BY {column})"
            )
        events = connection.execute(
            "SELECT CAST(user_id AS a_user) AS user_id, occurred_at, known_at, "
            "CAST(kind AS a_kind) AS kind, CAST(content_id AS a_content) AS content_id, "
            "duration_s FROM world.events WHERE user_id IN (SELECT unnest($users))",
            {"users": eligible_users(database)},
        ).df()

    def work() -> Finding:
        values = _pandas(events).to_numpy(dtype=np.float32)
        return lambda: {"users": len(values), "checksums": checksums(values)}

    return work


def _pandas(events: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    cutoff = pd.Timestamp(CUTOFF)
    events = events[(events["known_at"] < cutoff) & (events["occurred_at"] < cutoff)]
    second = events["occurred_at"].dt.floor("s")
    known = pd.DataFrame(
        {
            "user": events["user_id"].cat.codes,
            "content": events["content_id"].cat.codes,
            "age": ((cutoff - second) // pd.Timedelta(seconds=1)).astype("int32"),
            "learns": events["kind"].isin(KINDS["learning"]),
            "finishes": events["kind"].isin(KINDS["finished"]),
            "ms": (events["duration_s"].fillna(0).clip(0, DAY_S) * 1000).round().astype("int64"),
        }
    )
    ages = known.groupby("user")["age"]
    result = pd.DataFrame(
        {
            "events_total": ages.size(),
            "days_since_activity": ages.min() / DAY_S,
            "first_activity_days": ages.max() / DAY_S,
        }
    )
    learning = known[known["learns"]]
    result["days_since_learning"] = learning.groupby("user")["age"].min() / DAY_S
    for days in WINDOWS:
        recent = known[known["age"] <= days * DAY_S]
        grouped = recent.groupby("user")
        result[f"events_{days}d"] = grouped.size()
        result[f"learning_{days}d"] = grouped["learns"].sum()
        result[f"minutes_{days}d"] = grouped["ms"].sum() / 60_000
    lately = known[known["age"] <= 180 * DAY_S]
    days_seen = pd.DataFrame(
        {"user": lately["user"], "day": (lately["age"] - 1) // DAY_S}
    ).drop_duplicates()
    for days in ACTIVE:
        result[f"active_days_{days}d"] = (
            days_seen[days_seen["day"] < days].groupby("user")["day"].size()
        )
    opened = learning[learning["content"] >= 0].groupby(["user", "content"])
    touched = pd.DataFrame(
        {
            "first": opened["age"].max(),
            "last": opened["age"].min(),
            "finished": opened["finishes"].max(),
        }
    ).reset_index()
    by_user = touched.groupby("user")
    result["contents_total"] = by_user.size()
    for days in (28, 90):
        limit = days * DAY_S
        result[f"contents_{days}d"] = touched[touched["last"] <= limit].groupby("user").size()
        result[f"new_contents_{days}d"] = touched[touched["first"] <= limit].groupby("user").size()
    result["completion_share"] = by_user["finished"].mean()
    missing = {"days_since_activity", "first_activity_days", "days_since_learning"}
    counts = [name for name in COLUMNS if name not in missing | {"completion_share"}]
    result[counts] = result[counts].fillna(0)
    return result.sort_index()[list(COLUMNS)]


JOBS: dict[str, Callable[[Path], Callable[[], Finding]]] = {
    "polars_lazy": lambda database: _with_polars(database, ""),
    "polars_streaming": lambda database: _with_polars(database, "streaming"),
    "pandas": _with_pandas,
}

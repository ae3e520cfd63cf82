"""The same facts told by another clock, or told twice, give the same features."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from engine.data.load import load
from engine.features.build import build_labelled
from engine.features.frame import LabelledFrame
from engine.features.proofs import differences
from engine.store.lease import lease
from engine.timeline import ChurnRule

pytestmark = pytest.mark.slow

Tables = dict[str, pd.DataFrame]

CUTOFF = datetime(2025, 11, 10)
NOW = datetime(2026, 8, 1)
RULE = ChurnRule("inactive", horizon_days=28, active_within_days=60)

MAPPING = """\
[business]
name = "Clock"
source_timezone = "{zone}"
[churn]
rule = "inactive"
horizon_days = 28
active_within_days = 60
"""

TIMES = {
    "users": ("signed_up_at",),
    "events": ("occurred_at", "known_at"),
    "payments": ("occurred_at", "known_at"),
    "subscriptions": (
        "started_at",
        "ends_at",
        "cancelled_at",
        "known_at",
        "paused_at",
        "resumes_at",
    ),
    "messages": ("occurred_at", "known_at", "resolved_at"),
}

REPEATED_HOUR = (datetime(2025, 10, 26), datetime(2025, 10, 26, 2))
"""UTC: when Berlin's clocks go back an hour is told twice; without an offset it is ambiguous."""


def labelled(
    folder: Path, tables: Tables, zone: str, clock: Callable[[datetime], str]
) -> LabelledFrame:
    """`tables` written with `clock` and loaded as of `zone`; the rows of the cutoff."""
    folder.mkdir()
    mapping = MAPPING.format(zone=zone)
    for name, times in TIMES.items():
        rows = tables[name].copy()
        for column in times:
            rows[column] = [
                "" if pd.isna(moment) else clock(moment.to_pydatetime()) for moment in rows[column]
            ]
        rows.to_csv(folder / f"{name}.csv", index=False)
        mapping += f'[tables.{name}]\nsource = "{name}.csv"\n'
    (folder / "mapping.toml").write_text(mapping, "utf-8")
    database = folder / "behaviour.duckdb"
    load(folder / "mapping.toml", database, now=NOW)
    with lease(database) as connection:
        return build_labelled(connection, RULE, [CUTOFF])[CUTOFF]


def utc(moment: datetime) -> str:
    return moment.isoformat(" ")


def local(zone: str) -> Callable[[datetime], str]:
    def tell(moment: datetime) -> str:
        aware = moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone))
        return aware.replace(tzinfo=None).isoformat(" ")

    return tell


def with_offset(zone: str) -> Callable[[datetime], str]:
    def tell(moment: datetime) -> str:
        return moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(zone)).isoformat(" ")

    return tell


def same(one: LabelledFrame, other: LabelledFrame) -> None:
    assert len(one) > 20
    assert 0 < one.label.sum() < len(one)
    assert differences(one.frame, other.frame) == ()
    assert one.label.tolist() == other.label.tolist()


@pytest.fixture(scope="module")
def facts(tables: Tables) -> Tables:
    """The world of the other tests, to the second, its rows kept in what the loader accepts."""
    kept = {name: tables[name].copy() for name in TIMES}
    for name, times in TIMES.items():
        for column in times:
            kept[name][column] = kept[name][column].astype("datetime64[s]")
    terms = kept["subscriptions"]
    terms["known_at"] = terms["started_at"]
    kept["messages"]["text"] = "…"
    days = np.random.default_rng(5).integers(0, 3 * 86_400, 400)
    for start, part in (
        (datetime(2025, 3, 29), slice(0, 200)),
        (datetime(2025, 10, 25), slice(200, 400)),
    ):
        moments = np.datetime64(start, "s") + days[part].astype("timedelta64[s]")
        kept["events"].loc[part.start : part.stop - 1, "occurred_at"] = moments
        kept["events"].loc[part.start : part.stop - 1, "known_at"] = moments
    return kept


def unambiguous(facts: Tables) -> Tables:
    """Without the rows that fall into the hour which Berlin tells twice."""
    start, stop = REPEATED_HOUR
    kept = {}
    for name, rows in facts.items():
        told_twice = np.zeros(len(rows), dtype=bool)
        for column in TIMES[name]:
            told_twice |= ((rows[column] >= start) & (rows[column] < stop)).to_numpy()
        kept[name] = rows[~told_twice]
    return kept


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/Berlin"])
def test_a_clock_of_another_zone_gives_the_same_features(
    facts: Tables, tmp_path: Path, zone: str
) -> None:
    kept = unambiguous(facts)
    assert len(kept["events"]) > len(facts["events"]) - 100
    one = labelled(tmp_path / "utc", kept, "UTC", utc)
    same(one, labelled(tmp_path / "local", kept, zone, local(zone)))


def test_offsets_tell_the_hour_that_comes_twice(facts: Tables, tmp_path: Path) -> None:
    start, stop = REPEATED_HOUR
    happened = facts["events"]["occurred_at"]
    assert ((happened >= start) & (happened < stop)).sum() > 3
    one = labelled(tmp_path / "utc", facts, "UTC", utc)
    same(one, labelled(tmp_path / "offset", facts, "Asia/Tokyo", with_offset("Europe/Berlin")))


def test_a_row_that_comes_twice_changes_nothing(facts: Tables, tmp_path: Path) -> None:
    twice = {
        name: pd.concat([rows, rows.sample(frac=0.3, random_state=2)]).sample(
            frac=1, random_state=3
        )
        for name, rows in facts.items()
    }
    one = labelled(tmp_path / "once", facts, "UTC", utc)
    same(one, labelled(tmp_path / "twice", twice, "UTC", utc))

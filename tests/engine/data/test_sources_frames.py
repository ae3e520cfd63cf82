"""Frames of the calling program: pandas, polars, and the Arrow interface alone."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from engine.data.sources import Source, copy_source
from engine.errors import UsageError
from tests.engine.data.conftest import NOW, Client


def read(frame: object, name: str = "f") -> tuple[list[str], list[tuple[object, ...]]]:
    with duckdb.connect() as connection:
        copy_source(connection, Source(Path(), f"frame:{name}"), "here", frames={"f": frame})
        kinds = [row[1] for row in connection.execute("DESCRIBE here").fetchall()]
        return kinds, connection.execute("SELECT * FROM here").fetchall()


class OnlyArrow:
    """What any library may hand over."""

    def __init__(self, frame: object) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)  # type: ignore[attr-defined]


def test_pandas_keeps_types_and_missing_values() -> None:
    frame = pd.DataFrame(
        {
            "id": ["a", None],
            "n": [1, 2],
            "x": [1.5, None],
            "seen": pd.to_datetime(["2026-01-05 08:00", None]),
            "plan": pd.Categorical(["year", "month"]),
            "zoned": pd.to_datetime(["2026-01-05 08:00", None]).tz_localize("Asia/Shanghai"),
        }
    )
    with duckdb.connect() as connection:
        copy_source(connection, Source(Path(), "frame:f"), "here", frames={"f": frame})
        rows = connection.execute("SELECT * EXCLUDE zoned, epoch(zoned) FROM here").fetchall()
    assert rows == [
        ("a", 1, 1.5, datetime(2026, 1, 5, 8), "year", 1767571200.0),
        (None, 2, None, None, "month", None),
    ]


def test_polars_and_arrow_need_no_pyarrow() -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = polars.DataFrame(
        {"id": ["a", None], "n": [1, 2], "day": [date(2026, 1, 5), None], "tags": [["x"], []]}
    )
    wanted = [("a", 1, date(2026, 1, 5), ["x"]), (None, 2, None, [])]
    for given in (frame, frame.lazy(), OnlyArrow(frame)):
        assert read(given) == (["VARCHAR", "BIGINT", "DATE", "VARCHAR[]"], wanted)


def test_a_frame_that_is_not_there_or_is_none() -> None:
    with pytest.raises(UsageError, match=r"frame:ff: no frame of that name .* Did you mean 'f'\?"):
        read(pd.DataFrame({"id": [1]}), "ff")
    with pytest.raises(UsageError, match=r"frame:f is a list, which is no frame"):
        read([1, 2])


def test_a_load_reads_files_and_frames_together(client: Client) -> None:
    frame = pd.DataFrame(
        {
            "user_id": ["u1", "u2", "nobody"],
            "occurred_at": pd.to_datetime(["2026-01-05", "2026-01-06", "2026-01-07"]),
            "kind": ["lesson"] * 3,
        }
    )
    client.map('[tables.users]\nsource = "users.csv"\n[tables.events]\nsource = "frame:events"\n')
    report = client.load(frames={"events": frame}, now=NOW)
    assert (report.tables[1].read, report.tables[1].kept) == (3, 2)
    with pytest.raises(UsageError, match="no frame of that name was given"):
        client.load()

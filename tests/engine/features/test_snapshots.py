"""Cached features: equal to computed ones bit for bit, and never those of another past."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load_file

from engine.data.contract import contract
from engine.data.digests import count_anew
from engine.features.build import build_frame, build_labelled
from engine.features.proofs import differences
from engine.features.snapshots import FeatureTable, Snapshots, key_of, size_bytes
from engine.timeline import ChurnRule

Open = Callable[..., duckdb.DuckDBPyConnection]
Tables = Mapping[str, pd.DataFrame]

PLENTY = 1 << 30
DAY = timedelta(days=1)


def digested(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The digests as a load leaves them."""
    for table in contract().values():
        count_anew(connection, table)
    return connection


def table(rows: int = 5, columns: int = 3) -> FeatureTable:
    rng = np.random.default_rng(rows)
    values = rng.standard_normal((rows, columns)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    return FeatureTable(
        np.array([f"用户 {n}\n" for n in range(rows)], dtype=object),
        np.array([("monthly", "年度")[n % 2] for n in range(rows)], dtype=object),
        values,
    )


def same(one: FeatureTable, other: FeatureTable | None) -> bool:
    return (
        other is not None
        and list(one.user_ids) == list(other.user_ids)
        and list(one.segments) == list(other.segments)
        and one.values.tobytes() == other.values.tobytes()
    )


@settings(max_examples=25, deadline=None)
@given(
    values=arrays(np.float32, st.tuples(st.integers(0, 7), st.integers(0, 4))),
    data=st.data(),
)
def test_what_is_kept_is_read(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, data: st.DataObject
) -> None:
    text = st.text(st.characters(exclude_categories=["Cs"]))
    texts = st.lists(text, min_size=len(values), max_size=len(values))
    kept = FeatureTable(
        np.array([*data.draw(texts), None], dtype=object)[:-1],
        np.array([*data.draw(texts), None], dtype=object)[:-1],
        values,
    )
    snapshots = Snapshots(tmp_path_factory.mktemp("features"), PLENTY)
    assert snapshots.read("key") is None
    assert snapshots.keep("key", kept)
    assert same(kept, snapshots.read("key"))


def test_a_snapshot_is_a_safetensors_file_that_is_mapped_read_only(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "features", PLENTY)
    assert snapshots.keep("key", table())
    (file,) = (tmp_path / "features").iterdir()
    assert load_file(file)["values"].tobytes() == table().values.tobytes()
    found = snapshots.read("key")
    assert found is not None
    assert not found.values.flags.writeable
    assert not found.values.flags.owndata


@pytest.mark.parametrize("place", [0, 3, 9, 60, 200, -60, -1])
def test_a_damaged_byte_is_no_snapshot(tmp_path: Path, place: int) -> None:
    snapshots = Snapshots(tmp_path, PLENTY)
    assert snapshots.keep("key", table())
    (file,) = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[place] ^= 0x10
    file.write_bytes(content)
    assert snapshots.read("key") is None
    assert snapshots.keep("key", table())
    assert same(table(), snapshots.read("key"))


@pytest.mark.parametrize("length", [0, 4, 8, 50, 300, -1])
def test_a_cut_or_foreign_file_is_no_snapshot(tmp_path: Path, length: int) -> None:
    snapshots = Snapshots(tmp_path, PLENTY)
    assert snapshots.keep("key", table())
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:length])
    assert snapshots.read("key") is None
    file.write_bytes(b"\x80\x04pickle" * 99)
    assert snapshots.read("key") is None
    assert snapshots.keep("other", table(6))
    os.replace(tmp_path / "other.safetensors", file)
    assert snapshots.read("key") is None, "whole, but of another key"


def test_what_was_unused_for_longest_goes_first(tmp_path: Path) -> None:
    one = Snapshots(tmp_path / "one", PLENTY)
    assert one.keep("key", table(100))
    size = size_bytes(tmp_path / "one")
    snapshots = Snapshots(tmp_path / "features", 3 * size)
    for place, key in enumerate("abc"):
        assert snapshots.keep(key, table(100))
        os.utime(tmp_path / "features" / f"{key}.safetensors", (place, place))
    assert snapshots.read("a") is not None
    assert snapshots.keep("d", table(100))
    assert [key for key in "abcd" if snapshots.read(key) is not None] == ["a", "c", "d"]
    assert size_bytes(tmp_path / "features") <= 3 * size
    assert not snapshots.keep("huge", table(1000))
    assert not Snapshots(tmp_path / "none", 0).keep("key", table())
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    snapshots = Snapshots(tmp_path / "file", PLENTY)
    assert not snapshots.keep("key", table())
    assert snapshots.read("key") is None


def written(folder: Path) -> set[tuple[str, int]]:
    """Name and identity of every snapshot: one that is computed is a new file, also of old name."""
    return {(file.name, file.stat().st_ino) for file in folder.iterdir()}


@pytest.mark.slow
def test_a_retrain_computes_only_new_cutoffs(
    open_world: Open,
    tables: Tables,
    inactive: ChurnRule,
    cutoff: datetime,
    tmp_path: Path,
) -> None:
    connection = digested(open_world(tables))
    snapshots = Snapshots(tmp_path, PLENTY)
    cutoffs = [cutoff - 28 * DAY, cutoff - 14 * DAY]
    columns = build_frame(connection, inactive, cutoff, sequences=False).columns[::9]
    built = partial(build_labelled, connection, inactive, columns=columns)
    built(cutoffs, snapshots=snapshots)
    before = written(tmp_path)
    assert len(before) == 2
    again = built([*cutoffs, cutoff], snapshots=snapshots)
    (new,) = written(tmp_path) - before
    assert new[0].startswith(f"{cutoff:%Y%m%d}-")
    assert before < written(tmp_path)
    plain = built([*cutoffs, cutoff])
    for moment, rows in plain.items():
        assert differences(rows.frame, again[moment].frame) == ()
        assert np.array_equal(rows.label, again[moment].label)


@pytest.mark.slow
def test_later_rows_leave_a_snapshot_valid_and_a_changed_past_does_not(
    open_world: Open,
    tables: Tables,
    inactive: ChurnRule,
    cutoff: datetime,
    tmp_path: Path,
) -> None:
    snapshots = Snapshots(tmp_path, PLENTY)
    known = until(tables, cutoff)
    # A model's columns: those of the data may grow with what the future brings.
    columns = build_frame(open_world(known), inactive, cutoff, sequences=False).columns[::9]

    def computed(world: Tables) -> bool:
        """Whether the frame was computed rather than read; what was read is the right one."""
        connection = digested(open_world(world))
        before = written(tmp_path)
        asked = partial(build_frame, connection, inactive, cutoff, columns=columns, sequences=False)
        cached = asked(snapshots=snapshots)
        if written(tmp_path) != before:
            return True
        assert differences(asked(), cached) == ()
        return False

    assert computed(known)
    assert not computed(known)
    # The whole future arrives: later rows, cancellations and solutions of known ones.
    assert not computed(tables)
    for change in past_changes(tables, cutoff):
        assert computed(change)
    assert not computed(tables)


def until(tables: Tables, cutoff: datetime) -> dict[str, pd.DataFrame]:
    """The world as it was loaded on the morning of `cutoff`."""
    found = {}
    for name, rows in tables.items():
        if name == "users":
            found[name] = rows[~(rows["signed_up_at"] >= cutoff)]
        elif name == "contents":
            found[name] = rows[~(rows["published_at"] >= cutoff)]
        elif "known_at" in rows:
            happened = "started_at" if name == "subscriptions" else "occurred_at"
            found[name] = rows[(rows["known_at"] < cutoff) & (rows[happened] < cutoff)].copy()
        else:
            found[name] = rows
    terms, messages = found["subscriptions"], found["messages"]
    later = terms["cancelled_at"] >= cutoff
    terms.loc[later, "auto_renew"] = True
    terms.loc[later, "cancelled_at"] = pd.NaT
    messages.loc[messages["resolved_at"] >= cutoff, "resolved_at"] = pd.NaT
    return found


def past_changes(tables: Tables, cutoff: datetime) -> list[dict[str, pd.DataFrame]]:
    """Worlds in which one known fact is another."""

    def changed(name: str, column: str, value: object) -> dict[str, pd.DataFrame]:
        rows = tables[name].copy()
        moment = "started_at" if name == "subscriptions" else "occurred_at"
        known = rows[(rows["known_at"] < cutoff) & (rows[moment] < cutoff)]
        rows.loc[known.index[len(known) // 2], column] = value
        return {**tables, name: rows}

    late = (
        tables["events"]
        .tail(1)
        .assign(event_id="late", occurred_at=cutoff - 9 * DAY, known_at=cutoff - DAY)
    )
    return [
        changed("events", "duration_s", 77.5),
        changed("events", "kind", "search"),
        changed("payments", "amount", 1234.5),
        changed("subscriptions", "cancelled_at", cutoff - DAY),
        changed("subscriptions", "ends_at", cutoff + 500 * DAY),
        changed("messages", "resolved_at", cutoff - DAY),
        {**tables, "events": pd.concat([tables["events"], late])},
        {**tables, "events": tables["events"].iloc[1:]},
        {**tables, "users": tables["users"].assign(signed_up_at=cutoff - 400 * DAY)},
    ]


def test_a_key_is_all_that_decides_the_numbers(
    open_world: Open, tables: Tables, cutoff: datetime
) -> None:
    connection = digested(open_world(tables))
    keys = [
        key_of(connection, cutoff, "SELECT 1", {"grace_days": 0}),
        key_of(connection, cutoff, "SELECT 2", {"grace_days": 0}),
        key_of(connection, cutoff, "SELECT 1", {"grace_days": 1}),
        key_of(connection, cutoff + DAY, "SELECT 1", {"grace_days": 0}),
    ]
    assert len(set(keys)) == len(keys)
    assert key_of(connection, cutoff, "SELECT 1", {"grace_days": 0}) == keys[0]
    moment = datetime(2026, 1, 5)
    connection.execute("INSERT INTO outcomes VALUES ('u0001', 1, $moment)", {"moment": moment})
    assert key_of(digested(connection), moment, "SELECT 1", {}) != key_of(
        digested(open_world(tables)), moment, "SELECT 1", {}
    ), "labels of the cutoff's own date decide who is asked about"


def test_without_digests_or_at_noon_nothing_is_cached(
    open_world: Open, tables: Tables, inactive: ChurnRule, cutoff: datetime, tmp_path: Path
) -> None:
    connection = open_world(tables)
    assert key_of(connection, cutoff, "SELECT 1", {}) is None
    connection.execute("DROP TABLE known_digest")
    assert key_of(connection, cutoff, "SELECT 1", {}) is None
    assert key_of(digested(open_world(tables)), cutoff + DAY / 2, "SELECT 1", {}) is None

"""The example mappings on the real data they are written for: counts as published."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from engine.data.load import load
from engine.data.mapping import read_mapping
from engine.features.attributes.frames import labelled_users
from engine.features.attributes.schema import learn_attributes, timeless
from engine.store.lease import lease
from engine.timeline import ChurnRule

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("RETENTION_DATA") or ROOT.parent / "shared" / "data")
NOW = datetime(2026, 1, 1)


def folder(name: str, file: str) -> Path:
    if not (DATA / name / file).exists():
        pytest.skip(f"{file} is not in RETENTION_DATA/{name}")
    return DATA / name


def test_each_example_names_a_file_beside_it_and_says_where_to_get_it() -> None:
    examples = sorted((ROOT / "docs" / "examples").glob("*/mapping.toml"))
    assert [path.parent.name for path in examples] == [
        "cdnow",
        "iranian-churn",
        "online-retail-ii",
        "telco",
        "xuetangx",
    ]
    for path in examples:
        readme = (path.parent / "README.md").read_text("utf-8")
        for table in read_mapping(path).tables.values():
            assert Path(table.source).name == table.source
            assert table.source in readme


@pytest.mark.data
def test_cdnow(tmp_path: Path) -> None:
    mapping = ROOT / "docs" / "examples" / "cdnow" / "mapping.toml"
    database = tmp_path / "behaviour.duckdb"
    report = load(mapping, database, now=NOW, data_dir=folder("cdnow", "cdnow_master.csv.gz"))
    assert [(t.table, t.kept, t.quarantined) for t in report.tables] == [
        ("users", 23_570, {}),
        ("payments", 67_591, {}),  # 69,659 order lines, one payment a customer and day
    ]
    assert report.as_of == datetime(1998, 7, 1)
    assert read_mapping(mapping).rule == ChurnRule("no_payment", 91, 0, 600, 0)
    with lease(database) as connection:
        figures = connection.execute(
            "SELECT round(sum(amount), 2), count(*) FILTER (WHERE amount = 0), "
            "count(DISTINCT user_id), min(occurred_at) FROM payments WHERE status = 'succeeded'"
        ).fetchone()
        late = connection.execute("SELECT max(signed_up_at) FROM users").fetchone()
    assert figures == (2_500_315.63, 80, 23_570, datetime(1997, 1, 1))
    assert late is not None
    assert late[0] < datetime(1997, 4, 1)  # one cohort: first purchases of the first quarter


@pytest.mark.data
def test_online_retail_ii(tmp_path: Path) -> None:
    mapping = ROOT / "docs" / "examples" / "online-retail-ii" / "mapping.toml"
    database = tmp_path / "behaviour.duckdb"
    report = load(mapping, database, now=NOW, data_dir=folder("online_retail_ii", "orders.parquet"))
    assert [(t.table, t.kept, t.quarantined) for t in report.tables] == [
        ("users", 5_942, {}),
        ("payments", 44_751, {}),
    ]
    assert report.as_of == datetime(2011, 12, 10)
    with lease(database) as connection:
        by_status = connection.execute(
            "SELECT status, count(*), min(amount) >= 0 FROM payments GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        net = connection.execute(
            "SELECT round(sum(CASE status WHEN 'refunded' THEN -amount ELSE amount END), 2) "
            "FROM payments"
        ).fetchone()
        # The published protocol: at the end of 2011-09-10, buyers of 365 days; none in 90 days.
        protocol = connection.execute(
            """
            WITH buyers AS (
                SELECT DISTINCT user_id FROM payments WHERE status = 'succeeded'
                AND occurred_at >= TIMESTAMP '2011-09-11' - INTERVAL 365 DAY
                AND occurred_at < TIMESTAMP '2011-09-11'
            ), stayed AS (
                SELECT DISTINCT user_id FROM payments WHERE status = 'succeeded'
                AND occurred_at >= TIMESTAMP '2011-09-11'
                AND occurred_at < TIMESTAMP '2011-09-11' + INTERVAL 90 DAY
            )
            SELECT count(*), round(1 - count(stayed.user_id) / count(*), 3)
            FROM buyers LEFT JOIN stayed USING (user_id)
            """
        ).fetchone()
    assert by_status == [("refunded", 7_894, True), ("succeeded", 36_857, True)]
    assert net == (16_343_651.02,)
    assert protocol == (4_313, 0.493)


def test_the_two_mappings_of_xuetangx_differ_in_the_day_alone() -> None:
    place = ROOT / "docs" / "examples" / "xuetangx"
    late, early = (read_mapping(place / name) for name in ("mapping.toml", "day-14.toml"))
    assert late.rule == ChurnRule("label", 10, 0)
    assert early.rule == ChurnRule("label", 10, 16)
    asked = late.tables["outcomes"].columns["as_of"]
    assert asked == "first_day + 30"
    outcomes = replace(
        early.tables["outcomes"],
        columns={**early.tables["outcomes"].columns, "as_of": asked},
    )
    assert {**early.tables, "outcomes": outcomes} == dict(late.tables)


@pytest.mark.data
@pytest.mark.slow
def test_xuetangx(tmp_path: Path) -> None:
    path = ROOT / "docs" / "examples" / "xuetangx" / "mapping.toml"
    place = folder("mooc_xuetangx", "daily_events.parquet")
    report = load(path, tmp_path / "b.duckdb", now=NOW, data_dir=place)
    assert [(t.table, t.kept, t.quarantined) for t in report.tables] == [
        ("users", 28_360, {}),
        ("events", 1_783_923, {}),  # the counts of all kinds and days together
        ("outcomes", 28_360, {}),
    ]
    with lease(tmp_path / "b.duckdb") as connection:
        wrong = connection.execute(
            "SELECT count(*) FROM users JOIN outcomes USING (user_id) "
            "WHERE as_of != signed_up_at + INTERVAL 30 DAY"
        ).fetchone()
        days = connection.execute(
            "SELECT count(DISTINCT (user_id, CAST(occurred_at AS DATE))) FROM events"
        ).fetchone()
    assert wrong == (0,)
    assert days == (67_310,)  # as many as the file has rows: no count spills into the next day


@pytest.mark.data
@pytest.mark.parametrize(
    ("example", "place", "users", "left", "columns", "charged"),
    [
        ("telco", ("telco_ibm", "telco.csv.gz"), 7_043, 1_869, 38, 7_043),
        # 3,150 rows, 300 of them copies; a customer value of 0 is no charge
        ("iranian-churn", ("iranian_churn", "iranian_churn.csv.gz"), 2_850, 446, 13, 2_765),
    ],
)
def test_tables_without_a_time_axis(
    example: str,
    place: tuple[str, str],
    users: int,
    left: int,
    columns: int,
    charged: int,
    tmp_path: Path,
) -> None:
    mapping = ROOT / "docs" / "examples" / example / "mapping.toml"
    report = load(mapping, tmp_path / "b.duckdb", now=NOW, data_dir=folder(*place))
    assert {(t.table, t.kept, len(t.quarantined)) for t in report.tables} == {
        ("users", users, 0),
        ("user_sensitive", users, 0),
        ("outcomes", users, 0),
    }
    with lease(tmp_path / "b.duckdb") as connection:
        assert timeless(connection)
        schema = learn_attributes(connection)
        rows = labelled_users(connection, schema, report.as_of)
        charges = connection.execute("SELECT count(*) FROM usual_charge").fetchone()
    assert (len(rows), int(rows.label.sum())) == (users, left)
    assert len(rows.frame.columns) == columns
    assert charges == (charged,)
    traits = {"gender", "SeniorCitizen", "Age", "Age Group"}
    assert not traits & {attribute.name for attribute in schema}

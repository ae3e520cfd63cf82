"""Attributes of a table without a time axis: what they are read as, on these rows and on others."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest

from engine.data.attributes import attributes_of_user
from engine.data.contract import behaviour_sql
from engine.data.load import load
from engine.errors import DataError, UsageError
from engine.explain.words import sentence
from engine.features.attributes.frames import labelled_users, staying_users
from engine.features.attributes.schema import (
    Attribute,
    columns_of,
    learn_attributes,
    timeless,
)
from engine.features.attributes.words import attribute_specs
from engine.store.codec import from_json, to_json
from engine.store.lease import lease

NOW = datetime(2026, 3, 1, 12)


@pytest.fixture
def database(static_table: Path) -> Path:
    load(static_table / "mapping.toml", static_table / "b.duckdb", now=NOW)
    return static_table / "b.duckdb"


def table(
    *users: tuple[str, dict[str, object] | str | None, int | None],
) -> duckdb.DuckDBPyConnection:
    """A database of users with attributes and, where it is not None, a label."""
    connection = duckdb.connect()
    connection.execute(behaviour_sql())
    for user_id, held, label in users:
        text = json.dumps(held) if isinstance(held, dict) else held
        connection.execute("INSERT INTO users (user_id, attributes) VALUES (?, ?)", [user_id, text])
        if label is not None:
            connection.execute("INSERT INTO outcomes VALUES (?, ?, NULL)", [user_id, label])
    return connection


def test_kinds_are_read_from_the_values_and_what_never_varies_is_left_out(database: Path) -> None:
    with lease(database) as connection:
        found = {one.name: one for one in learn_attributes(connection)}
        assert timeless(connection)
    assert {name: one.kind for name, one in found.items()} == {
        "a/b~{value}": "number",
        "auto pay": "flag",
        "contract": "words",
        "fee": "number",
        "months": "number",
        "town": "words",
    }
    assert found["contract"].levels == ("monthly", "yearly", "two {years}")
    assert not found["contract"].other
    assert set(found["town"].levels) == {"Ulm", "Jena", "慕尼黑"}
    assert found["town"].other  # 420 villages of one customer each
    assert "gender" not in found


def test_labels_are_not_looked_at(database: Path) -> None:
    with lease(database) as connection:
        before = learn_attributes(connection)
    with duckdb.connect(database) as connection:
        connection.execute("UPDATE outcomes SET label = 1 - label")
        assert learn_attributes(connection) == before


def test_numbers_flags_words_and_what_is_missing() -> None:
    schema = (
        Attribute("n", "number"),
        Attribute("f", "flag"),
        Attribute("w", "words", levels=("x", "y"), other=True),
    )
    connection = table(
        ("a", {"n": "1.5", "f": "Yes", "w": "x"}, 0),
        ("b", {"n": 7, "f": False, "w": " y "}, 1),
        ("c", {"n": "much", "f": "perhaps", "w": "never seen"}, 0),
        ("d", {"n": "1e999", "w": ""}, 0),
        ("e", "no JSON", 0),
        ("f", None, None),
    )
    rows = labelled_users(connection, schema, NOW)
    nan = np.nan
    expected = [
        [1.5, 1, 1, 0, 0],
        [7, 0, 0, 1, 0],
        [nan, nan, 0, 0, 1],
        [nan, nan, nan, nan, nan],
        [nan, nan, nan, nan, nan],
    ]
    assert columns_of(schema) == ("n", "f", "w = x", "w = y", "w = other")
    assert rows.frame.columns == columns_of(schema)
    np.testing.assert_array_equal(rows.frame.values, np.array(expected, np.float32))
    assert rows.label.tolist() == [0, 1, 0, 0, 0]
    assert staying_users(connection, schema, NOW).user_ids.tolist() == ["a", "c", "d", "e", "f"]


def test_a_schema_survives_its_way_through_the_model(database: Path) -> None:
    with lease(database) as connection:
        schema = learn_attributes(connection)
    again = from_json(tuple[Attribute, ...], json.loads(json.dumps(to_json(schema))))
    assert again == schema


def test_the_order_of_the_file_does_not_matter(static_table: Path, tmp_path: Path) -> None:
    def values(name: str) -> tuple[tuple[str, ...], bytes]:
        load(static_table / "mapping.toml", tmp_path / name, now=NOW)
        with lease(tmp_path / name) as connection:
            frame = labelled_users(connection, learn_attributes(connection), NOW).frame
        return frame.columns, frame.values.tobytes()

    first = values("first.duckdb")
    file = static_table / "customers.csv"
    head, *rows = file.read_text("utf-8").splitlines()
    file.write_text("\n".join([head, *reversed(rows)]) + "\n", "utf-8")
    assert values("second.duckdb") == first


def test_names_and_levels_are_text_and_never_templates(database: Path) -> None:
    with lease(database) as connection:
        specs = {spec.name: spec for spec in attribute_specs(learn_attributes(connection))}
    odd = sentence(specs["a/b~{value}"], 3.0, 4.0, currency="EUR")
    assert odd.en == "A/b~(value): 3; users who stayed: 4"
    level = specs["contract = two {years}"]
    assert sentence(level, 1.0, 0.25, currency="EUR").en == (
        "Contract: “two (years)”; users who stayed: 25%"
    )
    monthly = specs["contract = monthly"]
    # Without a level, what compares is how many of those who stayed are without it too.
    assert sentence(monthly, 0.0, 0.25, currency="EUR").en == (
        "Contract: not “monthly”; users who stayed: 75%"
    )
    assert sentence(monthly, 1.0, 0.25, currency="EUR").zh.startswith("contract：“按月”")
    assert sentence(specs["fee"], None, 40.0, currency="EUR").en == (
        "Fee: none on record; users who stayed: €40.00"
    )
    assert specs["months"].group == "history"
    assert not specs["months"].actionable
    assert specs["town = Ulm"].group == "town"


def test_data_with_a_time_axis_are_no_such_table() -> None:
    connection = table(("a", {"n": 1}, 0))
    assert timeless(connection)
    connection.execute(
        "INSERT INTO events (event_id, user_id, occurred_at, known_at, kind) "
        "VALUES ('e', 'a', '2026-01-01', '2026-01-01', 'visit')"
    )
    assert not timeless(connection)
    assert not timeless(table(("a", {"n": 1}, None)))


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(DataError, match="nothing to learn from"):
        learn_attributes(table(("a", {"n": 1}, 0), ("b", {"n": 1}, 1)))


def test_the_user_screen_reads_them_in_the_order_of_the_mapping(database: Path) -> None:
    with lease(database) as connection:
        shown = attributes_of_user(connection, "c0000")
    assert [label.en for label, _ in shown][:2] == ["months as a member", "contract"]
    assert shown[0][0].zh == "入会月数"
    words = {label.en: meaning for label, meaning in shown}
    assert words["contract"].zh in {"按月", "yearly", "two {years}"}


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ("[attributes.months]", "[attributes.month]", DataError, "Did you mean 'months'"),
        ('group = "history"', 'grupp = "history"', UsageError, "Did you mean 'group'"),
        ('unit = "money"', 'unit = "coins"', UsageError, "attributes.fee.unit"),
        ('attributes = ["months"', 'attributes = ["mnths"', DataError, "mnths"),
        ('group = "history"', "revenue_days = 30", UsageError, "only one attribute"),
    ],
)
def test_mistakes_in_the_mapping_name_what_is_wrong(
    static_table: Path, old: str, new: str, error: type[Exception], said: str
) -> None:
    path = static_table / "mapping.toml"
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(error, match=said):
        load(path, static_table / "b.duckdb", now=NOW)
    assert not (static_table / "b.duckdb").exists()

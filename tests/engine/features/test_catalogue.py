"""The catalogue keeps its contract, every spec runs, and the SQL goes elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from importlib import resources

import duckdb
import numpy as np
import pandas as pd
import pytest

from engine.errors import ModelError
from engine.features.available import available
from engine.features.build import FEATURE_VERSION, build_frame, build_labelled
from engine.features.catalogue import GROUPS, SPECS, available_specs, specs_named
from engine.features.compile import PEERS, USER, compile_features
from engine.features.spec import FeatureSpec
from engine.timeline import ChurnRule

Open = Callable[..., duckdb.DuckDBPyConnection]
ALL_TABLES = frozenset({"subscriptions", "payments"})


def test_names_are_unique_identifiers_in_known_groups() -> None:
    names = [spec.name for spec in SPECS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert {spec.group for spec in SPECS} == set(GROUPS) - {"sequence", "text"}


def test_every_spec_has_words_of_its_own_in_both_languages() -> None:
    """No reason without words: complete, in the right script, and no two features alike."""
    said: dict[str, set[str]] = {"label zh": set(), "label en": set(), "zh": set(), "en": set()}
    the_same_for_all = {"season_sine", "season_cosine", "week_day"}
    for spec in SPECS:
        for text in (spec.sentence.zh, spec.sentence.en):
            places = 0 if spec.name in the_same_for_all else 1
            assert text.count("{value}") == places, spec.name
            assert text.count("{comparison}") == places, spec.name
            assert text.format(value="3", comparison="5")
            assert text == text.strip(), spec.name
        for text in (spec.label.zh, spec.sentence.zh):
            assert re.search(r"[\u4e00-\u9fff]", text), spec.name
        for text in (spec.label.en, spec.sentence.en):
            assert text.isascii(), spec.name
            assert not re.search(r"[a-z]_[a-z]", text), spec.name
        assert len(spec.label.en) <= 60, spec.name
        assert len(spec.sentence.en) <= 160, spec.name
        said["label zh"].add(spec.label.zh)
        said["label en"].add(spec.label.en.lower())
        said["zh"].add(spec.sentence.zh)
        said["en"].add(spec.sentence.en)
    assert len(said["label zh"]) == len(said["label en"]) == len(SPECS)
    # The two coordinates of the season share one sentence: a reader has one season.
    assert len(said["zh"]) == len(said["en"]) == len(SPECS) - 1


def test_the_windows_in_a_name_and_in_its_words_agree() -> None:
    for spec in SPECS:
        days = re.fullmatch(r"(?!days_).*_(\d+)d", spec.name)
        if days and spec.over != "user" and "year_ago" not in spec.name:
            assert days[1] in spec.label.zh, spec.name
            assert days[1] in spec.label.en, spec.name


def test_the_catalogue_is_as_large_as_it_should_be() -> None:
    assert 150 <= len(SPECS) <= 250


def test_every_need_is_a_fact_that_can_be_found() -> None:
    text = (resources.files("engine.features") / "facts.sql").read_text("utf-8")
    facts = set(re.findall(r"SELECT '([a-z_:]+)'", text))
    assert {need for spec in SPECS for need in spec.needs} <= facts


def test_each_feature_finds_its_ingredients_and_each_view_stands_alone(
    open_world: Open, cutoff: datetime
) -> None:
    connection = open_world({})
    of_a_view: dict[str, list[FeatureSpec]] = {}
    for spec in SPECS:
        alone = spec.over in (USER, PEERS)
        of_a_view.setdefault(spec.name if alone else spec.over, []).append(spec)
    for specs in of_a_view.values():
        sql = compile_features(specs, ALL_TABLES)
        rows = connection.execute(f"SELECT * FROM ({sql}) LIMIT 0", {"cutoff": cutoff})
        names = [column[0] for column in rows.description or ()]
        assert names == ["user_id", "segment", *(spec.name for spec in specs)]


def test_the_world_of_the_tests_varies_in_every_feature(
    connection: duckdb.DuckDBPyConnection, inactive: ChurnRule, cutoff: datetime
) -> None:
    """Otherwise invariance and proofs would say nothing of that feature."""
    frame = build_frame(connection, inactive, cutoff)
    of_the_date = {"season_sine", "season_cosine", "week_day", "base_orders_season"}
    constant = {
        name
        for name, values in zip(frame.columns, frame.values.T, strict=True)
        if len(np.unique(values)) < 3 and not set(np.unique(values)) >= {0.0, 1.0}
    }
    assert constant == of_the_date
    missing = {spec.name for spec in SPECS} - set(frame.columns)
    assert missing == set()


def test_no_file_of_the_floor_names_the_sensitive_table() -> None:
    folder = resources.files("engine.features")
    stack, seen = [folder], 0
    while stack:
        for entry in stack.pop().iterdir():
            if entry.is_dir():
                stack.append(entry)
            elif entry.name.endswith((".py", ".sql")):
                seen += 1
                assert "user_sensitive" not in entry.read_text("utf-8"), entry.name
    assert seen > 30


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(ModelError) as caught:
        specs_named(["days_since_activity", "shoe_size"])
    assert caught.value.sentence == (
        "The model asks for the column 'shoe_size'. This version's feature catalogue does not have "
        "it. Run `retention train` to fit a model on the present columns."
    )


def test_a_shop_gets_the_rhythm_of_its_orders(open_world: Open, cutoff: datetime) -> None:
    days = {"once": [20], "thrice": [300, 160, 20], "often": [200, 150, 100, 60, 30, 9]}
    found = [
        (user, np.datetime64(cutoff) - np.timedelta64(day, "D"))
        for user, ago in days.items()
        for day in ago
    ]
    payments = pd.DataFrame(found, columns=["user_id", "occurred_at"]).assign(
        payment_id=[str(n) for n in range(len(found))], amount=10.0, status="succeeded"
    )
    payments["known_at"] = payments["occurred_at"]
    connection = open_world({"users": pd.DataFrame({"user_id": list(days)}), "payments": payments})
    frame = build_frame(
        connection, ChurnRule("no_payment", horizon_days=90, active_within_days=365), cutoff
    )
    groups = {spec.group for spec in specs_named(frame.columns)}
    assert groups == {"history", "price", "calendar"}
    assert list(frame.segments) == ["5+ orders", "one order", "2-4 orders"]
    orders = frame.values[:, frame.columns.index("orders_total")]
    assert list(orders) == [6, 1, 3]
    assert "tenure_days" not in frame.columns


def test_without_plans_and_payments_everyone_is_one_segment(
    open_world: Open, inactive: ChurnRule, cutoff: datetime
) -> None:
    moment = np.datetime64(cutoff) - np.timedelta64(1, "D")
    events = pd.DataFrame(
        {
            "event_id": ["1"],
            "user_id": ["a"],
            "occurred_at": [moment],
            "known_at": [moment],
            "kind": ["order"],
        }
    )
    connection = open_world({"users": pd.DataFrame({"user_id": ["a"]}), "events": events})
    assert available(connection) == {"events"}
    frame = build_frame(connection, inactive, cutoff)
    assert list(frame.segments) == ["all"]
    assert set(frame.columns) == {spec.name for spec in available_specs({"events"})}


def test_nobody_eligible_is_an_empty_frame(
    open_world: Open, inactive: ChurnRule, cutoff: datetime
) -> None:
    connection = open_world({"users": pd.DataFrame({"user_id": ["a"]})})
    frame = build_frame(connection, inactive, cutoff, columns=("events_7d", "silence_ratio"))
    assert frame.values.shape == (0, 2)
    assert len(frame) == 0
    assert build_labelled(connection, inactive, []) == {}


def test_absurd_numbers_stay_finite(
    open_world: Open, inactive: ChurnRule, cutoff: datetime
) -> None:
    moment = np.datetime64(cutoff) - np.timedelta64(1, "D")
    stamps = {"occurred_at": [moment] * 2, "known_at": [moment] * 2, "user_id": ["a", "a"]}
    connection = open_world(
        {
            "users": pd.DataFrame({"user_id": ["a"]}),
            "events": pd.DataFrame(
                {"event_id": ["1", "2"], "kind": "x", "duration_s": [1e300, -1e300], **stamps}
            ),
            "payments": pd.DataFrame(
                {
                    "payment_id": ["1", "2"],
                    "status": "succeeded",
                    "amount": [np.inf, -1e300],
                    **stamps,
                }
            ),
        }
    )
    frame = build_frame(connection, inactive, cutoff)
    assert not np.isinf(frame.values).any()


def test_the_feature_version_is_the_text() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", FEATURE_VERSION)
    some = compile_features(SPECS[:5], ALL_TABLES)
    assert some == compile_features(SPECS[:5], ALL_TABLES)
    assert some != compile_features(SPECS[:4], ALL_TABLES)


def test_the_days_with_numbers_reach_as_far_as_any_window_over_them() -> None:
    """`event_days` ends at 90 days: a longer window would be cut without a word."""
    bounds = [
        int(days)
        for spec in SPECS
        if spec.over == "event_days"
        for days in re.findall(r"day < (\d+)", spec.expression)
    ]
    assert max(bounds) == 90

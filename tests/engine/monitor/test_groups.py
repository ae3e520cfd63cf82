"""Groups: read in one place only, and honest about whom they do not know."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np

import engine
from engine.monitor.groups import read_groups

ALLOWED = ("data", "store", "monitor")
"""Floors that load, keep or watch; all that makes or asks models lies outside."""


def test_only_loading_and_watching_name_the_sensitive_table() -> None:
    root = Path(str(engine.__file__)).parent
    naming = {
        path.relative_to(root).parts[0]
        for path in root.rglob("*")
        if path.suffix in {".py", ".sql"} and "user_sensitive" in path.read_text("utf-8")
    }
    assert naming == set(ALLOWED)


def test_ages_are_bands_and_what_is_not_known_is_empty() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE users AS SELECT * FROM (VALUES "
            "('a', TIMESTAMP '2026-01-01', 'web', 'Ulm'), ('b', NULL, NULL, 'Jena'), "
            "('c', TIMESTAMP '2025-01-01', 'app', NULL)) AS t(user_id, signed_up_at, channel, city)"
        )
        connection.execute(
            "CREATE TABLE user_sensitive AS SELECT * FROM (VALUES ('a', 'f', 1990), "
            "('c', NULL, 2004), ('c', NULL, 2004)) AS t(user_id, gender, birth_year)"
        )
        found = read_groups(connection, datetime(2026, 4, 11))
    users = np.array(["c", "gone", "a", "b"], object)
    of = found.of(users, np.array(["x", "x", "y", "y"], object))
    assert of["gender"].tolist() == ["", "", "f", ""]
    assert of["age_band"].tolist() == ["<25", "", "35-44", ""]
    assert of["channel"].tolist() == ["app", "", "web", ""]
    assert of["plan"].tolist() == ["x", "x", "y", "y"]
    days = found.tenure_days(users, np.full(4, np.datetime64("2026-04-11", "s")))
    assert days[2] == 100
    assert np.isnan(days[[1, 3]]).all()

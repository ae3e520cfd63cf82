"""What must not matter: the order of rows, other users, names of users, threads, the batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from engine.features.build import build_frame, build_labelled
from engine.features.catalogue import SPECS
from engine.features.compile import PEERS
from engine.features.frame import FeatureFrame, concatenate
from engine.features.proofs import differences
from engine.timeline import ChurnRule

pytestmark = pytest.mark.slow

Tables = Mapping[str, pd.DataFrame]
Open = Callable[..., duckdb.DuckDBPyConnection]


def test_the_order_of_rows_does_not_matter(
    open_world: Open, tables: Tables, rule: ChurnRule, cutoff: datetime
) -> None:
    shuffled = {name: rows.sample(frac=1, random_state=5) for name, rows in tables.items()}
    one = build_frame(open_world(tables), rule, cutoff)
    other = build_frame(open_world(shuffled), rule, cutoff)
    assert len(one) > 20
    assert differences(one, other) == ()


def test_names_of_users_do_not_matter(
    open_world: Open, tables: Tables, inactive: ChurnRule, cutoff: datetime
) -> None:
    """Renaming turns the order of users around; each keeps his row."""
    ids = tables["users"]["user_id"]
    renamed = {old: f"x{len(ids) - n:04d}" for n, old in enumerate(ids)}
    changed = {
        name: rows.assign(user_id=rows["user_id"].map(renamed)) if "user_id" in rows else rows
        for name, rows in tables.items()
    }
    one = build_frame(open_world(tables), inactive, cutoff)
    other = build_frame(open_world(changed), inactive, cutoff)
    back = np.argsort([renamed[user] for user in one.user_ids])
    expected = one.take(back)
    assert list(other.user_ids) == [renamed[user] for user in expected.user_ids]
    assert differences(replace(expected, user_ids=other.user_ids), other) == ()


def test_unrelated_users_change_nothing(
    open_world: Open,
    make_world: Callable[..., dict[str, pd.DataFrame]],
    tables: Tables,
    inactive: ChurnRule,
    cutoff: datetime,
) -> None:
    strangers = make_world(np.random.default_rng(99), users=50)
    keys = ("event_id", "payment_id", "subscription_id", "message_id")
    joined = {}
    for name, rows in tables.items():
        if name == "contents":
            joined[name] = rows
            continue
        added = strangers[name].assign(user_id="stranger " + strangers[name]["user_id"])
        for key in keys:
            if key in added:
                added[key] = "stranger " + added[key]
        joined[name] = pd.concat([rows, added])
    alone = build_frame(open_world(tables), inactive, cutoff)
    together = build_frame(open_world(joined), inactive, cutoff)
    ours = np.array([not user.startswith("stranger") for user in together.user_ids])
    assert ours.sum() < len(ours)
    compared = {spec.name for spec in SPECS if spec.over == PEERS}
    assert set(differences(alone, together.take(ours))) <= compared


def test_threads_do_not_matter(
    open_world: Open, inactive: ChurnRule, cutoff: datetime, tables: Tables
) -> None:
    """Enough rows (several row groups) that two threads do share the work."""

    def frame(threads: int) -> FeatureFrame:
        connection = open_world({name: tables[name] for name in ("users", "contents")})
        connection.execute(
            """INSERT INTO events BY NAME
            SELECT 'e' || n AS event_id, 'u' || lpad((n % 200)::VARCHAR, 4, '0') AS user_id,
                TIMESTAMP '2025-09-01' + to_microseconds((n * 7919 * 1000003) % 15600000000000)
                    AS occurred_at,
                occurred_at AS known_at,
                ['app_open', 'lesson_started', 'lesson_finished'][1 + n % 3] AS kind,
                'c' || (n % 60) AS content_id, 100 / (1.0 + n % 97) AS duration_s
            FROM range(300000) AS numbers(n)"""
        )
        connection.execute(f"SET threads = {threads}")
        return build_frame(connection, inactive, cutoff)

    one = frame(1)
    assert len(one) > 100
    assert differences(one, frame(2)) == ()


def test_a_past_cutoff_scores_as_it_trained(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime
) -> None:
    cutoffs = [cutoff - timedelta(days=60), cutoff, cutoff + timedelta(days=30)]
    trained = build_labelled(connection, rule, cutoffs)
    assert sorted(trained) == cutoffs
    flat = trained[cutoff].frame.sequences.kind
    for moment in cutoffs:
        assert trained[moment].frame.sequences.kind is flat
        scored = build_frame(connection, rule, moment, columns=trained[moment].frame.columns)
        assert differences(trained[moment].frame, scored) == ()
        assert (scored.cutoffs == np.datetime64(moment, "s")).all()
        assert (trained[moment].weight == 1).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_columns_given_are_the_columns_got(
    connection: duckdb.DuckDBPyConnection, inactive: ChurnRule, cutoff: datetime, seed: int
) -> None:
    everything = build_frame(connection, inactive, cutoff)
    chosen = np.random.default_rng(seed).permutation(len(everything.columns))[:9]
    names = tuple(everything.columns[place] for place in chosen)
    some = build_frame(connection, inactive, cutoff, columns=names)
    assert some.columns == names
    assert some.values.tobytes() == everything.values[:, chosen].tobytes()


def test_cutoffs_without_events_can_be_joined(
    connection: duckdb.DuckDBPyConnection, inactive: ChurnRule, cutoff: datetime
) -> None:
    """A model that reads no sequences is trained on several cutoffs too."""
    moments = [cutoff - timedelta(days=30), cutoff]
    columns = ("events_total", "tenure_days")
    asked = build_labelled(connection, inactive, moments, columns=columns, sequences=False)
    joined = concatenate(list(asked.values()))
    assert len(joined) == sum(len(part) for part in asked.values())
    read = build_labelled(connection, inactive, moments, columns=columns)
    assert joined.frame.values.tobytes() == concatenate(list(read.values())).frame.values.tobytes()
    with pytest.raises(ValueError, match="different builds"):
        concatenate([asked[cutoff], read[cutoff]])

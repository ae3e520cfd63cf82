from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from engine.features import views as views_module
from engine.features.build import build_frame
from engine.features.labels import eligible
from engine.features.proofs import FUTURES, NOTHING_MOVED, PROOFS, prove, prove_past
from engine.features.proving import PROOF_WORDS, prove_loaded
from engine.store.lease import lease
from engine.timeline import ChurnRule, RuleKind

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("kind", "days_later"), [("no_payment", -60), ("lapsed", 40)])
def test_every_proof_holds(
    connection: duckdb.DuckDBPyConnection, cutoff: datetime, kind: RuleKind, days_later: int
) -> None:
    rule = ChurnRule(kind, horizon_days=28, lead_days=7, active_within_days=60, grace_days=3)
    moment = cutoff + timedelta(days=days_later)
    assert len(eligible(connection, rule, moment)) > 20
    told: list[str] = []
    proofs = prove(
        connection,
        rule,
        moment,
        rng=np.random.default_rng(days_later + 200),
        progress=lambda name, done: told.append(name),
    )
    assert [(proof.name, proof.differences) for proof in proofs] == [(name, ()) for name in PROOFS]
    assert tuple(told) == PROOFS
    assert connection.execute("SELECT current_setting('TimeZone')").fetchone() is not None


def test_a_control_without_effect_fails(
    open_world: Callable[..., duckdb.DuckDBPyConnection],
    tables: Mapping[str, pd.DataFrame],
    cutoff: datetime,
) -> None:
    """Where no fact is read at all, every proof would pass: the control says so."""
    connection = open_world({"users": tables["users"]})
    rule = ChurnRule("label", horizon_days=28)
    proofs = prove(connection, rule, cutoff, rng=np.random.default_rng(1))
    failed = {proof.name: proof.differences for proof in proofs if not proof.passed}
    assert failed == {"arrived_in_time": (NOTHING_MOVED,)}


def test_own_data_are_proved_on_a_sample_that_leaves_no_trace(
    tables: Mapping[str, pd.DataFrame],
    open_world: Callable[..., duckdb.DuckDBPyConnection],
    inactive: ChurnRule,
    cutoff: datetime,
    tmp_path: Path,
) -> None:
    file = tmp_path / "behaviour.duckdb"
    world = open_world(tables)
    world.execute(f"ATTACH '{file}' AS stored")
    world.execute("COPY FROM DATABASE memory TO stored")
    world.close()
    with lease(file) as connection:  # read-only, as the command opens it
        report = prove_loaded(connection, inactive, cutoff, users=60, seed=3)
        assert (report.drawn, report.loaded, report.passed) == (60, 200, True)
        assert 0 < report.users < 60
        assert [line.name for line in report.proofs] == list(PROOFS) == list(PROOF_WORDS)
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (200,)
        databases = connection.execute("SELECT database_name FROM duckdb_databases()").fetchall()
        assert ("proving_sample",) not in databases


def test_the_proof_leaves_the_loaded_tables_alone(
    connection: duckdb.DuckDBPyConnection, inactive: ChurnRule, cutoff: datetime
) -> None:
    counts = "SELECT (SELECT count(*) FROM events), (SELECT sum(amount) FROM payments)"
    before = connection.execute(counts).fetchone()
    prove_past(connection, inactive, cutoff, FUTURES, rng=np.random.default_rng(1))
    assert connection.execute(counts).fetchone() == before
    assert connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE temporary"
    ).fetchone() == (0,)


@pytest.mark.parametrize(
    ("view", "guard", "leak", "column"),
    [
        ("known_events", "known_at < {cutoff} AND ", "", "events_28d"),
        ("known_payments", "known_at < {cutoff} AND ", "", "paid_total"),
        ("known_messages", "WHEN resolved_at < {cutoff} THEN", "WHEN TRUE THEN", "open_tickets"),
        ("known_subscriptions", "WHEN cancelled_at < {cutoff} THEN", "WHEN TRUE THEN", "cancelled"),
        (
            "known_contents",
            "WHERE published_at IS NULL OR published_at < {cutoff}",
            "",
            "favourite_topic_unseen",
        ),
    ],
)
def test_a_leak_put_into_a_view_is_found_by_name(
    connection: duckdb.DuckDBPyConnection,
    inactive: ChurnRule,
    cutoff: datetime,
    monkeypatch: pytest.MonkeyPatch,
    view: str,
    guard: str,
    leak: str,
    column: str,
) -> None:
    from engine.features.dialect import CUTOFF

    sound = views_module.views()
    guard = guard.replace("{cutoff}", CUTOFF)
    assert guard in sound[view]
    leaking: Mapping[str, str] = {**sound, view: sound[view].replace(guard, leak)}
    monkeypatch.setattr(views_module, "views", lambda: leaking)
    found = {
        name
        for proof in prove_past(
            connection, inactive, cutoff, ["future_corrupted"], rng=np.random.default_rng(3)
        )
        for name in proof.differences
    }
    assert column in found


def test_the_segment_of_a_past_cutoff_is_the_plan_of_then(
    open_world: Callable[..., duckdb.DuckDBPyConnection],
    inactive: ChurnRule,
    cutoff: datetime,
    before: Callable[..., datetime],
) -> None:
    users = pd.DataFrame({"user_id": ["a", "b", "c"], "signed_up_at": before(days=300)})
    events = pd.DataFrame(
        {
            "event_id": ["1", "2", "3"],
            "user_id": ["a", "b", "c"],
            "occurred_at": before(days=1),
            "known_at": before(days=1),
            "kind": "app_open",
        }
    )
    terms = pd.DataFrame(
        {
            "subscription_id": ["x", "y", "z"],
            "user_id": ["a", "a", "b"],
            "plan": ["monthly", "annual", "monthly"],
            "started_at": [before(days=10), cutoff, before(days=90)],
            "ends_at": [before(days=-20), before(days=-365), before(days=60)],
            "known_at": [before(days=10), cutoff, before(days=90)],
        }
    )
    connection = open_world({"users": users, "events": events, "subscriptions": terms})
    frame = build_frame(connection, inactive, cutoff)
    assert dict(zip(frame.user_ids, frame.segments, strict=True)) == {
        "a": "monthly",
        "b": "monthly",
        "c": "none",
    }

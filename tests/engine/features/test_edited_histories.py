"""What-if features: unedited they are the frame's own bits; edited they move as they should."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from engine.features.available import available
from engine.features.build import build_frame
from engine.features.catalogue import available_specs
from engine.features.frame import FeatureFrame
from engine.timeline import ChurnRule
from engine.whatif.edit import Possible, UsualKind
from engine.whatif.history import NO_CHANGE, History, read_history
from engine.whatif.offered import offered
from engine.whatif.recompute import read_surroundings, recompute

pytestmark = pytest.mark.slow  # a whole feature query for every user

Tables = Mapping[str, pd.DataFrame]
OTHERS = 60
"""Users beside the one who is edited: enough for ranks and medians to mean something."""


def bits(row: np.ndarray) -> list[int]:
    """Exact; every missing value is the same one."""
    found = np.where(np.isnan(row), np.float32(np.nan), row).astype(np.float32)
    return list(found.view(np.uint32).tolist())


def events_of(frame: FeatureFrame, row: int) -> list[tuple[Any, ...]]:
    """What the sequence of a row says, by name."""
    seen = frame.sequences
    span = slice(int(seen.start[row]), int(seen.stop[row]))
    return [
        (seen.kinds[kind], seen.topics[topic], float(value), int(moment))
        for kind, topic, value, moment in zip(
            seen.kind[span], seen.topic[span], seen.value[span], seen.occurred_s[span], strict=True
        )
    ]


def messages_of(frame: FeatureFrame, row: int) -> list[str]:
    assert frame.messages is not None
    own = frame.messages.take(np.array([row]))
    return own.texts(own.owned()[1])


def test_without_an_edit_every_bit_is_the_frames(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime
) -> None:
    facts = available(connection)
    frame = build_frame(connection, rule, cutoff)
    around = read_surroundings(connection, rule, cutoff, available_specs(facts), facts)
    length = frame.sequences.stop - frame.sequences.start
    for row in (int(length.argmin()), int(length.argmax()), len(frame) // 2):
        history = read_history(connection, str(frame.user_ids[row]), cutoff)
        assert history is not None
        same = recompute(history, [NO_CHANGE, NO_CHANGE], around).frame
        for variant in (0, 1):
            assert bits(same.values[variant]) == bits(frame.values[row]), frame.user_ids[row]
            assert same.segments[variant] == frame.segments[row]
            assert events_of(same, variant) == events_of(frame, row)
            assert messages_of(same, variant) == messages_of(frame, row)


MOVES = {
    "two_visits": (("active_days_7d", 1), ("active_days_rank", 1)),
    "content_finished": (("finished_28d", 1), ("finished_90d", 1)),
    "tickets_solved": (("open_tickets", -1),),
    "payment_repaired": (("last_payment_failed", -1), ("days_since_payment", -1)),
    "renewal_on": (("auto_renew_off", -1), ("cancelled", -1)),
    "term_renewed": (("days_since_payment", -1),),
    "lower_price": (("price_per_month", -1), ("price_vs_peers", -1)),
    "purchase": (("days_since_payment", -1), ("payment_silence_rank", -1)),
}
"""Edit -> columns that must rise (1) or fall (-1)."""


@pytest.fixture
def world(
    tables: Tables,
    open_world: Callable[..., duckdb.DuckDBPyConnection],
    before: Callable[..., datetime],
) -> duckdb.DuckDBPyConnection:
    """`ann` has a week-old visit, an open ticket, a failed payment and a cancelled term."""
    added = {
        "users": {"user_id": "ann", "signed_up_at": before(days=300)},
        "events": {
            "event_id": "x1",
            "user_id": "ann",
            "occurred_at": before(days=20, hours=3),
            "known_at": before(days=20, hours=2),
            "kind": "lesson_started",
            "content_id": "c1",
            "duration_s": 600.0,
            "value": 0.4,
            "device": "web",
        },
        "messages": {
            "message_id": "x1",
            "user_id": "ann",
            "occurred_at": before(days=9),
            "known_at": before(days=9),
            "channel": "ticket",
            "text": "闪退",
        },
        "subscriptions": {
            "subscription_id": "x1",
            "user_id": "ann",
            "plan": "monthly",
            "started_at": before(days=20),
            "ends_at": before(days=-10),
            "cancelled_at": before(days=5),
            "auto_renew": True,
            "price": 25.5,
            "known_at": before(days=20),
        },
    }
    rows = {name: tables[name] for name in ("contents", "user_sensitive")}
    # Users whose terms run and who are active: the ranks of `ann` are among them.
    for name in ("users", "events", "messages", "subscriptions", "payments"):
        own = tables[name][tables[name]["user_id"] < f"u{OTHERS:04d}"]
        rows[name] = pd.concat([own, pd.DataFrame([added[name]])]) if name in added else own
    paid = [
        {
            "payment_id": f"x{place}",
            "user_id": "ann",
            "occurred_at": before(days=days),
            "known_at": before(days=days),
            "amount": 25.5,
            "status": status,
            "product": "monthly",
        }
        for place, (days, status) in enumerate(((20, "succeeded"), (4, "failed")))
    ]
    rows["payments"] = pd.concat([rows["payments"], pd.DataFrame(paid)])
    return open_world(rows)


def possible(connection: duckdb.DuckDBPyConnection, rule: ChurnRule) -> Possible:
    usual = UsualKind("lesson_finished", 900.0, 1.0, True)
    return Possible(rule, available(connection), "CNY", 20.0, (usual,), ("c2", "Two"))


def edited(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, history: History
) -> dict[str, FeatureFrame]:
    facts = available(connection)
    around = read_surroundings(connection, rule, history.cutoff, available_specs(facts), facts)
    edits = offered(history, possible(connection, rule))
    frame = recompute(history, [NO_CHANGE, *(edit.change for edit in edits)], around).frame
    codes = ["", *(edit.code for edit in edits)]
    return {code: frame.take(np.array([place])) for place, code in enumerate(codes)}


def test_every_edit_moves_its_features(world: duckdb.DuckDBPyConnection, cutoff: datetime) -> None:
    rule = ChurnRule("no_payment", horizon_days=28, active_within_days=60)
    history = read_history(world, "ann", cutoff)
    assert history is not None
    frames = edited(world, rule, history)
    assert set(frames) == {"", *MOVES}
    now = dict(zip(frames[""].columns, frames[""].values[0].tolist(), strict=True))
    for code, moves in MOVES.items():
        then = dict(zip(frames[code].columns, frames[code].values[0].tolist(), strict=True))
        for column, way in moves:
            assert (then[column] - now[column]) * way > 0, (code, column, now[column], then[column])


def test_a_renewed_term_decides_where_the_rule_asks_for_one(
    world: duckdb.DuckDBPyConnection, cutoff: datetime
) -> None:
    rule = ChurnRule("lapsed", horizon_days=28)
    history = read_history(world, "ann", cutoff)
    assert history is not None
    facts = available(world)
    around = read_surroundings(world, rule, cutoff, available_specs(facts), facts)
    (renewed,) = (
        edit for edit in offered(history, possible(world, rule)) if edit.code == "term_renewed"
    )
    told = recompute(history, [NO_CHANGE, renewed.change], around)
    assert told.decided == {1}

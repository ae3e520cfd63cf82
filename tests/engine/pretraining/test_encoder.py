"""The encoder of a workspace: made once, the same whatever came later, found again."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from engine.data.summary import summary
from engine.models.nets.sequence_vector import EncoderConfig, SequenceVector
from engine.places import Places
from engine.pretraining.encoder import workspace_encoder
from engine.pretraining.fit import PretrainingConfig
from engine.settings import load_settings
from engine.store.lease import lease

pytestmark = pytest.mark.slow

SMALL = PretrainingConfig(
    EncoderConfig(hidden=8, width=6, max_events=16), epochs=2, rows_per_epoch=1_500
)


def encoder(
    places: Places, until: datetime, *, seconds: float = 600.0
) -> tuple[SequenceVector, int]:
    """The encoder, and how many steps were heard of."""
    heard: list[str] = []
    found = workspace_encoder(
        places,
        load_settings(places.folder),
        until,
        budget_s=seconds,
        progress=lambda stage, done, detail: heard.append(stage),
        should_stop=lambda: False,
        config=SMALL,
    )
    assert found is not None
    return found, len(heard)


def same(one: SequenceVector, other: SequenceVector) -> bool:
    a, b = one.state(), other.state()
    return a[1] == b[1] and all(np.array_equal(a[0][name], b[0][name]) for name in a[0])


def test_it_is_kept_and_no_future_reaches_it(workspace_copy: Path) -> None:
    places = Places(workspace_copy)
    with lease(places.behaviour) as connection:
        loaded = summary(connection)
    assert loaded is not None
    until = datetime.combine(loaded.as_of.date() - timedelta(days=60), time())
    first, steps = encoder(places, until)
    assert steps > 0
    again, silent = encoder(places, until)
    assert silent == 0
    assert same(first, again)
    (kept,) = places.encoders.iterdir()
    kept.unlink()
    with duckdb.connect(str(places.behaviour)) as connection:
        connection.execute(
            "UPDATE events SET kind = 'app_open', duration_s = 1e6 WHERE known_at >= ?", [until]
        )
        connection.execute("DELETE FROM payments WHERE known_at >= ?", [until])
    later, steps = encoder(places, until)
    assert steps > 0
    assert same(first, later)


def test_one_cut_short_by_the_budget_is_not_kept(workspace_copy: Path) -> None:
    places = Places(workspace_copy)
    with lease(places.behaviour) as connection:
        loaded = summary(connection)
    assert loaded is not None
    encoder(places, datetime.combine(loaded.as_of.date(), time()), seconds=1e-9)
    assert not places.encoders.exists()

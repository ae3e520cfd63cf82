"""What each kind of event in each week adds: it adds up, and blame falls where it belongs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.explain.moments import OLDER, moments_of
from engine.features.frame import FeatureFrame


def row_with_events(frame: FeatureFrame, at_least: int) -> FeatureFrame:
    length = frame.sequences.stop - frame.sequences.start
    return frame.take(np.array([int(np.flatnonzero(length >= at_least)[0])]))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_moments_add_up(world, seed: int) -> None:  # type: ignore[no-untyped-def]
    one = row_with_events(world.fresh.frame, 8)
    found = moments_of(world.blend, one, seed=seed)
    assert found.with_events == pytest.approx(float(world.blend.predict(one).log_odds[0]))
    total = sum(moment.contribution for moment in found.moments)
    assert total == pytest.approx(found.with_events - found.without_events, abs=1e-5)
    assert sum(moment.count for moment in found.moments) == int(
        one.sequences.stop[0] - one.sequences.start[0]
    )
    sizes = [abs(moment.contribution) for moment in found.moments]
    assert sizes == sorted(sizes, reverse=True)
    assert all(0 <= moment.week <= OLDER for moment in found.moments)


def test_failed_payments_raise_the_risk_of_a_world_where_they_do(world) -> None:  # type: ignore[no-untyped-def]
    shares = []
    for row in range(60):
        one = world.fresh.frame.take(np.array([row]))
        found = moments_of(world.net, one, seed=1, orders=2)
        shares += [m.contribution for m in found.moments if m.kind == "payment:failed"]
    assert len(shares) > 20
    assert np.mean(np.array(shares) > 0) > 0.9


def test_a_user_without_events_has_no_moments(world) -> None:  # type: ignore[no-untyped-def]
    one = world.fresh.frame.take(np.array([0]))
    start = one.sequences.start
    silent = replace(one, sequences=replace(one.sequences, stop=start))
    found = moments_of(world.blend, silent, seed=1)
    assert found.moments == ()
    assert found.with_events == found.without_events


def test_one_event_has_all_there_is(world) -> None:  # type: ignore[no-untyped-def]
    one = row_with_events(world.fresh.frame, 1)
    start = one.sequences.start
    single = replace(one, sequences=replace(one.sequences, stop=start + 1))
    (moment,) = moments_of(world.blend, single, seed=1).moments
    assert moment.count == 1
    assert moment.words.en.endswith(f"1 × {moment.words.en.rpartition('× ')[2]}")

"""A user's interval and course: from the model in service, and not without it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from engine.places import Places
from engine.profile.detail import Users
from engine.registry import Registry
from engine.store.lease import lease

pytestmark = pytest.mark.slow


def test_a_scored_user_has_a_course_that_ends_at_his_risk(workspace_copy: Path) -> None:
    places = Places(workspace_copy)
    with lease(places.ledger) as connection:
        scored = connection.execute(
            "SELECT user_id, risk FROM score ORDER BY rank LIMIT 5"
        ).fetchall()
    for user_id, risk in scored:
        told = Users(places).detail(user_id).by_day
        assert told is not None
        assert told.event == "return"  # the sample's rule waits for a sign of staying
        assert told.days[-1].risk == pytest.approx(risk)
        assert told.low < risk < told.high


def test_training_keeps_intervals_and_their_coverage(workspace_copy: Path) -> None:
    places = Places(workspace_copy)
    registry = Registry(places.models, places.ledger)
    (card, *_) = registry.cards()
    assert card.coverage is not None
    assert card.coverage.groups >= 10
    assert 0 < card.coverage.width < 0.5
    # A model of a version that did not measure intervals still loads, and says so by None.
    model = registry.load(card.model_id)
    bare = {name: value for name, value in model.metadata.items() if name != "horizons"}
    old = replace(model, metadata=bare)
    registry.save(old, replace(card, model_id="old"), now=datetime(2027, 1, 1), actor="ada")
    assert registry.intervals("old") is None
    assert registry.intervals(card.model_id) is not None


def test_without_the_model_the_reasons_are_still_shown(workspace_copy: Path) -> None:
    places = Places(workspace_copy)
    with lease(places.ledger) as connection:
        found = connection.execute("SELECT user_id FROM score ORDER BY rank LIMIT 1").fetchone()
    assert found is not None
    shutil.rmtree(places.models)
    detail = Users(places).detail(found[0])
    assert detail.by_day is None
    assert detail.explanation is not None

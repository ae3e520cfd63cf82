"""A surface says what its model says, of users as they are and of users put together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.features.catalogue import group_of, specs_named
from engine.insight.measure import mean_contributions
from engine.insight.surface import players_of, surface_of
from engine.phases import rejudged_rows
from engine.registry import Registry
from engine.served import with_columns
from engine.workspace import Workspace

pytestmark = pytest.mark.slow  # reads a trained workspace


def test_the_surface_is_the_model(sample_workspace: Path) -> None:
    workspace = Workspace.open(sample_workspace)
    card = workspace.models.cards()[0]
    model = Registry(workspace.places.models, workspace.places.ledger).load(card.model_id)
    rows, _ = rejudged_rows(workspace.places, workspace.settings, card.test.cutoffs)
    frame = with_columns(rows.rows.frame, model.columns)
    assert frame is not None
    frame = frame.take(np.arange(80))
    made = surface_of(model, frame)
    rows_of, others = np.arange(80), np.arange(80)[::-1].copy()
    assert made.mixed(rows_of) == pytest.approx(model.predict(frame).log_odds, abs=1e-5)

    players = players_of(model, frame, group_of())
    columns = [player for player in players if len(player.columns)]
    assert {player.group for player in players if player.events} <= {"sequence"}
    mixed = made.mixed(rows_of, *((player, others) for player in columns))
    values = frame.values.copy()
    for player in columns:
        values[:, player.columns] = frame.values[others][:, player.columns]
    by_model = model.predict(replace(frame, values=values)).log_odds
    assert mixed == pytest.approx(by_model, abs=1e-5)

    whole = made.mixed(rows_of, *((player, others) for player in players))
    assert whole == pytest.approx(model.predict(frame.take(others)).log_odds, abs=1e-4)

    moved = mean_contributions(model, frame.take(np.arange(5)), specs_named(model.columns))
    assert set(moved) == {player.group for player in players}

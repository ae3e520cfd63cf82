"""Retraining: a champion of other columns must not stand in the way of a challenger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engine.evaluation.gate import gate
from engine.features.frame import LabelledFrame
from engine.models.blend import RiskModel
from engine.models.calibration import Calibration
from engine.models.logistic import LogisticModel
from engine.models.panel import draw_panel
from engine.retrain import champion_risk


def test_a_champion_reads_its_own_columns_or_is_not_compared(
    planted: Callable[..., LabelledFrame],
) -> None:
    rows = planted(300, seed=4)
    component = LogisticModel.fit(rows, strength=0.1)
    _, panel = draw_panel(rows, np.random.default_rng(0))
    champion = RiskModel("logistic", (component,), Calibration(), panel)
    expected = champion.predict(rows.frame).risk
    columns = rows.frame.columns
    turned = replace(
        rows.frame,
        columns=("new", *columns[::-1]),
        values=np.column_stack([np.zeros(len(rows), np.float32), rows.frame.values[:, ::-1]]),
    )
    found = champion_risk(champion, turned)
    assert found is not None
    np.testing.assert_array_equal(found, expected)
    fewer = replace(rows.frame, columns=columns[1:], values=rows.frame.values[:, 1:])
    assert champion_risk(champion, fewer) is None


def test_the_verdict_says_that_nothing_could_be_compared() -> None:
    rng = np.random.default_rng(1)
    risk = rng.random(2_000)
    label = (rng.random(2_000) < risk).astype(np.float64)
    users = np.arange(2_000)
    verdict = gate(
        label, users, challenger=risk, champion=None, baseline=None, seed=1, incomparable=True
    )
    assert verdict.wins
    assert "cannot be compared" in verdict.statements[0].en
    assert "no champion yet" not in " ".join(words.en for words in verdict.statements)

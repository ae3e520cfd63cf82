"""Retraining: a champion of other columns must not stand in the way of a challenger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from engine.calibrated import BaseRate
from engine.evaluation.gate import gate
from engine.evaluation.profit import Economics
from engine.features.frame import LabelledFrame
from engine.features.spec import FeatureSpec, words
from engine.models.blend import RiskModel
from engine.models.calibration import Calibration
from engine.models.logistic import LogisticModel
from engine.models.panel import draw_panel
from engine.models.trees import TreeConfig
from engine.monitor.groups import ATTRIBUTES, Groups
from engine.phases import Rows
from engine.retrain import judged
from engine.served import JudgedRows, served
from engine.settings import Settings
from engine.training.challenger import TrainingConfig, TrainingData, train_challenger
from engine.training.fit import FitConfig
from engine.types import LabelCounts, Words

NOBODY = Groups(
    {}, {name: np.array([""], object) for name in ATTRIBUTES}, np.array(["NaT"], "datetime64[us]")
)
"""Of no user is anything sensitive known."""


def one_test(rows: LabelledFrame) -> JudgedRows:
    """`rows` as a test of one cutoff at which every user is worth 100."""
    return JudgedRows(
        rows,
        Economics(np.full(len(rows), 100.0), rows.frame.cutoffs, 0.1, 0.1, 0.02),
        base_rates={},
    )


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
    found = served(champion, one_test(replace(rows, frame=turned)))
    assert found is not None
    np.testing.assert_array_equal(found.risk, expected)
    fewer = replace(rows.frame, columns=columns[1:], values=rows.frame.values[:, 1:])
    assert served(champion, one_test(replace(rows, frame=fewer))) is None


def test_a_test_sees_risks_as_they_would_have_been_served(
    planted: Callable[..., LabelledFrame],
) -> None:
    rows = planted(400, seed=4)
    component = LogisticModel.fit(rows, strength=0.1)
    _, panel = draw_panel(rows, np.random.default_rng(0))
    then = {
        "calibration_base_rate": 0.3,
        "calibration_rows": 5000,
        "cutoffs": {"calibrate": ["2026-01-01T00:00:00"]},
    }
    model = RiskModel("logistic", (component,), Calibration(), panel, then)
    cutoff = rows.frame.cutoffs[0].astype(datetime)
    still = served(model, one_test(rows))
    older = {cutoff: BaseRate(datetime(2026, 1, 1), 0.6, 5000)}
    newer = {cutoff: BaseRate(datetime(2026, 2, 1), 0.6, 5000)}
    same = served(model, replace(one_test(rows), base_rates=older))
    moved = served(model, replace(one_test(rows), base_rates=newer))
    assert still is not None
    assert same is not None
    assert moved is not None
    np.testing.assert_array_equal(same.risk, still.risk)
    assert (moved.risk > still.risk).all()
    assert moved.raw_risk is not None
    np.testing.assert_array_equal(moved.raw_risk, still.risk)  # no calibration but the shift


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


@pytest.mark.slow
def test_a_useless_net_gives_way_to_the_baseline(planted: Callable[..., LabelledFrame]) -> None:
    """All that tells churn is in the numbers, and the net has had no time to read them."""
    parts = [
        planted(2_000, seed=seed, cutoff=f"2026-0{seed}-01", numbers=2.0) for seed in range(1, 5)
    ]
    config = TrainingConfig(
        model="churn_net",
        seed=7,
        threads=1,
        max_epochs=1,
        fit=FitConfig(learning_rate=1e-6),
        trees=TreeConfig(max_trees=40),
    )
    trained = train_challenger(TrainingData(*parts), config)
    rows = Rows(
        plan=None,  # type: ignore[arg-type]  # not read here
        rule=None,  # type: ignore[arg-type]
        train=parts[0],
        validate=parts[1],
        calibrate=parts[2],
        test=one_test(parts[3]),
        labels=LabelCounts(untreated=6_000),
        groups=NOBODY,
    )
    specs = [
        FeatureSpec(
            column, column, "user", "0", "count", 0, True, Words(column, column),
            words("{value}", "{value}"),
        )
        for column in parts[0].frame.columns
    ]  # fmt: skip
    found = judged(rows, trained, None, "auto", Settings(), specs=specs)
    chosen, verdict, said = found.model, found.verdict, found.said
    assert chosen.kind == "hist_gradient_boosting"
    assert verdict.baseline_wins
    assert verdict.wins
    assert "so the baseline is the one that is registered" in verdict.statements[-1].en
    assert verdict.statements[-1].zh.endswith("因此登记的是基线模型。")
    np.testing.assert_array_equal(said["challenger"].risk, said["hist_gradient_boosting"].risk)
    assert "churn_net (beaten)" in said
    # the reasons checked are those of the model that is registered, against its own first fit
    assert found.faithfulness.users == 300
    assert found.faithfulness.stability is not None
    assert found.faithfulness.lowered > 0.9 * found.faithfulness.tested

    wished = judged(rows, trained, None, "churn_net", Settings(), specs=specs)
    assert wished.model.kind == "churn_net"  # asked for by name: the verdict says no, and why
    assert not wished.verdict.wins
    assert any(words.en.endswith("ship the baseline.") for words in wished.verdict.statements)

    preferred = replace(trained, model=trained.singles["hist_gradient_boosting"])
    own = judged(rows, preferred, None, "auto", Settings(), specs=specs)
    assert own.model is preferred.model
    assert "On the calibration rows the baseline" in own.verdict.statements[-1].en

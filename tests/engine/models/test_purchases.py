"""BG/NBD and Pareto/NBD as single models: from three columns, in the blend, with reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import DataError, UsageError
from engine.explain.attribute import attribute
from engine.features.frame import LabelledFrame
from engine.models.blend import RiskModel, component_class
from engine.models.btyd import PurchaseHistory, fit_bg_nbd
from engine.models.calibration import Calibration
from engine.models.panel import draw_panel
from engine.models.purchases import (
    PURCHASE_MODELS,
    BgNbdModel,
    history_of,
    teachable,
)
from engine.training.challenger import PARTNER, TrainingConfig, TrainingData, train_challenger

Rows = Callable[..., LabelledFrame]
COLUMNS = (
    "orders_total", "payment_span_days", "days_since_first_payment", "days_since_payment",
)  # fmt: skip


def shop(planted: Rows, n: int, seed: int) -> LabelledFrame:
    """Buyers at rates of their own who leave for good; churn = none in the next 90 days."""
    rng = np.random.default_rng(seed)
    rate, leaves = rng.gamma(0.8, 1 / 60, n), rng.exponential(400, n)
    age = rng.integers(60, 500, n)
    orders, span, label = np.ones(n), np.zeros(n), np.ones(n)
    for user in range(n):
        times = np.cumsum(rng.exponential(1 / rate[user], 200))
        times = times[times < leaves[user]]
        past = np.unique(times[times < age[user]].astype(int))
        past = past[past > 0]
        orders[user] += len(past)
        span[user] = past[-1] if len(past) else 0
        label[user] = not ((times >= age[user]) & (times < age[user] + 90)).any()
    values = np.column_stack([orders, span, age + 1, age + 1 - span]).astype(np.float32)
    rows = planted(n, seed=seed, columns=4)
    return replace(
        rows,
        frame=replace(rows.frame, columns=COLUMNS, values=values),
        label=label.astype(np.float32),
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(PURCHASE_MODELS))
def test_it_ranks_and_is_near_the_truth_without_a_look_at_labels(planted: Rows, kind: str) -> None:
    rows = shop(planted, 800, seed=1)
    model = PURCHASE_MODELS[kind].fit(rows, window_days=90)
    turned = PURCHASE_MODELS[kind].fit(replace(rows, label=1 - rows.label), window_days=90)
    assert turned.state() == model.state()
    fresh = shop(planted, 1500, seed=2)
    log_odds = model.log_odds(fresh.frame)
    churned, stayed = log_odds[fresh.label == 1], log_odds[fresh.label == 0]
    assert (churned[:, None] > stayed[None, :]).mean() > 0.7
    risk = 1 / (1 + np.exp(-log_odds))
    assert risk.mean() == pytest.approx(fresh.label.mean(), abs=0.06)
    kept = component_class(kind).from_state(*model.state())
    np.testing.assert_array_equal(kept.log_odds(fresh.frame), log_odds)


def test_the_history_is_that_of_the_purchases(planted: Rows) -> None:
    frame = shop(planted, 40, seed=3).frame
    known, history = history_of(frame.columns, frame.values)
    assert known.all()
    np.testing.assert_array_equal(history.repeats, frame.values[:, 0] - 1)
    np.testing.assert_allclose(history.length * 7, frame.values[:, 2] - 1)
    fitted = fit_bg_nbd(PurchaseHistory(history.repeats, history.last, history.length))
    assert BgNbdModel.fit(shop(planted, 40, seed=3), window_days=90).parameters == fitted


def test_whoever_never_paid_gets_the_mean_of_the_others(planted: Rows) -> None:
    rows = shop(planted, 300, seed=1)
    model = BgNbdModel.fit(rows, window_days=90)
    rows.frame.values[:3] = np.array([[0, np.nan, np.nan, np.nan]])
    log_odds = model.log_odds(rows.frame)
    assert (log_odds[:3] == model.unknown).all()
    assert np.isfinite(log_odds).all()


def test_reasons_are_the_whole_difference_in_one_group(planted: Rows) -> None:
    rows = shop(planted, 300, seed=1)
    model = BgNbdModel.fit(rows, window_days=90)
    _, panel = draw_panel(rows, np.random.default_rng(0))
    served = RiskModel("bg_nbd", (model,), Calibration(0.9, 0.2), panel)
    told = attribute(served, rows.frame, dict.fromkeys(COLUMNS, "history"))
    assert told.groups == ("history",)
    np.testing.assert_allclose(
        told.contributions[:, 0], told.log_odds - told.baseline_log_odds, atol=1e-9
    )
    assert (told.leading == COLUMNS.index("days_since_payment")).all()


def test_what_it_cannot_learn_from_is_said(planted: Rows) -> None:
    rows = planted(50, seed=1)
    assert not teachable(rows.frame)
    with pytest.raises(DataError, match="no column orders_total"):
        BgNbdModel.fit(rows, window_days=90)
    once = shop(planted, 50, seed=1)
    once.frame.values[:, 0], once.frame.values[:, 1] = 1, 0
    assert not teachable(once.frame)


@pytest.mark.slow
def test_it_joins_the_blend_where_the_rule_asks_for_no_payment_only(planted: Rows) -> None:
    data = TrainingData(*(shop(planted, 400, seed=seed) for seed in (1, 2, 3, 4)))
    config = TrainingConfig(model="blend", threads=1, max_epochs=1, window_days=90)
    made = train_challenger(data, config)
    kinds = [part.kind for part in made.model.components]
    assert PARTNER in kinds
    assert sum(made.model.shares) == pytest.approx(1)
    other = train_challenger(data, replace(config, window_days=None))
    assert PARTNER not in [part.kind for part in other.model.components]
    alone = train_challenger(data, replace(config, model="bg_nbd"))
    assert alone.model.kind == "bg_nbd"
    with pytest.raises(UsageError, match="cannot speak of this churn rule"):
        train_challenger(data, replace(config, model="bg_nbd", window_days=None))

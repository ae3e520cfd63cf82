from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.errors import ModelError
from engine.features.frame import LabelledFrame
from engine.models.logistic import LogisticModel

Rows = Callable[..., LabelledFrame]


def test_finds_a_planted_linear_signal(planted: Rows) -> None:
    model = LogisticModel.fit(planted(1500, seed=1), strength=0.1)
    test = planted(1500, seed=2)
    assert roc_auc_score(test.label, model.log_odds(test.frame)) > 0.72


def test_contributions_add_up_to_the_distance_from_the_baseline(planted: Rows) -> None:
    model = LogisticModel.fit(planted(400, seed=1), strength=0.1)
    rows, baseline = planted(50, seed=2), planted(20, seed=3)
    parts = model.contributions(rows.frame.values, baseline.frame.values)
    assert parts.shape == rows.frame.values.shape
    expected = model.log_odds(rows.frame) - model.log_odds(baseline.frame).mean()
    assert parts.sum(axis=1) == pytest.approx(expected, abs=1e-6)


def test_missing_flags_count_for_their_column(planted: Rows) -> None:
    train = planted(800, seed=1)
    gone = np.isnan(train.frame.values[:, 3])
    train.label[gone] = 1.0
    model = LogisticModel.fit(train, strength=1.0)
    rows = train.frame.values[:1].copy()
    rows[0, 3] = np.nan
    parts = model.contributions(rows, train.frame.values[~gone])
    assert np.argmax(parts[0]) == 3


def test_other_columns_are_refused_by_name(planted: Rows) -> None:
    model = LogisticModel.fit(planted(200, seed=1), strength=0.1)
    with pytest.raises(ModelError, match="missing: column_4, column_5") as caught:
        model.log_odds(planted(10, seed=1, columns=4).frame)
    assert "trained on 6 columns, the data have 4" in caught.value.sentence


def test_columns_in_another_order_are_refused(planted: Rows) -> None:
    model = LogisticModel.fit(planted(200, seed=1, columns=2), strength=0.1)
    frame = planted(10, seed=1, columns=2).frame
    turned = type(frame)(
        frame.user_ids,
        frame.cutoffs,
        frame.segments,
        frame.columns[::-1],
        frame.values[:, ::-1],
        frame.sequences,
    )
    with pytest.raises(ModelError, match=r"order differs from column 1 on \(column_1\)"):
        model.log_odds(turned)

"""The alarms of a training run, on planted rows and against scikit-learn's AUC."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from engine.errors import DataError
from engine.evaluation.alarms import cutoff_shift, single_feature_auc, stop_at_a_leak
from engine.features.frame import FeatureFrame, LabelledFrame
from engine.settings import Settings
from engine.store.codec import from_json, to_json
from engine.types import CutoffShift

Plant = Callable[..., LabelledFrame]


def with_column(rows: LabelledFrame, column: int, values: np.ndarray) -> LabelledFrame:
    changed = rows.frame.values.copy()
    changed[:, column] = values
    return replace(rows, frame=replace(rows.frame, values=changed))


def test_the_auc_of_each_column_is_that_of_scikit_learn(planted: Plant) -> None:
    rows = planted(701, seed=3)
    tied = np.round(rows.frame.values[:, 4])
    rows = with_column(rows, 4, tied)
    found = single_feature_auc(rows)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    for place, name in enumerate(rows.frame.columns):
        column = rows.frame.values[:, place].astype(np.float64)
        expected = [
            roc_auc_score(rows.label, np.where(np.isnan(column), stand_in, column))
            for stand_in in (-1e9, 1e9)
        ]
        assert found[name] == pytest.approx(max(max(auc, 1 - auc) for auc in expected))


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_column_that_knows_the_label_stops_the_run_with_its_name(
    planted: Plant, direction: float
) -> None:
    rows = planted(600, seed=4)
    stop_at_a_leak(rows)
    noise = np.random.default_rng(1).normal(0, 0.2, len(rows))
    leaking = with_column(rows, 2, direction * rows.label + noise)
    with pytest.raises(DataError) as raised:
        stop_at_a_leak(leaking)
    assert raised.value.code == "leak_suspected"
    assert "column_2 (AUC 0.9" in raised.value.what or "column_2 (AUC 1.0" in raised.value.what
    line = raised.value.next_step.split("write ")[1].split(" under")[0]
    accepted = Settings.model_validate({"training": tomllib.loads(line)})
    stop_at_a_leak(leaking, accepted=accepted.training.accept_features)


def test_a_column_that_is_missing_for_those_who_left_is_found(planted: Plant) -> None:
    rows = planted(600, seed=5)
    values = np.where(rows.label > 0, np.nan, rows.frame.values[:, 1])
    with pytest.raises(DataError, match="column_1"):
        stop_at_a_leak(with_column(rows, 1, values))


def test_a_handful_of_churners_raises_no_alarm(planted: Plant) -> None:
    rows = planted(600, seed=6)
    few = np.flatnonzero(rows.label > 0)[19:]
    rows = rows.take(np.setdiff1d(np.arange(600), few))
    assert single_feature_auc(with_column(rows, 0, rows.label)) == {}


def history(planted: Plant, cutoffs: int) -> tuple[FeatureFrame, FeatureFrame]:
    """Training cutoffs, then a test cutoff; nothing differs between them."""
    parts = [
        planted(150, seed=seed, cutoff=f"2026-0{1 + seed}-01").frame for seed in range(cutoffs + 1)
    ]
    train = replace(
        parts[0],
        user_ids=np.concatenate([part.user_ids for part in parts[:-1]]),
        cutoffs=np.concatenate([part.cutoffs for part in parts[:-1]]),
        segments=np.concatenate([part.segments for part in parts[:-1]]),
        values=np.concatenate([part.values for part in parts[:-1]]),
        sequences=parts[0].sequences.take(np.tile(np.arange(150), cutoffs)),
    )
    return train, parts[-1]


@pytest.mark.parametrize("cutoffs", [1, 4])
def test_a_column_that_changed_its_unit_warns_and_is_named(planted: Plant, cutoffs: int) -> None:
    train, test = history(planted, cutoffs)
    same = cutoff_shift(train, test, ignored=(), seed=7)
    assert same is not None
    assert not same.warns
    assert (same.among_training is None) == (cutoffs == 1)
    values = test.values.copy()
    values[:, 3] = 100 * values[:, 3] + 500
    changed = cutoff_shift(train, replace(test, values=values), ignored=(), seed=7)
    assert changed is not None
    assert changed.warns
    assert next(iter(changed.columns)) == "column_3"
    assert "column_3" in changed.words.en
    assert "column_3" in changed.words.zh
    assert from_json(CutoffShift, to_json(changed)) == changed
    calendar = cutoff_shift(train, replace(test, values=values), ignored=("column_3",), seed=7)
    assert calendar is not None
    assert not calendar.warns


def test_drift_that_training_has_seen_is_no_warning(planted: Plant) -> None:
    """Ages grow with the business: each cutoff is told from the one before, the test no better."""
    train, test = history(planted, 4)
    month = train.cutoffs.astype("datetime64[M]").astype(int)
    values = train.values.copy()
    values[:, 0] += 2 * (month - month.min())
    later = test.values.copy()
    later[:, 0] += 2 * 4
    shift = cutoff_shift(
        replace(train, values=values), replace(test, values=later), ignored=(), seed=7
    )
    assert shift is not None
    assert shift.among_training is not None
    assert shift.among_training > 0.9
    assert not shift.warns


def test_too_few_rows_say_nothing(planted: Plant) -> None:
    train, test = history(planted, 1)
    assert cutoff_shift(train, test.take(np.arange(30)), ignored=(), seed=7) is None
    assert cutoff_shift(train, test, ignored=train.columns, seed=7) is None

"""`ChurnClassifier`: scikit-learn's own checks, the faults of real tables, and no torch."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from engine import ChurnClassifier
from engine.classifier import TableError
from engine.errors import DataError
from engine.explain.attribute import attribute


def _exceptions(estimator: ChurnClassifier) -> dict[str, str]:
    return {
        "check_sample_weight_equivalence_on_dense_data": "quantiles and inner folds count rows, "
        "not weights, as the folds of scikit-learn's CalibratedClassifierCV do"
    }


@pytest.mark.slow
@parametrize_with_checks([ChurnClassifier(folds=2, threads=1)], expected_failed_checks=_exceptions)
def test_scikit_learns_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def _quick(model: str = "logistic", **settings: Any) -> ChurnClassifier:
    return ChurnClassifier(model, folds=3, threads=1, random_state=0, **settings)


def _table(rows: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers and words that tell who leaves, and a column of chance."""
    rng = np.random.default_rng(seed)
    months = rng.integers(1, 60, rows)
    plan = rng.choice(["monthly", "yearly", "trial"], rows)
    log_odds = 1.5 - months / 20 + np.where(plan == "monthly", 1.5, 0.0)
    y = np.where(rng.random(rows) < 1 / (1 + np.exp(-log_odds)), "left", "stayed")
    table = pd.DataFrame({"months": months, "plan": plan, "noise": rng.standard_normal(rows)})
    return table, y


def test_numbers_and_words_of_a_frame_are_learnt_from() -> None:
    table, y = _table(600)
    model = _quick().fit(table, y)
    assert model.classes_.tolist() == ["left", "stayed"]
    assert model.feature_names_in_.tolist() == ["months", "plan", "noise"]
    assert [attribute.kind for attribute in model.attributes_] == ["number", "words", "number"]
    fresh, truth = _table(600, seed=1)
    risk = model.predict_proba(fresh)
    assert risk.shape == (600, 2)
    np.testing.assert_allclose(risk.sum(axis=1), 1)
    assert (model.predict(fresh) == truth).mean() > 0.63
    # Calibrated: what is forecast on average is what happens.
    assert risk[:, 0].mean() == pytest.approx((truth == "left").mean(), abs=0.05)


def test_one_table_in_three_forms_is_one_model() -> None:
    table, y = _table(300)
    risks = [
        _quick().fit(form, y).predict_proba(form)
        for form in (table, table.to_numpy(), table.astype(object).astype({"plan": "category"}))
    ]
    np.testing.assert_array_equal(risks[0], risks[1])
    np.testing.assert_array_equal(risks[0], risks[2])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["auto", "random_forest", "mlp"])
def test_the_seed_decides_and_the_model_survives_a_pickle(model: str) -> None:
    table, y = _table(400)
    first = _quick(model).fit(table, y)
    again = clone(first).fit(table, y)
    np.testing.assert_array_equal(first.predict_proba(table), again.predict_proba(table))
    # Both classes are told apart better than by the base rate.
    assert first.score(table, y) > max((y == "left").mean(), (y == "stayed").mean())
    kept = pickle.loads(pickle.dumps(first))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(first.predict_proba(table), kept.predict_proba(table))


def test_columns_without_information_change_nothing() -> None:
    table, y = _table(300)
    constant = table.assign(same=3.0, word="a", empty=np.nan, nothing=None)
    plain = _quick().fit(table, y).predict_proba(table)
    np.testing.assert_array_equal(_quick().fit(constant, y).predict_proba(constant), plain)


def test_duplicated_columns_are_no_trouble() -> None:
    table, y = _table(300)
    twice = table.assign(again=table["months"], plan_again=table["plan"])
    single, double = (_quick().fit(x, y).predict_proba(x)[:, 0] for x in (table, twice))
    assert np.corrcoef(single, double)[0, 1] > 0.99


def test_an_endless_number_counts_as_missing() -> None:
    table, y = _table(300)
    endless = table.astype({"months": float})
    missing = endless.copy()
    endless.loc[::7, "months"] = np.inf
    endless.loc[::11, "months"] = -np.inf
    missing.loc[::7, "months"] = np.nan
    missing.loc[::11, "months"] = np.nan
    model = _quick().fit(endless, y)
    np.testing.assert_array_equal(
        model.predict_proba(endless), _quick().fit(missing, y).predict_proba(missing)
    )
    assert np.isfinite(model.predict_proba(endless)).all()


def test_two_hundred_words_and_words_never_seen() -> None:
    rng = np.random.default_rng(0)
    word = rng.choice([f"w{number}" for number in range(200)], 4_000, p=_falling(200))
    y = (rng.random(4_000) < np.where(word == "w0", 0.8, 0.3)).astype(int)
    model = _quick().fit(pd.DataFrame({"word": word}), y)
    (schema,) = model.attributes_
    assert len(schema.levels) == 24
    assert schema.other
    known, rare, unseen = model.predict_proba(pd.DataFrame({"word": ["w0", "w199", "never seen"]}))[
        :, 1
    ]
    assert known > 0.6
    # A word never seen is one of the others, like a rare one.
    assert unseen == rare
    assert unseen == pytest.approx(0.3, abs=0.1)


def _falling(levels: int) -> np.ndarray:
    share = 1 / (np.arange(levels) + 5)
    return share / share.sum()


@pytest.mark.parametrize("rows", [4, 50])
def test_few_rows_make_a_cautious_model(rows: int) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((rows, 3))
    y = np.arange(rows) % 2
    risk = _quick("auto").fit(X, y).predict_proba(X)[:, 1]
    assert np.isfinite(risk).all()
    # Nothing is there to be learnt, so nobody is told apart with certainty.
    assert risk.min() > 0.02
    assert risk.max() < 0.98


@pytest.mark.parametrize(
    ("X", "y", "settings", "sentence"),
    [
        (np.ones((9, 2)), np.arange(9) % 2, {}, "None of the 2 columns has two values"),
        (np.eye(9), np.ones(9), {}, "All 9 rows are of one class"),
        (np.eye(9), np.arange(9) % 3, {}, "Only binary classification is supported"),
        (np.eye(9), np.arange(9) % 2, {"model": "cnn"}, "'cnn' is not a model of ChurnClassifier"),
    ],
)
def test_what_cannot_be_learnt_from_is_said(
    X: np.ndarray, y: np.ndarray, settings: dict[str, str], sentence: str
) -> None:
    with pytest.raises(TableError, match=sentence):
        ChurnClassifier(threads=1, **settings).fit(X, y)


def test_a_column_of_times_is_refused_with_its_name() -> None:
    table, y = _table(60)
    dated = table.assign(since=pd.Timestamp("2026-01-01"))
    with pytest.raises(DataError, match="The column 'since' holds times"):
        _quick().fit(dated, y)


def test_rows_of_weight_zero_are_not_there() -> None:
    table, y = _table(300)
    weight = np.ones(300)
    weight[::3] = 0
    weighted = _quick().fit(table, y, sample_weight=weight).predict_proba(table)
    kept = weight > 0
    np.testing.assert_array_equal(weighted, _quick().fit(table[kept], y[kept]).predict_proba(table))


def test_its_parts_can_be_explained() -> None:
    table, y = _table(300)
    model = _quick().fit(table, y)
    columns = model.model_.columns
    frame = model._frame(model._columns(table, table.to_numpy()))
    parts = attribute(model.model_, frame, {name: name.split(" = ")[0] for name in columns})
    total = parts.contributions.sum(axis=1) + parts.baseline_log_odds + parts.remainder
    np.testing.assert_allclose(total, model.decision_function(table))


@pytest.mark.slow
def test_it_works_inside_scikit_learn_and_ranks() -> None:
    table, y = _table(500)
    assert cross_val_score(_quick("auto"), table, y, cv=3, scoring="roc_auc").mean() > 0.75


@pytest.mark.slow
def test_torch_is_not_imported() -> None:
    code = (
        "import sys, numpy as np; from engine import ChurnClassifier;"
        "X = np.arange(80.).reshape(40, 2) % 7; y = np.arange(40) % 2;"
        "ChurnClassifier(folds=2, threads=1).fit(X, y).predict_proba(X);"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

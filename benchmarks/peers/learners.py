"""The peers that learn from columns: rows and labels in, risks of other rows out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.peers.boosting import SMALL, Split, lightgbm_risk, searched

Floats = NDArray[np.float64]
Rows = NDArray[Any]  # float32 or float64
Learner = Callable[[Rows, Rows, Rows], Floats]
"""(train (N, D), label (N,), test (M, D)) -> P(label = 1) on `test`; NaN is missing."""
Splits = Callable[[Rows, Rows], Sequence[Split]]
"""(train, label) -> how LightGBM's settings are judged inside the training rows."""

LEAST_ROWS = 5
"""In a leaf of the forest: with one, scikit-learn's default, its risks are 0 or 1 far too often."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard the peers try."""

    seeds: tuple[int, ...]  # of LightGBM, averaged
    trials: int  # of LightGBM's search
    forest_trees: int
    catboost_trees: int  # 1,000 is CatBoost's default


FULL = Effort((0, 1, 2), 12, 500, 1_000)
QUICK = Effort((0,), 1, 25, 50)


def learners(effort: Effort, splits: Splits, words: Sequence[slice] = ()) -> Mapping[str, Learner]:
    """Every peer by name; `words` are the columns that are levels of one word."""
    return {
        "logistic": logistic,
        "random forest": random_forest(effort.forest_trees),
        "HistGradientBoosting": hist_gradient_boosting,
        "LightGBM tuned": lightgbm_tuned(effort, splits),
        "CatBoost": catboost(effort.catboost_trees, words),
    }


def logistic(train: Rows, label: Rows, test: Rows) -> Floats:
    """Scaled columns, missing ones by their median, scikit-learn's own penalty."""
    model = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=2_000),
    )
    model.fit(train, label)
    return np.asarray(model.predict_proba(test)[:, 1])


def random_forest(trees: int) -> Learner:
    """scikit-learn's forest, one thread."""

    def fit(train: Rows, label: Rows, test: Rows) -> Floats:
        model = RandomForestClassifier(trees, min_samples_leaf=LEAST_ROWS, random_state=0, n_jobs=1)
        model.fit(train, label)
        return np.asarray(model.predict_proba(test)[:, 1])

    return fit


def hist_gradient_boosting(train: Rows, label: Rows, test: Rows) -> Floats:
    """scikit-learn's defaults."""
    model = HistGradientBoostingClassifier(random_state=0).fit(train, label)
    return np.asarray(model.predict_proba(test)[:, 1])


def lightgbm_small(effort: Effort) -> Learner:
    """LightGBM with the settings that were found by hand for shops."""

    def fit(train: Rows, label: Rows, test: Rows) -> Floats:
        return lightgbm_risk(train, label, test, SMALL, seeds=effort.seeds)

    return fit


def lightgbm_tuned(effort: Effort, splits: Splits) -> Learner:
    """LightGBM with the settings that its search finds inside the training rows."""

    def fit(train: Rows, label: Rows, test: Rows) -> Floats:
        best = searched(train, label, splits(train, label), trials=effort.trials, seed=0)
        return lightgbm_risk(train, label, test, best, seeds=effort.seeds)

    return fit


def catboost(trees: int, words: Sequence[slice] = ()) -> Learner:
    """CatBoost with its defaults, one thread; `words` are the columns that are levels of one word.

    Levels are joined to one categorical column each, which CatBoost encodes by its own method.
    """

    def fit(train: Rows, label: Rows, test: Rows) -> Floats:
        from catboost import CatBoostClassifier, Pool

        model: Any = CatBoostClassifier(
            iterations=trees,
            random_seed=0,
            thread_count=1,
            verbose=False,
            allow_writing_files=False,
        )
        if not words:
            model.fit(Pool(train, label))
            return np.asarray(model.predict_proba(Pool(test))[:, 1])
        columns = [_joined(rows, words) for rows in (train, test)]
        places = list(range(columns[0].shape[1] - len(words), columns[0].shape[1]))
        model.fit(Pool(columns[0], label, cat_features=places))
        return np.asarray(model.predict_proba(Pool(columns[1], cat_features=places))[:, 1])

    return fit


def _joined(values: Rows, words: Sequence[slice]) -> NDArray[np.object_]:
    """(N, numbers + len(words)) the numbers, then the level of each word; -1: none is known."""
    plain = np.ones(values.shape[1], dtype=np.bool_)
    levels = []
    for columns in words:
        plain[columns] = False
        block = np.nan_to_num(values[:, columns])
        levels.append(np.where(block.any(axis=1), block.argmax(axis=1), -1))
    return np.column_stack(
        [values[:, plain].astype(object), *(one.astype(object) for one in levels)]
    )

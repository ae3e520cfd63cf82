"""Peers on tables without a time axis: the same columns, the same folds, out-of-fold risks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.harness import say
from benchmarks.peers.boosting import Settings, lightgbm_risk

Floats = NDArray[np.float64]
Fit = Callable[[Floats, Floats, Floats], Floats]
"""(train (N, D), label (N,), test (M, D)) -> P(label = 1) on `test`."""

CHOICES = tuple(
    Settings(trees, rate, leaves, least)
    for trees, rate, leaves in ((400, 0.02, 4), (300, 0.03, 15), (600, 0.03, 31))
    for least in (20, 100)
)
INNER_FOLDS = 3


def out_of_fold(values: Floats, label: Floats, fold: NDArray[np.int64], fit: Fit) -> Floats:
    """(N,) each row's risk by the model of the other folds."""
    risk = np.empty(len(label))
    for number in np.unique(fold):
        test = fold == number
        risk[test] = fit(values[~test], label[~test], values[test])
    return risk


def logistic(train: Floats, label: Floats, test: Floats) -> Floats:
    """Scaled columns, missing ones by their median, scikit-learn's own penalty."""
    model = make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=2_000)
    )
    model.fit(train, label)
    return np.asarray(model.predict_proba(test)[:, 1])


def lightgbm(seeds: Sequence[int]) -> Fit:
    """LightGBM with the settings that score best inside the training folds."""

    def fit(train: Floats, label: Floats, test: Floats) -> Floats:
        inner = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=0)
        losses: dict[Settings, list[float]] = {settings: [] for settings in CHOICES}
        for teach, judge in inner.split(train, label):
            for settings in CHOICES:
                risk = lightgbm_risk(
                    train[teach], label[teach], train[judge], settings, seeds=seeds[:1]
                )
                losses[settings].append(log_loss(label[judge], risk, labels=[0, 1]))
        best = min(CHOICES, key=lambda settings: np.mean(losses[settings]))
        say(f"quality: LightGBM with {best}")
        return lightgbm_risk(train, label, test, best, seeds=seeds)

    return fit


def catboost(trees: int, words: Sequence[slice]) -> Fit:
    """CatBoost with its defaults, one thread; `words` are the columns that are levels of one word.

    Levels are joined to one categorical column each, which CatBoost encodes by its own method.
    """

    def fit(train: Floats, label: Floats, test: Floats) -> Floats:
        from catboost import CatBoostClassifier, Pool

        model: Any = CatBoostClassifier(
            iterations=trees,
            random_seed=0,
            thread_count=1,
            verbose=False,
            allow_writing_files=False,
        )
        columns = [_joined(rows, words) for rows in (train, test)]
        places = list(range(columns[0].shape[1] - len(words), columns[0].shape[1]))
        model.fit(Pool(columns[0], label, cat_features=places))
        return np.asarray(model.predict_proba(Pool(columns[1], cat_features=places))[:, 1])

    return fit


def _joined(values: Floats, words: Sequence[slice]) -> NDArray[np.object_]:
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

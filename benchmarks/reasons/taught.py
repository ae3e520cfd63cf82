"""How far the columns can tell the causes at all: a classifier that was taught the planted ones."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from benchmarks.reasons.causes import HIDDEN, NAMED_BY
from benchmarks.reasons.naming import Reasons
from engine.features.frame import FeatureFrame
from sample_db.mechanism import CAUSES


def taught(train: FeatureFrame, cause: NDArray[np.int64], test: FeatureFrame) -> list[Reasons]:
    """The groups of the causes of each row of `test`, the likeliest first.

    `cause` (N,) is the dominating one of each training row, an index into CAUSES; -1: none does.
    Causes weigh the same, as in the average. No product can be taught so: causes are not known in
    life. The figure bounds what could be asked of reasons on these columns.
    """
    kept = np.flatnonzero((cause >= 0) & (cause != CAUSES.index(HIDDEN)))
    which, label, count = np.unique(cause[kept], return_inverse=True, return_counts=True)
    model = lgb.LGBMClassifier(
        n_estimators=120,
        num_leaves=15,
        learning_rate=0.05,
        min_child_samples=30,
        colsample_bytree=0.5,
        random_state=0,
        deterministic=True,
        num_threads=1,
        verbose=-1,
    )
    values = train.values[kept].astype(np.float64)
    model.fit(values, label, sample_weight=len(kept) / (len(which) * count[label]))
    chance = np.asarray(model.predict_proba(test.values.astype(np.float64)))
    groups = [NAMED_BY[CAUSES[index]] for index in which]
    return [tuple(groups[i] for i in np.argsort(-row, kind="stable")) for row in chance]

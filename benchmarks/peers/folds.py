"""Which training rows teach and which judge, inside the training rows of a protocol."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedKFold

from benchmarks.peers.boosting import Split
from benchmarks.peers.learners import Floats, Learner, Rows

INNER_FOLDS = 3


def out_of_fold(values: Rows, label: Rows, fold: NDArray[np.int64], fit: Learner) -> Floats:
    """(N,) each row's risk by the model of the other folds."""
    risk = np.empty(len(label))
    for number in np.unique(fold):
        test = fold == number
        risk[test] = fit(values[~test], label[~test], values[test])
    return risk


def stratified(values: Rows, label: Rows) -> list[Split]:
    """Rows that know nothing of each other."""
    folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=0)
    return list(folds.split(values, label))


def by_group(groups: NDArray[Any], folds: int = INNER_FOLDS) -> list[Split]:
    """No group (N,) both teaches and judges."""
    return list(GroupKFold(folds).split(np.zeros((len(groups), 1)), groups=groups))


def by_cutoff(
    cutoffs: Sequence[date], rows: NDArray[np.int64], users: NDArray[Any], horizon: timedelta
) -> list[Split]:
    """Each of the newest cutoffs judges what those teach whose labels it could know.

    `rows` (N,) are places in `cutoffs`, ascending in time. Where the history is too short for that,
    no user (N,) both teaches and judges.
    """
    splits = []
    for place in range(len(cutoffs))[-INNER_FOLDS:]:
        closed = [n for n, cutoff in enumerate(cutoffs) if cutoff + horizon <= cutoffs[place]]
        if closed:
            splits.append((np.flatnonzero(rows <= closed[-1]), np.flatnonzero(rows == place)))
    return splits or by_group(users)

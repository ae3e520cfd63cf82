"""Alarms before and after a fit: a feature that knows too much, and cutoffs that are not alike.

Both look at numbers only. The first compares each column with the label and stops a run: hardly
anything honest tells churn alone. The second asks a small tree model to tell the test cutoffs'
rows from the training rows (adversarial validation) and only warns: what it finds is drift, which
a model can survive and an operator should know of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.base import finite
from engine.types import CutoffShift, Words

SUSPICIOUS_AUC = 0.97

TIMES_EASIER = 3.0
"""A warning: the error of telling (1 - AUC) is so many times smaller than among training ones."""

USUAL_AUC = 0.85
"""Taken for the AUC among training cutoffs where there is one only."""

FEWEST_OF_A_CLASS = 20
"""With fewer, chance alone reaches such an AUC among hundreds of columns."""

LOOKED_AT_ROWS = 20_000
"""Of the training rows, evenly spaced: the error of an AUC is a hundredth of what is looked for."""

COMPARED_ROWS = 3_000
"""Of each side of the adversarial validation."""

NAMED_COLUMNS = 5

FOLDS = 2


def stop_at_a_leak(rows: LabelledFrame, *, accepted: Collection[str] = ()) -> None:
    """Raise `DataError` naming each column whose AUC alone is above `SUSPICIOUS_AUC`.

    Columns in `accepted` pass: the user knows them and says that they are known in time.
    """
    found = {
        name: auc
        for name, auc in single_feature_auc(rows).items()
        if auc > SUSPICIOUS_AUC and name not in accepted
    }
    if not found:
        return
    named = ", ".join(f"{name} (AUC {auc:.3f})" for name, auc in found.items())
    raise DataError(
        "leak_suspected",
        f"One feature alone tells who churned: {named}",
        why=f"Above {SUSPICIOUS_AUC} a column usually holds what was learnt after the cutoff",
        next_step="Look at where it comes from (its known_at, an update in place); if it is right, "
        f"write accept_features = {_toml(found)} under [training] in retention.toml",
    )


def _toml(names: Collection[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def single_feature_auc(rows: LabelledFrame) -> Mapping[str, float]:
    """The AUC of each column alone, whichever direction is better; the largest first.

    Missing values are taken once as the lowest and once as the highest of all, and the better
    counts, so that a column which is missing for those who left is found too. Empty where a class
    has fewer than `FEWEST_OF_A_CLASS` rows.
    """
    step = max(1, -(-len(rows) // LOOKED_AT_ROWS))
    churned = rows.label[::step] > 0
    if min(churned.sum(), (~churned).sum()) < FEWEST_OF_A_CLASS:
        return {}
    values = rows.frame.values[::step]
    found = {
        name: _either_way(values[:, column], churned)
        for column, name in enumerate(rows.frame.columns)
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _either_way(column: NDArray[np.float32], positive: NDArray[np.bool_]) -> float:
    ordered, place = np.unique(column, return_inverse=True)  # NaN: one value, the last
    counts = np.bincount(place, minlength=len(ordered)).astype(np.float64)
    positives = np.bincount(place, weights=positive, minlength=len(ordered)).astype(np.float64)
    aucs = [_auc(counts, positives)]
    if np.isnan(ordered[-1]):
        aucs.append(_auc(np.roll(counts, 1), np.roll(positives, 1)))  # … and the first
    return max(max(auc, 1 - auc) for auc in aucs)


def _auc(counts: NDArray[np.float64], positives: NDArray[np.float64]) -> float:
    """Of a score with tied values, given ascending: ties count half."""
    negatives = counts - positives
    below = np.cumsum(negatives) - negatives
    wins = float((positives * (below + negatives / 2)).sum())
    return wins / float(positives.sum() * negatives.sum())


def cutoff_shift(
    train: FeatureFrame, test: FeatureFrame, *, ignored: Collection[str], seed: int
) -> CutoffShift | None:
    """How well a small tree model tells test rows from training rows; None: too few to say.

    Time always shows a little: ages grow with the business, peers move. So the measure is how well
    the newest training cutoffs are told from the oldest; the test may not be much easier.
    `ignored`: columns that differ by design (the calendar).
    """
    keep = [place for place, name in enumerate(train.columns) if name not in ignored]
    found = _told_apart(train, test, keep, seed)
    if found is None:
        return None
    auc, gain = found
    moments = np.unique(train.cutoffs)
    third = -(-len(moments) // 3)
    oldest, newest = moments[:third], moments[len(moments) - third :]
    among = None
    if oldest[-1] < newest[0]:
        among = _told_apart(
            train.take(np.isin(train.cutoffs, oldest)),
            train.take(np.isin(train.cutoffs, newest)),
            keep,
            seed,
        )
    usual = None if among is None else among[0]
    return _shift(auc, usual, gain, [train.columns[place] for place in keep])


def _told_apart(
    earlier: FeatureFrame, later: FeatureFrame, keep: Sequence[int], seed: int
) -> tuple[float, NDArray[np.float64]] | None:
    """The cross-validated AUC of telling two frames apart, and the gain of each column.

    A user is on one side of the fold only: what is recognised is the time and not the person.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    sides = [_some(frame, rng) for frame in (earlier, later)]
    if not keep or min(len(side) for side in sides) < FOLDS * FEWEST_OF_A_CLASS:
        return None
    values = finite(np.concatenate([side.values[:, keep] for side in sides]))
    is_later = np.concatenate([np.zeros(len(sides[0])), np.ones(len(sides[1]))])
    users = np.concatenate([side.user_ids for side in sides])
    _, person = np.unique(users.astype(str), return_inverse=True)
    fold = rng.integers(0, FOLDS, int(person.max()) + 1)[person]
    gain = np.zeros(len(keep))
    aucs = []
    for held_out in range(FOLDS):
        learn, judge = fold != held_out, fold == held_out
        if min(len(np.unique(is_later[learn])), len(np.unique(is_later[judge]))) < 2:
            return None
        # scikit-learn cannot bin a column without any value.
        usable = np.flatnonzero(~np.isnan(values[learn]).all(axis=0))
        model = HistGradientBoostingClassifier(
            max_iter=20,
            learning_rate=0.2,
            max_leaf_nodes=8,
            max_features=0.5,
            early_stopping=False,
            random_state=seed,
        ).fit(values[learn][:, usable], is_later[learn])
        score = model.decision_function(values[judge][:, usable])
        aucs.append(float(roc_auc_score(is_later[judge], score)))
        for stage in model._predictors:
            splits = stage[0].nodes[stage[0].nodes["is_leaf"] == 0]
            np.add.at(gain, usable[splits["feature_idx"]], splits["gain"])
    return float(np.mean(aucs)), gain


def _some(frame: FeatureFrame, rng: np.random.Generator) -> FeatureFrame:
    if len(frame) <= COMPARED_ROWS:
        return frame
    return frame.take(np.sort(rng.choice(len(frame), COMPARED_ROWS, replace=False)))


def _shift(
    auc: float, usual: float | None, gain: NDArray[np.float64], names: Sequence[str]
) -> CutoffShift:
    share = gain / gain.sum() if gain.sum() > 0 else gain
    first = [place for place in np.argsort(-share, kind="stable")[:NAMED_COLUMNS] if share[place]]
    columns = {names[place]: round(float(share[place]), 4) for place in first}
    warns = 1 - auc < (1 - (USUAL_AUC if usual is None else usual)) / TIMES_EASIER
    told = ", ".join(f"{name} {part:.0%}" for name, part in columns.items())
    among = Words("", "")
    if usual is not None:
        among = Words(
            f"，训练截止时刻之间为 {usual:.3f}", f"; {usual:.3f} among the training cutoffs"
        )
    if warns:
        words = Words(
            f"测试截止时刻与训练数据明显不同（区分两者的 AUC 为 {auc:.3f}{among.zh}；不含日历列），"
            f"主要凭 {told}",
            "The test cutoffs are not like the training rows (AUC to tell them apart "
            f"{auc:.3f}{among.en}; calendar columns left out), mostly by {told}",
        )
    else:
        words = Words(
            f"测试截止时刻与训练数据没有异常差别（区分两者的 AUC 为 {auc:.3f}{among.zh}；"
            "不含日历列）",
            "The test cutoffs differ from the training rows no more than usual (AUC to tell them "
            f"apart {auc:.3f}{among.en}; calendar columns left out)",
        )
    return CutoffShift(auc, usual, columns, warns, words)

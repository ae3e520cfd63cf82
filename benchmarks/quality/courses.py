"""XuetangX: who opens nothing after the course; by course, and from winter to summer."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.harness import Row, say
from benchmarks.peers.boosting import Split
from benchmarks.peers.courses import FILES, Enrolments, read_enrolments
from benchmarks.peers.folds import by_group
from benchmarks.peers.learners import FULL, QUICK, learners
from benchmarks.peers.orders import data_file
from benchmarks.quality.aims import Measured, better_than
from benchmarks.quality.compare import Test, compare
from benchmarks.quality.ours import Floats, load_mapping, train_and_score
from benchmarks.quality.shop import EXAMPLES, LOADED_AT, SEED, named
from engine.errors import DataError
from engine.features.frame import LabelledFrame, concatenate
from engine.features.labels import given_cutoffs
from engine.store.lease import lease
from engine.timeline import ChurnRule
from engine.training.rows import TrainingData

MAPPINGS = {14: "day-14.toml", 30: "mapping.toml"}
COURSE_FOLDS = 5
CHAMPION = "champion"
AIM = better_than(("logistic", "LightGBM tuned"))
PARTS = 5
"""Of the training enrolments: one validates, one calibrates, the others teach."""


@dataclass(frozen=True, slots=True)
class Courses:
    """A case: how many days of each course are known, and how courses are held out."""

    case: str
    days: int
    by_course: bool  # otherwise the winter's courses teach and the summer's test


def measure_courses(courses: Courses, quick: bool) -> list[Row]:
    """All figures of one protocol; every risk is by a model that saw nothing of the course."""
    theirs = read_enrolments(courses.case, courses.days)
    rule, ours = _our_rows(courses, theirs)
    splits = _splits(courses, theirs)[: 1 if quick else None]
    risks: dict[str, Floats] = {}
    for teach, judge in splits:
        for name, risk in _risks(ours, rule, theirs, teach, judge, quick=quick).items():
            risks.setdefault(name, np.full(len(theirs.label), np.nan))[judge] = risk
    tested = np.sort(np.concatenate([judge for _, judge in splits]))
    champion = risks.pop(CHAMPION)[tested]
    # Another champion in another fold: a single model is then not known for every row.
    whole = {name: risk[tested] for name, risk in risks.items() if not np.isnan(risk[tested]).any()}
    single = {name for name in whole if name.startswith("our ")}
    compared = Test(
        theirs.label[tested],
        theirs.number[tested],
        champion,
        rivals={name: risk for name, risk in whole.items() if name not in single},
        beside={name: risk for name, risk in whole.items() if name in single},
    )
    rows = compare(
        courses.case,
        compared,
        positive="stayed",
        seed=SEED,
        rounds=30 if quick else 400,
        aim=AIM,
    )
    folds = [np.searchsorted(tested, judge) for _, judge in splits]
    return rows if len(folds) == 1 else [*rows, _mean_of_folds(courses.case, compared, folds)]


def _our_rows(courses: Courses, theirs: Enrolments) -> tuple[ChurnRule, LabelledFrame]:
    """The mapping's rule, and every enrolment at its course's day, in the peers' order.

    Raises `DataError` where the two readings of the files do not agree.
    """
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_mapping(
            EXAMPLES / "xuetangx" / MAPPINGS[courses.days],
            data_file(courses.case, FILES[0]).parent,
            Path(folder) / "behaviour.duckdb",
            now=LOADED_AT,
        )
        with lease(loaded.database) as connection:
            cutoffs = given_cutoffs(connection)
        rows = concatenate(list(loaded.frames(cutoffs).values()))
    rows = rows.take(np.argsort(rows.frame.user_ids.astype(np.int64)))
    numbers = rows.frame.user_ids.astype(np.int64)
    if not (
        np.array_equal(numbers, theirs.number)
        and np.array_equal(rows.label.astype(np.float64), theirs.label)
    ):
        raise DataError(
            "other_population",
            f"our {len(rows)} enrolments are not the peers' {len(theirs.number)}",
            why="figures on different enrolments or labels cannot be compared",
        )
    return loaded.rule, rows


def _splits(courses: Courses, theirs: Enrolments) -> list[Split]:
    if courses.by_course:
        return by_group(theirs.course, COURSE_FOLDS)
    return [(np.flatnonzero(~theirs.summer), np.flatnonzero(theirs.summer))]


def _risks(
    ours: LabelledFrame,
    rule: ChurnRule,
    theirs: Enrolments,
    teach: NDArray[np.int64],
    judge: NDArray[np.int64],
    *,
    quick: bool,
) -> dict[str, Floats]:
    """Everybody's risk of the rows `judge`, ours under `CHAMPION` and `our …`."""
    # Some enrolments of every training course validate and calibrate. Holding out whole courses
    # instead was tried on the winter's courses alone, each tested in turn: at day 30 the trees'
    # log loss was .266 and not .258, as each course has a base rate of its own.
    part = np.random.default_rng(SEED).permutation(len(teach)) % PARTS
    data = TrainingData(
        ours.take(teach[part > 1]),
        ours.take(teach[part == 1]),
        ours.take(teach[part == 0]),
        ours.take(judge),
    )
    scores = train_and_score(data, rule, seed=SEED, max_epochs=2 if quick else 12, threads=1)
    say(f"quality: our champion is the {scores.kind}; {len(judge)} enrolments to test on")
    courses = theirs.course[teach]
    peers = learners(QUICK if quick else FULL, lambda *_: by_group(courses))
    label = theirs.label[teach]
    risks = {
        name: fit(theirs.values[teach], label, theirs.values[judge]) for name, fit in peers.items()
    }
    values = ours.frame.values
    risks["LightGBM tuned our columns"] = peers["LightGBM tuned"](
        values[teach], label, values[judge]
    )
    return {CHAMPION: scores.champion, **risks, **named(scores)}


def _mean_of_folds(case: str, test: Test, folds: Sequence[NDArray[np.int64]]) -> Row:
    """As published figures are: the AUC inside each fold, averaged.

    The rows above pool the folds, and so count the order between courses as well.
    """

    def mean(risk: Floats) -> float:
        return float(np.mean([roc_auc_score(test.label[rows], risk[rows]) for rows in folds]))

    ours, peers = mean(test.ours), {name: mean(risk) for name, risk in test.others.items()}
    rivals = {name: peers[name] for name in test.rivals}
    words, met = AIM(Measured("roc_auc", ours, rivals, {}))
    return Row(case, "roc_auc_mean_of_folds", ours, peers, words, met)

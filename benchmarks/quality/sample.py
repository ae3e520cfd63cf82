"""The sample platform: our models beside LightGBM on the same columns and beside the truth."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.harness import Row, say
from benchmarks.peers.learners import FULL, QUICK, Effort, learners
from benchmarks.quality.aims import proven
from benchmarks.quality.compare import Test, compare, share_of_attainable
from benchmarks.quality.ours import Floats, Frames, Loaded, load_mapping, train_and_score
from benchmarks.quality.shop import LOADED_AT, named
from engine.errors import DataError
from engine.features.frame import LabelledFrame, concatenate
from engine.timeline import CutoffPlan, plan_cutoffs
from engine.training.rows import TrainingData, join
from sample_db import generate

SEED = 7
TRUTH = "true hazard"
CASE = "sample"
POINTS = 5
"""Of the attainable AUC that we want above the best rival on the same columns."""


def measure_sample(quick: bool) -> list[Row]:
    """All figures on the sample world; the truth is read after every risk is computed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder / "world", users=2_000 if quick else 20_000, seed=SEED)
        loaded = load_mapping(
            folder / "world" / "mapping.toml",
            folder / "world",
            folder / "behaviour.duckdb",
            now=LOADED_AT + timedelta(days=366),
        )
        truth_file = folder / "world" / "truth" / "hazard.parquet"
        plan = _plan(loaded, truth_file, cutoffs=4 if quick else 8)
        frames = loaded.frames(plan.all)
        test = concatenate([frames[cutoff] for cutoff in plan.test])
        data = TrainingData(
            concatenate([frames[cutoff] for cutoff in plan.train]),
            frames[plan.validate],
            frames[plan.calibrate],
            test,
        )
        scores = train_and_score(
            data, loaded.rule, seed=SEED, max_epochs=2 if quick else 12, threads=1
        )
        say(f"quality: sample: our champion is the {scores.kind}; {len(data.train)} rows to learn")
        rivals = _same_columns(frames, plan, test, QUICK if quick else FULL)
        truth = _truth(truth_file, test)
    known = ~np.isnan(truth)
    if known.mean() < 0.99:
        raise DataError("no_truth", f"{(~known).sum()} of {len(known)} test rows have no truth")

    def only(risks: dict[str, Floats]) -> dict[str, Floats]:
        return {name: risk[known] for name, risk in risks.items()}

    compared = Test(
        test.label[known].astype(np.float64),
        test.frame.user_ids[known],
        scores.champion[known],
        rivals=only(rivals),
        beside=only({**named(scores), TRUTH: truth}),
    )
    rounds = 30 if quick else 400
    rows = compare(CASE, compared, positive="churned", seed=SEED, rounds=rounds, aim=proven)
    return [*rows, share_of_attainable(CASE, compared, TRUTH, rows[0], points=POINTS)]


def _plan(loaded: Loaded, truth_file: Path, *, cutoffs: int) -> CutoffPlan:
    """The product's own plan, ending at the newest mature cutoff whose truth is known."""
    rule = loaded.rule
    span = rule.matures_at(loaded.first_at) - loaded.first_at
    with duckdb.connect() as connection:
        row = connection.execute(
            "SELECT max(cutoff) FROM read_parquet(?) WHERE cutoff <= ?",
            [str(truth_file), loaded.as_of - span],
        ).fetchone()
    newest = row[0] if row else None
    if not isinstance(newest, datetime):
        raise DataError("no_truth", f"no mature cutoff has a truth in {truth_file.name}")
    return plan_cutoffs(
        rule,
        first_at=loaded.first_at,
        as_of=newest + span,
        cutoffs=cutoffs,
        every_days=14,
        test_cutoffs=3,
    )


def _same_columns(
    frames: Frames, plan: CutoffPlan, test: LabelledFrame, effort: Effort
) -> dict[str, Floats]:
    """The rivals may use every row that any of our models saw, the calibration rows included.

    LightGBM's settings are judged on the validation rows by what the older ones teach.
    """
    older = concatenate([frames[cutoff] for cutoff in plan.train])
    validate = frames[plan.validate]
    every = join(join(older, validate), frames[plan.calibrate])
    parts = np.arange(len(older)), np.arange(len(older), len(older) + len(validate))

    return {
        f"{name} our columns": learner(every.frame.values, every.label, test.frame.values)
        for name, learner in learners(effort, lambda *_: [parts]).items()
    }


def _truth(truth_file: Path, test: LabelledFrame) -> Floats:
    """(N,) P(churn) by the world's own hazard; NaN where the world does not say."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT user_id, cutoff, p_churn FROM read_parquet(?) WHERE cutoff IN "
            "(SELECT unnest(?::TIMESTAMP[]))",
            [str(truth_file), [str(cutoff) for cutoff in np.unique(test.frame.cutoffs)]],
        ).fetchall()
    known = {(user, np.datetime64(cutoff, "s")): risk for user, cutoff, risk in found}
    keys = zip(test.frame.user_ids, test.frame.cutoffs, strict=True)
    return np.array([known.get((user, cutoff), np.nan) for user, cutoff in keys])

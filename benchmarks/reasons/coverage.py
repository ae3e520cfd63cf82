"""Do intervals of the risk hold what they say? On later rows, and against the planted truth."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import isotonic_regression

from benchmarks.harness import Row, say
from benchmarks.peers.orders import source_file
from benchmarks.peers.shops import Protocol
from benchmarks.quality.ours import Floats, Loaded, load_mapping, split, trained
from benchmarks.quality.protocols import CDNOW, ONLINE_RETAIL
from benchmarks.quality.shop import EXAMPLES, LOADED_AT
from benchmarks.reasons.sample import sample_world
from engine.evaluation.coverage import held, interval_coverage, score_groups
from engine.features.frame import FeatureFrame, LabelledFrame, concatenate
from engine.features.times import with_times
from engine.models.calibration import sigmoid
from engine.models.intervals import LEVEL, RiskIntervals
from engine.store.lease import lease
from engine.timeline import ChurnRule
from engine.training.intervals import fit_intervals, rehearsed_drift
from engine.training.rows import TrainingData

CASE = "coverage"
MODEL_SEED = 7
SHOPS = {"cdnow": CDNOW, "online-retail-ii": ONLINE_RETAIL}
NO_DRIFT = "without drift"
VENN_ABERS = "Venn–Abers"
GRID = 60
"""Log-odds at which the Venn–Abers pair is computed; between them it is drawn straight."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one model says of the calibration rows and of later rows, and its intervals."""

    calibrate: LabelledFrame
    before: Floats  # (C,) calibrated log-odds of the calibration rows
    later: LabelledFrame
    log_odds: Floats  # (N,) of the later rows
    intervals: RiskIntervals


def measure_coverage(*, users: int, seed: int, quick: bool) -> list[Row]:
    """The sample world with its truth, then the shops, whose true risks nobody knows."""
    rows = _sample(users=users, seed=seed, quick=quick)
    for example, protocol in SHOPS.items():
        rows += rows_of(example, _shop(example, protocol, quick=quick))
    return rows


def _sample(*, users: int, seed: int, quick: bool) -> list[Row]:
    with sample_world(users=users, seed=seed, quick=quick) as (loaded, plan, truth_file):
        frames = timed(loaded, plan.all, (plan.calibrate, *plan.test))
        data = TrainingData(
            concatenate([frames[cutoff] for cutoff in plan.train]),
            frames[plan.validate],
            frames[plan.calibrate],
            concatenate([frames[cutoff] for cutoff in plan.test]),
        )
        found = said(data, loaded.rule, quick=quick)
        truth = true_risks(truth_file, found.later.frame)
    return rows_of("sample", found) + truth_rows(found, truth)


def _shop(example: str, protocol: Protocol, *, quick: bool) -> Said:
    train = [_midnight(day) for day in protocol.train[:: -3 if quick else -1][::-1]]
    test = _midnight(protocol.test)
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_mapping(
            EXAMPLES / example / "mapping.toml",
            source_file(protocol.case).parent,
            Path(folder) / "behaviour.duckdb",
            now=LOADED_AT,
        )
        frames = timed(loaded, (*train, test), (train[-1], test))
    return said(
        split(frames, loaded.rule, train, [test], seed=MODEL_SEED), loaded.rule, quick=quick
    )


def timed(
    loaded: Loaded, cutoffs: Sequence[datetime], days: Sequence[datetime]
) -> dict[datetime, LabelledFrame]:
    """Labelled rows at all `cutoffs`; those of `days` with the day that decided each label."""
    frames = dict(loaded.frames(cutoffs))
    with lease(loaded.database) as connection:
        for cutoff in days:
            frames[cutoff] = with_times(connection, loaded.rule, cutoff, frames[cutoff])
    return frames


def said(data: TrainingData, rule: ChurnRule, *, quick: bool) -> Said:
    """Train, and measure intervals, as `retention train` does."""
    challenger = trained(data, rule, seed=MODEL_SEED, max_epochs=2 if quick else 12, threads=1)
    model = challenger.model
    say(f"reasons: {CASE}: our champion is the {model.kind}")
    before = model.predict(data.calibrate.frame).log_odds
    past = concatenate([data.train, data.validate, data.calibrate])
    drift = rehearsed_drift(past, rule.matures_at, seed=MODEL_SEED)
    say(f"reasons: {CASE}: drift of the shift {drift[0]:.3f}, of the scale {drift[1]:.3f}")
    return Said(
        data.calibrate,
        before,
        data.test,
        model.predict(data.test.frame).log_odds,
        fit_intervals(before, data.calibrate, lead_days=rule.lead_days, drift=drift),
    )


def rows_of(world: str, found: Said) -> list[Row]:
    """Rates of groups of alike risk, of plans, and of groups by day."""
    still = replace(found.intervals, drift_shift=0.0, drift_scale=0.0)
    ours, without = (
        interval_coverage(one, found.log_odds, found.later) for one in (found.intervals, still)
    )
    low, high = venn_abers(found)
    weight = found.later.weight.astype(np.float64)
    groups = score_groups(found.log_odds, found.later.frame.cutoffs)
    pair = held(groups, weight, found.later.label, sigmoid(found.log_odds), low, high)
    plans = _plans(found.later.frame)
    own_plans = held(
        plans,
        weight,
        found.later.label,
        sigmoid(found.log_odds),
        *found.intervals.interval(found.log_odds),
    )
    rows = [
        _row(
            f"{world}: {ours.groups} groups hold the rate, chance allowed",
            ours.allowing,
            {NO_DRIFT: without.allowing, VENN_ABERS: float(pair[1].mean())},
            aimed=True,
        ),
        _row(
            f"{world}: {ours.groups} groups hold the rate as counted",
            ours.inside,
            {NO_DRIFT: without.inside, VENN_ABERS: float(pair[0].mean())},
        ),
        _row(
            f"{world}: mean width",
            ours.width,
            {NO_DRIFT: without.width, VENN_ABERS: float(np.average(high - low, weights=weight))},
        ),
        _row(
            f"{world}: {len(own_plans[1])} plans and cutoffs hold the rate, chance allowed",
            float(own_plans[1].mean()),
        ),
    ]
    if ours.days_allowing is not None and without.days_allowing is not None:
        rows.append(
            _row(
                f"{world}: {ours.days} groups and days hold the rate, chance allowed",
                ours.days_allowing,
                {NO_DRIFT: without.days_allowing},
                aimed=True,
            )
        )
    return rows


def truth_rows(found: Said, truth: Floats) -> list[Row]:
    """Against the planted truth, which has no chance: mean true risks, and each user's own."""
    low, high = found.intervals.interval(found.log_odds)
    weight = np.ones(len(truth))
    groups = score_groups(found.log_odds, found.later.frame.cutoffs)
    means = held(groups, weight, truth, sigmoid(found.log_odds), low, high)[0]
    return [
        _row(f"sample: {len(means)} groups hold the mean true risk", float(means.mean()),
             aimed=True),
        _row("sample: users whose own true risk lies inside",
             float(((truth >= low) & (truth <= high)).mean())),
    ]  # fmt: skip


def venn_abers(found: Said) -> tuple[Floats, Floats]:
    """The pair of Venn–Abers (Vovk and Petej 2014) of the later rows, (N,) each.

    Isotonic regression of the calibration rows with one more row, labelled 0 and then 1.
    """
    grid = np.unique(np.quantile(found.log_odds, np.linspace(0, 1, GRID)))
    pair = np.empty((2, len(grid)))
    for place, score in enumerate(grid):
        scores = np.append(found.before, score)
        order = np.lexsort((np.arange(len(scores)) == len(scores) - 1, scores))
        own = int(np.flatnonzero(order == len(scores) - 1)[0])
        for label in (0, 1):
            labels = np.append(found.calibrate.label.astype(np.float64), label)
            pair[label, place] = isotonic_regression(labels[order])[own]
    return (
        np.asarray(np.interp(found.log_odds, grid, pair[0])),
        np.asarray(np.interp(found.log_odds, grid, pair[1])),
    )


def true_risks(truth_file: Path, frame: FeatureFrame) -> Floats:
    """(N,) the planted P(churn) of every row."""
    found: dict[tuple[str, np.datetime64], float] = {}
    with duckdb.connect() as connection:
        for cutoff in np.unique(frame.cutoffs):
            known = connection.execute(
                "SELECT user_id, p_churn FROM read_parquet(?) WHERE cutoff = ?",
                [str(truth_file), str(cutoff)],
            ).fetchall()
            found |= {(user, cutoff): risk for user, risk in known}
    return np.array([found[key] for key in zip(frame.user_ids, frame.cutoffs, strict=True)])


def _plans(frame: FeatureFrame) -> NDArray[np.int64]:
    """(N,) the pair of plan and cutoff of each row, numbered."""
    names = np.char.add(frame.segments.astype(str), frame.cutoffs.astype(str))
    return np.asarray(np.unique(names, return_inverse=True)[1], np.int64)


def _row(
    metric: str, ours: float, peers: Mapping[str, float] | None = None, *, aimed: bool = False
) -> Row:
    if not aimed:
        return Row(CASE, metric, ours, peers or {})
    return Row(CASE, metric, ours, peers or {}, f"at least {LEVEL:.2f}", ours >= LEVEL)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())

"""Do the reasons name the planted cause? Ours beside grouped LightGBM contributions."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.harness import Row, say
from benchmarks.peers.boosting import lightgbm_contributions, searched
from benchmarks.quality.ours import Floats, Loaded, load_mapping, trained
from benchmarks.reasons.causes import HIDDEN, NAMEABLE, dominant_causes, group_read
from benchmarks.reasons.naming import (
    Named,
    Reasons,
    by_cause,
    confusion,
    difference,
    hits,
    interval,
    macro,
)
from engine.explain.components import NET
from engine.explain.reasons import explain
from engine.features.catalogue import SPECS, specs_named
from engine.features.frame import FeatureFrame, concatenate
from engine.models.blend import RiskModel
from engine.models.calibration import Calibration
from engine.models.trees import TreeModel
from engine.timeline import CutoffPlan, plan_cutoffs
from engine.training.rows import TrainingData, join
from sample_db import generate
from sample_db.mechanism import CAUSES

CASE = "truth"
PEER = "LightGBM, grouped"
HEADLINE = "first the actionable"
AIMS = {1: 0.65, 3: 0.90}
"""How often the first so many reasons should name the cause, averaged over the causes."""

ROUNDS = 400
TRIALS = 4
"""Random settings that the peer's search tries besides its own starts."""
PEER_SEEDS = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Judged:
    """The test rows that one planted cause dominates, and what everyone says of them."""

    cause: tuple[str, ...]  # (N,)
    user_ids: np.ndarray[tuple[int], np.dtype[np.object_]]
    reasons: Mapping[str, Sequence[Reasons]]  # whose -> N lists; ours under the empty name


def measure_truth(*, users: int, seed: int, quick: bool) -> list[Row]:
    """All figures on one world; the truth is read after every reason is computed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder / "world", users=users, seed=seed)
        loaded = load_mapping(
            folder / "world" / "mapping.toml",
            folder / "world",
            folder / "behaviour.duckdb",
            now=datetime(2026, 11, 1) + timedelta(days=1),
        )
        plan = plan_cutoffs(
            loaded.rule,
            first_at=loaded.first_at,
            as_of=loaded.as_of,
            cutoffs=4 if quick else 8,
            every_days=14,
            test_cutoffs=3,
        )
        data = collected(loaded, plan)
        challenger = trained(data, loaded.rule, seed=7, max_epochs=2 if quick else 12, threads=1)
        say(f"reasons: {CASE}: our champion is the {challenger.model.kind}")
        cause = dominant_causes(folder / "world" / "truth" / "hazard.parquet", data.test.frame)
    return rows_of(judged(challenger.model, data, cause, quick=quick), seed=seed)


def collected(loaded: Loaded, plan: CutoffPlan) -> TrainingData:
    """The rows of the product's own phases."""
    frames = loaded.frames(plan.all)
    return TrainingData(
        concatenate([frames[cutoff] for cutoff in plan.train]),
        frames[plan.validate],
        frames[plan.calibrate],
        concatenate([frames[cutoff] for cutoff in plan.test]),
    )


def judged(
    model: RiskModel,
    data: TrainingData,
    cause: np.ndarray[tuple[int], np.dtype[np.int64]],
    *,
    quick: bool,
) -> Judged:
    """What the champion, its parts and the peer say of the rows with a dominating cause."""
    chosen = np.flatnonzero(cause >= 0)
    frame = data.test.frame.take(chosen)
    reasons = {"": shown(model, frame)}
    reasons[HEADLINE] = [actionable_first(row) for row in reasons[""]]
    reasons |= {name: shown(part, frame) for name, part in parts(model).items()}
    shares = _peer_shares(data, frame, quick=quick)
    groups = [spec.group for spec in specs_named(frame.columns)]
    reasons[PEER] = _grouped(shares, groups)
    names = tuple(CAUSES[index] for index in cause[chosen])
    return Judged(names, frame.user_ids, reasons)


def shown(model: RiskModel, frame: FeatureFrame) -> list[Reasons]:
    """What the reasons that raise each user's risk name, in the order of the user screen."""
    return [
        tuple(group_read(reason) for reason in explanation.reasons if reason.contribution > 0)
        for explanation in explain(model, frame, SPECS)
    ]


def actionable_first(groups: Reasons) -> Reasons:
    """As the at-risk list heads a row: groups that an operator can do something about go first."""
    possible = {spec.group for spec in SPECS if spec.actionable} | {"sequence", "text"}
    return (*(g for g in groups if g in possible), *(g for g in groups if g not in possible))


def parts(model: RiskModel) -> dict[str, RiskModel]:
    """The champion's trees and its net, each alone."""
    kinds = {"its trees alone": TreeModel.kind, "its net alone": NET}
    return {
        name: replace(
            model, kind=kind, components=(component,), shares=(), calibration=Calibration()
        )
        for name, kind in kinds.items()
        for component in model.components
        if component.kind == kind and len(model.components) > 1
    }


def rows_of(found: Judged, *, seed: int) -> list[Row]:
    """Top one and top three: the average over the causes with intervals, then every cause."""
    visible = [i for i, cause in enumerate(found.cause) if cause != HIDDEN]
    cause = tuple(found.cause[i] for i in visible)
    rows: list[Row] = []
    for first, aim in AIMS.items():
        named = Named(
            cause,
            found.user_ids[visible],
            {
                whose: hits(cause, [reasons[i] for i in visible], first)
                for whose, reasons in found.reasons.items()
            },
        )
        own = interval(named, "", rounds=ROUNDS, seed=seed)
        say(
            f"reasons: {CASE}: the first {first}: {own.estimate:.3f} "
            f"[{own.low:.3f}, {own.high:.3f}], {len(cause)} rows"
        )
        others = [whose for whose in found.reasons if whose]
        rows.append(
            Row(
                CASE,
                f"named_by_first_{first}",
                own.estimate,
                {whose: macro(cause, named.hits[whose]) for whose in others},
                f"{aim:.2f} and above {PEER}",
                own.estimate >= aim and own.estimate > macro(cause, named.hits[PEER]),
                {whose: difference(named, "", whose, rounds=ROUNDS, seed=seed) for whose in others},
            )
        )
        shares = {whose: by_cause(cause, hit) for whose, hit in named.hits.items()}
        rows += [
            Row(
                CASE,
                f"named_by_first_{first}: {one} ({cause.count(one)} rows)",
                shares[""][one],
                {whose: shares[whose][one] for whose in others},
            )
            for one in NAMEABLE
            if one in cause
        ]
    for whose in ("", PEER):
        say(f"\n{whose or 'ours'}: planted cause by first reason")
        say(confusion(found.cause, found.reasons[whose]))
    return rows


def _peer_shares(data: TrainingData, frame: FeatureFrame, *, quick: bool) -> Floats:
    """(N, D) LightGBM's contributions; its settings are judged on the validation rows."""
    older, validate = data.train, data.validate
    every = join(join(older, validate), data.calibrate)
    split = np.arange(len(older)), np.arange(len(older), len(older) + len(validate))
    best = searched(every.frame.values, every.label, [split], trials=0 if quick else TRIALS, seed=0)
    return lightgbm_contributions(
        every.frame.values, every.label, frame.values, best, seeds=PEER_SEEDS[: 1 if quick else 3]
    )


def _grouped(shares: Floats, groups: Sequence[str]) -> list[Reasons]:
    """The groups that raise each row's log-odds, the largest sum of columns first."""
    names = sorted(set(groups))
    owner = np.array([names.index(group) for group in groups])
    sums = np.stack([shares[:, owner == i].sum(axis=1) for i in range(len(names))], axis=1)
    return [tuple(names[i] for i in np.argsort(-row, kind="stable") if row[i] > 0) for row in sums]

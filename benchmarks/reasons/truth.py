"""Do the reasons name the planted cause? Ours beside grouped LightGBM contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.harness import Row, say
from benchmarks.peers.boosting import lightgbm_contributions, searched
from benchmarks.quality.ours import Floats, Loaded, trained
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
from benchmarks.reasons.sample import sample_world
from benchmarks.reasons.taught import taught
from engine.explain.components import NET
from engine.explain.order import raising_first
from engine.explain.reasons import explain
from engine.explain.usual import USUAL, above_usual, usual_contributions
from engine.features.catalogue import SPECS, specs_named
from engine.features.frame import FeatureFrame, concatenate
from engine.models.blend import RiskModel
from engine.models.calibration import Calibration
from engine.models.trees import TreeModel
from engine.timeline import CutoffPlan
from engine.training.rows import TrainingData, join
from engine.types import Reason, Words
from sample_db.mechanism import CAUSES

CASE = "truth"
PEER = "LightGBM, grouped"
PEER_IN_OUR_ORDER = "LightGBM, in our order"
HEADLINE = "first the actionable"
BY_SIZE = "the largest first"
TAUGHT = "taught the planted causes"
AIMS = {1: 0.65, 3: 0.90}
"""How often the first so many reasons should name the cause, averaged over the causes."""

MODEL_SEED = 7
ROUNDS = 400
USUAL_ROWS = 1_000
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
    with sample_world(users=users, seed=seed, quick=quick) as (loaded, plan, truth_file):
        data = collected(loaded, plan)
        challenger = trained(
            data, loaded.rule, seed=MODEL_SEED, max_epochs=2 if quick else 12, threads=1
        )
        say(f"reasons: {CASE}: our champion is the {challenger.model.kind}")
        cause = dominant_causes(truth_file, data.test.frame)
        planted = dominant_causes(truth_file, data.train.frame)
    found = judged(challenger.model, data, cause, quick=quick)
    tested = data.test.frame.take(np.flatnonzero(cause >= 0))
    bound = {TAUGHT: taught(data.train.frame, planted, tested)}
    return rows_of(replace(found, reasons={**found.reasons, **bound}), seed=seed)


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
    usual_rows = data.calibrate.frame
    told = told_by(model, frame, usual_rows)
    reasons = {"": _read(told)}
    reasons[HEADLINE] = [actionable_first(row) for row in reasons[""]]
    reasons[BY_SIZE] = [
        tuple(group_read(r) for r in sorted(row, key=lambda r: -r.contribution)) for row in told
    ]
    reasons |= {
        name: _read(told_by(part, frame, usual_rows)) for name, part in parts(model).items()
    }
    reasons |= peer_reasons(data, frame, quick=quick)
    names = tuple(CAUSES[index] for index in cause[chosen])
    return Judged(names, frame.user_ids, reasons)


def told_by(
    model: RiskModel, frame: FeatureFrame, usual_rows: FeatureFrame
) -> list[tuple[Reason, ...]]:
    """The reasons that raise each user's risk, in the order of the user screen.

    What they usually add is measured on `usual_rows`, as every training does.
    """
    usual = usual_contributions(model, usual_rows, SPECS, seed=MODEL_SEED)
    whole = replace(model, metadata={**model.metadata, USUAL: usual})
    return [raising_first(one.reasons) for one in explain(whole, frame, SPECS)]


def _read(told: Sequence[Sequence[Reason]]) -> list[Reasons]:
    return [tuple(group_read(reason) for reason in row) for row in told]


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


def peer_reasons(
    data: TrainingData, frame: FeatureFrame, *, quick: bool
) -> dict[str, list[Reasons]]:
    """LightGBM's `pred_contrib` summed by group: the largest first, and told in our order.

    Its settings are judged on the validation rows by what the older ones teach.
    """
    older, validate = data.train, data.validate
    every = join(join(older, validate), data.calibrate)
    split = np.arange(len(older)), np.arange(len(older), len(older) + len(validate))
    best = searched(every.frame.values, every.label, [split], trials=0 if quick else TRIALS, seed=0)
    drawn = np.random.default_rng(MODEL_SEED).permutation(len(data.calibrate))[:USUAL_ROWS]
    usual_rows = data.calibrate.frame.values[drawn]
    shares = lightgbm_contributions(
        every.frame.values,
        every.label,
        np.concatenate([frame.values, usual_rows]),
        best,
        seeds=PEER_SEEDS[: 1 if quick else 3],
    )
    groups = [spec.group for spec in specs_named(frame.columns)]
    names = sorted(set(groups))
    owner = np.array([names.index(group) for group in groups])
    sums = np.stack([shares[:, owner == i].sum(axis=1) for i in range(len(names))], axis=1)
    own, others = sums[: len(frame)], sums[len(frame) :]
    usual = {
        name: (float(column.mean()), float(column.std()))
        for name, column in zip(names, others.T, strict=True)
    }
    above = above_usual(own, names, usual)
    return {
        PEER: [
            tuple(names[i] for i in np.argsort(-row, kind="stable") if row[i] > 0) for row in own
        ],
        PEER_IN_OUR_ORDER: [
            tuple(reason.group for reason in raising_first(_as_reasons(names, row, z)))
            for row, z in zip(own, above, strict=True)
        ],
    }


def _as_reasons(names: Sequence[str], row: Floats, above: Floats) -> list[Reason]:
    total = float(np.abs(row).sum())
    return [
        Reason(name, name, value, value / total, None, None, Words("", ""), None, z)
        for name, value, z in zip(names, row.tolist(), above.tolist(), strict=True)
    ]

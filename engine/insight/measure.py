"""Everything about one model from its rows: importance, curves, interactions, weak segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from engine.explain.attribute import Attributor
from engine.features.catalogue import GROUPS
from engine.features.frame import FeatureFrame, LabelledFrame
from engine.features.spec import FeatureSpec
from engine.insight.dependence import curve
from engine.insight.divisions import divisions
from engine.insight.importance import group_importance
from engine.insight.interactions import interactions
from engine.insight.report import Curve, GroupImportance, Insight, Interaction, Segment
from engine.insight.surface import Outcomes, Surface, players_of, surface_of
from engine.insight.weakness import segments
from engine.models.cross_fit import ServedModel, parts
from engine.monitor.groups import Groups
from engine.monitor.importance import column_importance
from engine.settings import RiskSettings
from engine.types import Words

SAMPLED = 1_200
"""Rows for importance and interactions; more of them narrow the intervals, at their price."""
ATTRIBUTED = 300
"""Rows whose reasons are computed: the mean of so many is known to a few per cent."""
DRAWN = 400
"""Rows behind a curve."""
CURVES = 8
CURVES_A_GROUP = 2
"""Columns of a group move together: more curves of it say little more."""
INTERACTING = 5
"""The leading groups, of which every pair is looked at."""
DIVIDING = 3
"""The leading columns, by whose thirds calibration is looked at."""
NAMED = 3
"""Groups in the sentence about what leads."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """N labelled rows of a model, with what was served on them and who the users are."""

    rows: LabelledFrame  # in the model's columns
    risk: Floats  # (N,) as served
    groups: Groups
    cutoffs: tuple[datetime, ...]


def measure(
    model: ServedModel,
    judged: Judged,
    specs: Sequence[FeatureSpec],
    *,
    model_id: str,
    bands: RiskSettings,
    currency: str,
    seed: int,
    made_at: datetime,
) -> Insight:
    """All that is shown of `model`; `specs` are those of its columns, in their order."""
    rows = judged.rows
    chosen = _some(len(rows), SAMPLED, seed)
    sample = rows.take(chosen)
    group_of = {spec.name: spec.group for spec in specs}
    labels = {name: GROUPS.get(name, Words(name, name)) for name in (*GROUPS, *group_of.values())}
    surface = surface_of(model, sample.frame)
    shift = _log_odds(judged.risk[chosen]) - surface.mixed(np.arange(len(chosen)))
    players = players_of(model, sample.frame, group_of)
    outcomes = Outcomes(
        sample.label.astype(np.float64), sample.frame.user_ids, sample.weight, shift
    )
    attributed = sample.frame.take(_some(len(sample), ATTRIBUTED, seed))
    groups = group_importance(
        surface,
        players,
        mean_contributions(model, attributed, specs),
        labels,
        outcomes,
        seed=seed,
    )
    leading = {one.group for one in groups[:INTERACTING]}
    pairs = interactions(
        surface, [one for one in players if one.group in leading], labels, outcomes, seed=seed
    )
    columns = leading_columns(model, sample.frame, specs, seed)
    parts_of = divisions(
        rows.frame,
        judged.risk,
        judged.groups,
        bands,
        [(place, specs[place]) for place in columns[:DIVIDING]],
        currency=currency,
    )
    found = segments(
        parts_of,
        label=rows.label,
        risk=judged.risk,
        users=rows.frame.user_ids,
        weight=rows.weight,
    )
    return Insight(
        model_id=model_id,
        made_at=made_at,
        cutoffs=judged.cutoffs,
        rows=len(rows),
        sampled=len(sample),
        churn_rate=float(np.average(rows.label, weights=rows.weight)),
        groups=groups,
        curves=_curves(surface, columns, specs, shift, currency, seed),
        interactions=pairs,
        segments=found,
        statements=statements(groups, pairs, found, len(sample)),
    )


def mean_contributions(
    model: ServedModel, frame: FeatureFrame, specs: Sequence[FeatureSpec]
) -> dict[str, float]:
    """Group -> mean |contribution| in log-odds over the rows of `frame`."""
    totals: dict[str, float] = {}
    for rows, member in parts(model, frame):
        attributor = Attributor(member, {spec.name: spec.group for spec in specs})
        found = attributor.of(frame.take(rows))
        for name, moved in zip(
            found.groups, np.abs(found.contributions).sum(axis=0).tolist(), strict=True
        ):
            totals[name] = totals.get(name, 0.0) + moved
    return {name: total / len(frame) for name, total in totals.items()}


def leading_columns(
    model: ServedModel, frame: FeatureFrame, specs: Sequence[FeatureSpec], seed: int
) -> list[int]:
    """The places of the columns that move the model most, at most two of a group."""
    moved = np.zeros(len(specs))
    for rows, member in parts(model, frame):
        moved += len(rows) * column_importance(member, frame.take(rows), seed)
    chosen: list[int] = []
    taken: dict[str, int] = {}
    for place in np.argsort(-moved, kind="stable").tolist():
        group = specs[place].group
        if moved[place] > 0 and taken.get(group, 0) < CURVES_A_GROUP:
            taken[group] = taken.get(group, 0) + 1
            chosen.append(place)
        if len(chosen) == CURVES:
            break
    return chosen


def _curves(
    surface: Surface,
    columns: Sequence[int],
    specs: Sequence[FeatureSpec],
    shift: Floats,
    currency: str,
    seed: int,
) -> tuple[Curve, ...]:
    rows = _some(len(shift), DRAWN, seed)
    drawn = Surface(
        surface.values[rows],
        lambda values, own, events, messages: surface.read(
            values, rows[own], rows[events], rows[messages]
        ),
    )
    found = [
        curve(drawn, place, specs[place], shift=shift[rows], currency=currency) for place in columns
    ]
    return tuple(
        sorted((one for one in found if one is not None), key=lambda one: -one.sensitivity)
    )


def statements(
    groups: Sequence[GroupImportance],
    pairs: Sequence[Interaction],
    found: Sequence[Segment],
    sampled: int,
) -> tuple[Words, ...]:
    """What is worth knowing, the most general first."""
    said = []
    if groups:
        zh = "、".join(f"{one.words.zh}（{one.share:.0%}）" for one in groups[:NAMED])
        en = ", ".join(f"{one.words.en} ({one.share:.0%})" for one in groups[:NAMED])
        said.append(Words(f"最能拉开用户风险的：{zh}", f"What sets users apart most: {en}"))
    told = [one.words for one in pairs if one.told]
    if pairs and not told:
        told = [
            Words(
                f"在 {sampled:,} 行上，没有哪两组的共同作用明显超出噪声",
                f"On {sampled:,} rows no two groups act together clearly beyond noise",
            )
        ]
    weak = [words for segment in found for words in segment.statements]
    if found and not weak:
        weak = [
            Words(
                f"看过的 {len(found)} 个群体中，没有发现模型明显较弱的",
                f"Among {len(found)} segments looked at, the model is clearly weak in none",
            )
        ]
    return (*said, *told, *weak)


def _some(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _log_odds(risk: Floats) -> Floats:
    near = np.finfo(np.float64).eps
    kept = np.clip(risk, near, 1 - near)
    return np.asarray(np.log(kept / (1 - kept)))

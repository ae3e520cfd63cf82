"""Drift with limits from the past: PSI and Jensen-Shannon against what past cutoffs did.

Each past cutoff is compared with the others pooled, its rows drawn anew; the limit of a column is
what such a comparison stays below. So a seasonal or noisy column has a wide limit and a steady one
a narrow one, and no habit of 0.1 or 0.25 is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from engine.monitor.report import ColumnDrift, Drift, DriftVerdict
from engine.types import Words

BINS = 10
DRAWS = 40
"""Of every past cutoff."""
QUANTILE = 0.99
FEWEST_PAST = 3
"""With fewer cutoffs the past says nothing about what is usual."""
STRONG = 2.0
"""Strong: so many times the limit."""
MATTERS = 0.01
"""Share of the model's movement from which one column alone raises the verdict."""
RISK = "risk"
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far the present is from the past in one column, and how far past cutoffs were."""

    psi: float
    psi_limit: float
    js: float
    js_limit: float
    past_psi: Floats  # (C, DRAWS) of each past cutoff, drawn anew, against the others


def divergence(
    past: Sequence[NDArray[np.floating]], now: NDArray[np.floating], seed: int
) -> Divergence:
    """One column: `past` has one array of values a cutoff, `now` the present ones; NaN is a bin."""
    edges = bin_edges(np.concatenate(past))
    counts = np.stack([_counts(values, edges) for values in past])
    pooled = counts.sum(axis=0)
    rng = np.random.default_rng(seed)
    past_psi, past_js = np.zeros((len(past), DRAWS)), np.zeros((len(past), DRAWS))
    for place, count in enumerate(counts):
        others = _shares(pooled - count)
        draws = _shares(rng.multinomial(len(now), count / count.sum(), size=DRAWS))
        past_psi[place] = psi(others, draws)
        past_js[place] = jensen_shannon(others, draws)
    reference, present = _shares(pooled), _shares(_counts(now, edges))
    return Divergence(
        float(psi(reference, present)),
        float(np.quantile(past_psi, QUANTILE)),
        float(jensen_shannon(reference, present)),
        float(np.quantile(past_js, QUANTILE)),
        past_psi,
    )


def bin_edges(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Inner edges of about equal mass; a value that is common has a bin of its own."""
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return known
    edges, times = np.unique(known[(np.arange(1, BINS) * len(known)) // BINS], return_counts=True)
    return np.union1d(edges, np.nextafter(edges[times > 1], np.inf, dtype=edges.dtype))


def psi(reference: Floats, present: Floats) -> Floats:
    """Population stability index over the last axis; shares must be positive."""
    return np.asarray(((present - reference) * np.log(present / reference)).sum(axis=-1))


def jensen_shannon(reference: Floats, present: Floats) -> Floats:
    """Jensen-Shannon divergence in bits over the last axis; shares must be positive."""
    middle = (reference + present) / 2
    both = reference * np.log2(reference / middle) + present * np.log2(present / middle)
    return np.asarray(both.sum(axis=-1) / 2)


def measure_drift(
    past: Mapping[datetime, NDArray[np.float32]],
    now: NDArray[np.float32],
    columns: Mapping[str, tuple[int, Words, float]],
    *,
    past_risk: Sequence[Floats] = (),
    risk: Floats | None = None,
    seed: int,
) -> Drift:
    """Drift of the rows `now` (N, D) against past cutoffs, each (N_c, D).

    `columns`: name -> (place, label, importance). The verdict compares importance-weighted drift
    with what past cutoffs show; risks that shifted, or a column that matters and is far beyond
    its limit, raise it to "some" at least. With fewer than three past cutoffs nothing can be
    called unusual, and the words say so.
    """
    if len(past) < FEWEST_PAST:
        words = Words(
            f"只有 {len(past)} 个过去的截止时刻，无法判断什么算平常。",
            f"Only {len(past)} past cutoffs: what is usual cannot be told.",
        )
        return Drift("none", 0.0, 0.0, None, (), tuple(past), words)
    rows = list(past.values())
    found: list[ColumnDrift] = []
    total, usual = 0.0, np.zeros((len(past), DRAWS))
    for name, (place, label, importance) in columns.items():
        one = divergence([values[:, place] for values in rows], now[:, place], seed)
        total += importance * one.psi
        usual += importance * one.past_psi
        found.append(_column(name, label, importance, one))
    found.sort(key=lambda one: (-one.importance * one.psi, one.column))
    limit = float(np.quantile(usual, QUANTILE))
    told = None
    if risk is not None and len(past_risk) >= FEWEST_PAST:
        shift = divergence(past_risk, risk, seed)
        told = _column(RISK, Words("流失风险", "Risk"), 1.0, shift)
    verdict: DriftVerdict = "none"
    if total > limit or any(map(_far_off, found)) or (told is not None and told.shifted):
        verdict = "strong" if total > STRONG * limit else "some"
    shifted = sum(one.shifted for one in found)
    return Drift(
        verdict,
        total,
        limit,
        told,
        tuple(found),
        tuple(past),
        _verdict_words(verdict, shifted, len(found)),
    )


def _far_off(one: ColumnDrift) -> bool:
    """Whether a column that matters is far beyond its limit: a source may be broken."""
    return one.importance >= MATTERS and one.shifted and one.psi > STRONG * one.psi_limit


def _column(name: str, label: Words, importance: float, one: Divergence) -> ColumnDrift:
    shifted = one.psi > one.psi_limit and one.js > one.js_limit
    if shifted:
        words = Words(
            f"{label.zh}：变化超出过去各期", f"{label.en}: shifted beyond what past months did"
        )
    else:
        words = Words(f"{label.zh}：与过去各期相当", f"{label.en}: as in past months")
    return ColumnDrift(
        name, label, one.psi, one.psi_limit, one.js, one.js_limit, importance, shifted, words
    )


def _verdict_words(verdict: DriftVerdict, shifted: int, columns: int) -> Words:
    zh = {"none": "没有异常漂移", "some": "有一些漂移", "strong": "漂移明显"}[verdict]
    en = {"none": "No unusual drift", "some": "Some drift", "strong": "Strong drift"}[verdict]
    return Words(
        f"{zh}：{columns} 列中有 {shifted} 列的变化超出过去各期。",
        f"{en}: {shifted} of {columns} columns shifted beyond what past months did.",
    )


def _counts(values: NDArray[np.floating], edges: NDArray[np.floating]) -> NDArray[np.int64]:
    place = np.searchsorted(edges, values, side="right")
    place[np.isnan(values)] = len(edges) + 1
    return np.bincount(place, minlength=len(edges) + 2)


def _shares(counts: NDArray[np.int64]) -> Floats:
    # Half a row more in every bin: an empty bin is a small share, not an endless divergence.
    padded = counts + 0.5
    return np.asarray(padded / padded.sum(axis=-1, keepdims=True))

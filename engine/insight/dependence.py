"""Partial dependence: the mean risk had every user a certain value of one column.

Source: Friedman 2001 (Annals of Statistics 29); the spread over single users is that of individual
conditional expectations, Goldstein et al. 2015 (arXiv 1309.6392). All other columns stay as they
are, also those that usually move along.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.explain.words import written
from engine.features.spec import FeatureSpec
from engine.insight.report import Curve, Point
from engine.insight.surface import Floats, Surface
from engine.models.calibration import sigmoid
from engine.types import Words

QUANTILES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)
DECILES = tuple(n / 10 for n in range(1, 10))
FEW_VALUES = 6
"""A column with so many values or fewer is drawn as bars."""
SPREAD = (0.1, 0.9)
LEAST_MISSING = 0.01


def curve(
    surface: Surface, column: int, spec: FeatureSpec, *, shift: Floats, currency: str
) -> Curve | None:
    """How the risk of the surface's N users moves along `column`; None where it never varies.

    Risks are as served: log-odds plus `shift` (N,).
    """
    values = surface.values[:, column]
    known = np.sort(values[np.isfinite(values)].astype(np.float64))
    distinct = np.unique(known)
    if len(distinct) < 2:
        return None
    discrete = len(distinct) <= FEW_VALUES
    quantiles = np.unique(np.quantile(known, QUANTILES, method="nearest"))
    grid = distinct if discrete or len(quantiles) < 2 else quantiles
    edges = (grid[1:] + grid[:-1]) / 2
    nearest = np.bincount(np.searchsorted(edges, known), minlength=len(grid))
    unit = "flag" if spec.unit == "level" else spec.unit

    def point(value: float | None, share: float) -> Point:
        risk = _risk(surface, column, np.nan if value is None else value, shift)
        low, high = np.quantile(risk, SPREAD)
        words = Words(*(written(value, unit, language, currency) for language in ("zh", "en")))
        return Point(value, words, share, float(risk.mean()), float(low), float(high))

    points = tuple(
        point(float(value), int(count) / len(values))
        for value, count in zip(grid, nearest, strict=True)
    )
    absent = 1 - len(known) / len(values)
    deciles = tuple(float(value) for value in np.quantile(known, DECILES, method="nearest"))
    ordinary = [
        one
        for one in points
        if discrete or (one.value is not None and deciles[0] <= one.value <= deciles[-1])
    ] or list(points)
    least = min(ordinary, key=lambda one: one.risk)
    most = max(ordinary, key=lambda one: one.risk)
    return Curve(
        column=spec.name,
        label=spec.label,
        group=spec.group,
        discrete=discrete,
        points=points,
        missing=point(None, absent) if absent >= LEAST_MISSING else None,
        deciles=deciles,
        sensitivity=most.risk - least.risk,
        words=_words(spec.label, least, most),
    )


def _risk(surface: Surface, column: int, value: float, shift: Floats) -> NDArray[np.float64]:
    values = surface.values.copy()
    values[:, column] = value
    return sigmoid(surface.log_odds(values, np.arange(len(values))) + shift)


def _words(label: Words, least: Point, most: Point) -> Words:
    return Words(
        f"{label.zh}：{least.words.zh}时风险最低（{least.risk:.1%}），"
        f"{most.words.zh}时最高（{most.risk:.1%}）",
        f"Risk by {label.en}: lowest at {least.words.en} ({least.risk:.1%}), "
        f"highest at {most.words.en} ({most.risk:.1%})",
    )

"""What a model would have served at the test cutoffs, and how well it would have done.

The rows carry what service knows besides features: what users are worth, and the newest base rate
at each cutoff. So a test measures risks as operators would have seen them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.base_rate import newest_base_rate, prior_shift
from engine.calibrated import BaseRate, CalibrationCheck
from engine.effects.honest_labels import Contacts
from engine.errors import ModelError
from engine.evaluation.curves import reliability
from engine.evaluation.profit import Economics
from engine.evaluation.rolling import by_cutoff, measured
from engine.features.frame import FeatureFrame, LabelledFrame, concatenate
from engine.models.blend import RiskModel
from engine.models.calibration import sigmoid
from engine.models.cross_fit import ServedModel
from engine.settings import Settings
from engine.standing import standing
from engine.timeline import ChurnRule
from engine.types import Evaluation, Metrics

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """The rows of all test cutoffs, labels made honest, and what was known beside them."""

    rows: LabelledFrame
    economics: Economics
    base_rates: Mapping[datetime, BaseRate | None]  # the newest known at each cutoff


@dataclass(frozen=True, slots=True)
class Served:
    """What a model says of N rows."""

    risk: NDArray[np.float64]  # (N,) as served
    raw_risk: NDArray[np.float64] | None  # (N,) before calibration; None: a cross-fitted model
    log_odds: NDArray[np.float64]  # (N,) of the risk


def judged_rows(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    tested: Mapping[datetime, LabelledFrame],
    settings: Settings,
    log: Contacts,
) -> JudgedRows:
    """The honest rows `tested` of each test cutoff, with users' value and the base rates."""
    value = [
        standing(connection, rows.frame.user_ids, cutoff, settings.risk).value
        for cutoff, rows in tested.items()
    ]
    follow = settings.risk.follow_base_rate
    return JudgedRows(
        rows=concatenate(list(tested.values())),
        economics=Economics(
            value=np.concatenate(value),
            cutoffs=np.concatenate([rows.frame.cutoffs for rows in tested.values()]),
            capacity=settings.risk.capacity,
            save_rate=settings.risk.save_rate,
            contact_cost=settings.outreach.contact_cost,
        ),
        base_rates={
            cutoff: newest_base_rate(connection, rule, cutoff, log) if follow else None
            for cutoff in tested
        },
    )


def served(model: ServedModel, test: JudgedRows) -> Served | None:
    """What `model` would have served, by its own columns; None where some are not there.

    Columns come and go with versions and with the data: then two models cannot be compared, and a
    challenger must still be possible.
    """
    frame = with_columns(test.rows.frame, model.columns)
    if frame is None:
        return None
    if not isinstance(model, RiskModel):
        said = model.predict(frame)
        return Served(said.risk, None, said.log_odds)
    raw = model.raw_log_odds(frame)
    log_odds = model.calibration.apply(raw)
    for cutoff, rate in test.base_rates.items():
        moved = prior_shift(model, rate)
        if moved is not None:
            log_odds[frame.cutoffs == np.datetime64(cutoff)] += moved.shift
    return Served(sigmoid(log_odds), sigmoid(raw), log_odds)


def metrics_of(name: str, test: JudgedRows, risk: NDArray[np.float64]) -> Metrics:
    """The metrics of `risk` (N,) on all test rows, under the name `name`."""
    rows = test.rows
    return measured(name, rows.label, risk, test.economics, rows.weight, rows.times)


def evaluation(model: ServedModel, test: JudgedRows, said: Served) -> Evaluation:
    """What was served, measured on all rows, at each cutoff, and before and after calibration."""
    rows = test.rows
    return Evaluation(
        metrics=metrics_of(model.kind, test, said.risk),
        by_cutoff=by_cutoff(
            model.kind, rows.label, said.risk, test.economics, rows.weight, rows.times
        ),
        calibration=_check(model, rows, said),
    )


def _check(model: ServedModel, rows: LabelledFrame, said: Served) -> CalibrationCheck | None:
    if said.raw_risk is None or not isinstance(model, RiskModel):
        return None
    return CalibrationCheck(
        method="isotonic" if model.calibration.knots else "linear",
        before=reliability(rows.label, said.raw_risk, rows.weight),
        after=reliability(rows.label, said.risk, rows.weight),
    )


def with_columns(frame: FeatureFrame, columns: tuple[str, ...]) -> FeatureFrame | None:
    """`frame` with these columns, in their order; None where some are not there."""
    place = {name: position for position, name in enumerate(frame.columns)}
    if not place.keys() >= set(columns):
        return None
    values = frame.values[:, [place[name] for name in columns]]
    return replace(frame, columns=columns, values=values)


def other_columns(model_id: str) -> ModelError:
    """The model reads what the loaded data do not have."""
    return ModelError(
        "other_columns",
        f"The model {model_id} reads columns that these data do not have",
        next_step="Run `retention train` for a model of the present data",
    )

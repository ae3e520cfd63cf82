"""The base rate in service: what the newest closed labels say, and how far it moves the risks.

A model is calibrated on the cutoff that was the newest mature one at training. By the time it
scores, later labels have closed. Where their base rate differs from that of calibration by more
than chance, every log-odds moves by the difference; the order of users stays.
"""

from __future__ import annotations

import math
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.calibrated import BaseRate, PriorShift
from engine.effects.honest_labels import Contacts, honest_labels
from engine.features.labels import given_cutoffs, labels
from engine.models.cross_fit import CrossFitted, ServedModel
from engine.timeline import ChurnRule

if TYPE_CHECKING:
    import duckdb

FEWEST_OF_A_CLASS = 25
"""With fewer users who left, or who stayed, a rate says too little to move everybody's risk."""


def prior_shift_at(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    model: ServedModel,
    log: Contacts,
) -> PriorShift | None:
    """The shift for scores at `cutoff`, by labels closed then; None where there is nothing newer.

    That is: no cutoff matured since calibration, a class has fewer than `FEWEST_OF_A_CLASS` users,
    or the model has no calibration cutoff (a table without a time axis).
    """
    return prior_shift(model, newest_base_rate(connection, rule, cutoff, log))


def prior_shift(model: ServedModel, now: BaseRate | None) -> PriorShift | None:
    """The shift from the base rate that `model` was calibrated at to `now`; None as above."""
    calibrated = _of_calibration(model)
    if calibrated is None or now is None or now.cutoff <= calibrated.cutoff:
        return None
    if not (_has_both(calibrated) and _has_both(now)):
        return None
    return PriorShift(calibrated, now, shrunk_shift(calibrated, now))


def newest_base_rate(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, as_of: datetime, log: Contacts
) -> BaseRate | None:
    """The base rate of the newest cutoff whose labels are closed at `as_of`; None without one."""
    newest = _newest_mature(connection, rule, as_of)
    return None if newest is None else base_rate(connection, rule, newest, log, told_before=as_of)


def base_rate(
    connection: duckdb.DuckDBPyConnection,
    rule: ChurnRule,
    cutoff: datetime,
    log: Contacts,
    *,
    told_before: datetime,
) -> BaseRate | None:
    """The churn rate of the users eligible at `cutoff` if nothing is done; None without any."""
    users, churned = labels(connection, rule, cutoff, told_before=told_before)
    honest = honest_labels(users, cutoff, log, rule.lead + rule.horizon)
    weight = honest.weight[honest.training_mask]
    if not weight.sum() > 0:
        return None
    return rate_of(cutoff, churned[honest.training_mask], weight)


def rate_of(cutoff: datetime, label: NDArray[Any], weight: NDArray[Any]) -> BaseRate:
    """The weighted rate of `label` (N,); rows count as (Σ weight)² / Σ weight²."""
    weight = np.asarray(weight, np.float64)
    effective = float(weight.sum() ** 2 / np.square(weight).sum())
    return BaseRate(cutoff, float(np.average(label, weights=weight)), effective)


def shrunk_shift(calibrated: BaseRate, now: BaseRate) -> float:
    """The difference of the two rates' log-odds, less what chance explains.

    With d the difference and s² the variance of both sample log-odds (1 / (rows · rate · (1 −
    rate)) each): d · max(0, 1 − s² / d²), the positive-part James-Stein estimate. Many users
    move it whole, few or equal ones not at all. Both rates must lie between 0 and 1.
    """
    difference = _log_odds(now.rate) - _log_odds(calibrated.rate)
    variance = sum(1 / (one.rows * one.rate * (1 - one.rate)) for one in (calibrated, now))
    if difference**2 <= variance:
        return 0.0
    return difference * (1 - variance / difference**2)


def _of_calibration(model: ServedModel) -> BaseRate | None:
    said = model.metadata
    if isinstance(model, CrossFitted) or "calibration_base_rate" not in said:
        return None
    return BaseRate(
        max(datetime.fromisoformat(cutoff) for cutoff in said["cutoffs"]["calibrate"]),
        said["calibration_base_rate"],
        said["calibration_rows"],
    )


def _newest_mature(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, as_of: datetime
) -> datetime | None:
    if rule.kind == "label":
        mature = [cutoff for cutoff in given_cutoffs(connection) if rule.mature(cutoff, as_of)]
        return mature[-1] if mature else None
    newest = as_of - (rule.matures_at(as_of) - as_of)
    return datetime.combine(newest.date(), time())


def _has_both(one: BaseRate) -> bool:
    return min(one.rate, 1 - one.rate) * one.rows >= FEWEST_OF_A_CLASS


def _log_odds(rate: float) -> float:
    return math.log(rate / (1 - rate))

"""Facts about calibration that cross to the screens: standard library only, as `engine.types`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BaseRate:
    """How many of the eligible users left, by labels that are closed."""

    cutoff: datetime
    rate: float  # weighted as honest labels say
    rows: float  # effective number of users


@dataclass(frozen=True, slots=True)
class PriorShift:
    """How a scoring run moved the log-odds from the base rate of calibration to the newest one."""

    calibrated: BaseRate
    newest: BaseRate
    shift: float  # of every log-odds; 0 where the two rates differ by no more than chance


@dataclass(frozen=True, slots=True)
class Reliability:
    """Mean risk beside the churn rate, in bins of about equally many rows, ascending."""

    risk: tuple[float, ...]
    rate: tuple[float, ...]
    rows: tuple[int, ...]
    error: float  # expected calibration error


@dataclass(frozen=True, slots=True)
class CalibrationCheck:
    """What calibration did to the risks of the test rows."""

    method: str  # linear or isotonic
    before: Reliability
    after: Reliability

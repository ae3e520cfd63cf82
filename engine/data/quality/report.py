"""The quality report as facts: standard library only, for the terminal shows the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from engine.types import DataSummary, Words

State = Literal["fit", "look", "unfit"]
"""fit: in order; look: a person should look at it; unfit: results would mislead."""

STATES: tuple[State, ...] = ("unfit", "look", "fit")
"""Worst first."""


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """One question about the data. `value` and `limit` are in the check's own unit: a share
    (0 … 1), days, hours or a number; a value above `limit` asks for a look."""

    code: str
    state: State
    count: int
    value: float
    limit: float
    words: Words
    advice: Words  # what to do when the state is not "fit"


@dataclass(frozen=True, slots=True)
class TableQuality:
    """One table of the contract. `daily` has a number for every day from `first_day` up to the
    end of the data; empty for a table without a time axis."""

    table: str
    read: int  # rows that the last load read
    rows: int  # rows in the table now
    refused: int  # rows of the last load that are in the quarantine only
    noted: int  # notes of the last load on rows that were kept: a value was blanked, cut or moved
    first_day: date | None = None
    daily: tuple[int, ...] = ()
    late: int = 0  # rows known more than a day after they happened
    longest_gap_days: int = 0  # days in a row without a row
    silent_days: int = 0  # days without a row before the end of the data


@dataclass(frozen=True, slots=True)
class ColumnQuality:
    """One column that features or messages read."""

    table: str
    column: str
    missing: int
    missing_share: float  # of the rows of the table
    constant: bool  # every value that is there is the same
    outliers: int = 0  # absolute values above `outlier_limit`
    outlier_limit: float | None = None  # ten times the 99th percentile; None: not a number


@dataclass(frozen=True, slots=True)
class QuarantineGroup:
    """Rows put aside for one reason; `examples` are the source's first such rows, as JSON."""

    table: str
    reason: str
    refused: bool  # false: the row was kept, a value of it was blanked, cut or moved
    count: int
    words: Words
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeatureGroup:
    """How many features of a group the loaded data allow; `lacking` are the facts that the others
    need, for instance "payments:failed"."""

    group: str
    words: Words
    computed: int
    total: int
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Everything that the command line, the page and the screen say about the loaded data."""

    summary: DataSummary
    verdict: State
    words: Words
    checks: tuple[QualityCheck, ...]
    tables: tuple[TableQuality, ...]
    columns: tuple[ColumnQuality, ...]
    quarantined: Mapping[str, Mapping[str, int]]  # table -> reason -> rows
    quarantine: tuple[QuarantineGroup, ...]  # the same with examples, most frequent first
    unknown_kinds: Mapping[str, int]  # the most frequent that no feature reads by name -> events
    features: tuple[FeatureGroup, ...] = ()  # empty without a time axis: see the attributes

    @property
    def worst_first(self) -> tuple[QualityCheck, ...]:
        """The checks, those that ask for something before the others."""
        return tuple(sorted(self.checks, key=lambda check: STATES.index(check.state)))

"""What loading did, and what is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TableLoad:
    """What loading did with one table of the contract.

    Every row is accounted for: read = added + updated + already_there + refused.
    """

    table: str
    read: int  # rows in the source
    kept: int  # rows now in the contract table
    quarantined: Mapping[str, int] = field(default_factory=dict)  # reason code -> rows
    added: int = 0
    updated: int = 0  # a row with the same key was there, with other content
    already_there: int = 0  # with the same key and content
    refused: int = 0  # in quarantine; a row that is kept may be noted there too


@dataclass(frozen=True, slots=True)
class LoadReport:
    tables: tuple[TableLoad, ...]
    as_of: datetime  # first midnight (UTC) after the last known fact
    mapping: str
    seconds: float
    load_id: int = 1  # counts the loads of a workspace
    changed: bool = True  # is anything that features read other than before?


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What is loaded now."""

    users: int
    rows: Mapping[str, int]  # table -> rows
    first_at: datetime
    as_of: datetime
    loaded_at: datetime
    currency: str
    timezone: str
    quarantined: int

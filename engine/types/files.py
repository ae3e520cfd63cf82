"""What is written out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ExportFormat = Literal["csv", "parquet", "jsonl", "xlsx"]
ExportKind = Literal["ranking", "interventions", "reasons", "effects", "audit"]


@dataclass(frozen=True, slots=True)
class ExportReport:
    kind: str
    format: str
    rows: int
    path: Path

"""What a child process says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.types.words import Words


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One JSON line of a child process: see `engine.jobs.protocol`."""

    kind: Literal["started", "progress", "note", "result", "failed", "cancelled"]
    stage: str = ""
    done: float | None = None  # 0 … 1 of the whole job
    words: Words | None = None
    detail: Mapping[str, object] = field(default_factory=dict)

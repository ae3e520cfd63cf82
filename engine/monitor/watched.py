"""What is watched: the model in service and the newest run that it scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.monitor.past import Cutoffs
from engine.places import Places
from engine.settings import Settings
from engine.timeline import ChurnRule
from engine.types import ModelCard

if TYPE_CHECKING:
    import duckdb

    from engine.models.blend import RiskModel


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """The newest scoring run of the model in service."""

    run_id: str
    cutoff: datetime
    user_ids: NDArray[np.object_]  # (N,) ascending
    risk: NDArray[np.float64]  # (N,)
    segments: NDArray[np.object_]  # (N,)


@dataclass(frozen=True, slots=True)
class Watched:
    """The model in service and its run, with the loaded data open."""

    connection: duckdb.DuckDBPyConnection
    places: Places
    settings: Settings
    rule: ChurnRule
    model: RiskModel
    card: ModelCard
    run: ScoredRun
    cutoffs: Cutoffs

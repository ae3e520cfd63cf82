"""Behaviour data as a service: load, check, summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from engine.data import load as loading
from engine.data import quality
from engine.data.summary import nothing_loaded, summary
from engine.places import Places
from engine.settings import Settings
from engine.store.lease import lease
from engine.types import DataSummary, LoadReport, QualityReport


class Data:
    """The behaviour database of a workspace."""

    def __init__(self, places: Places, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._places = places
        self._settings = settings
        self._clock = clock

    @property
    def mapping(self) -> Path:
        """The workspace's own mapping file."""
        return self._places.folder / self._settings.workspace.mapping

    def load(
        self,
        mapping: Path | None = None,
        *,
        data_dir: Path | None = None,
        frames: Mapping[str, object] | None = None,
        progress: Callable[[str, float], None] = lambda stage, done: None,
    ) -> LoadReport:
        """Load through `mapping` (None: the workspace's); the old data stay when it fails.

        `frames` are what the mapping calls `frame:NAME`: pandas or polars frames, Arrow tables.
        """
        return loading.load(
            mapping or self.mapping,
            self._places.behaviour,
            now=self._clock(),
            data_dir=data_dir,
            frames=frames,
            progress=progress,
        )

    def summary(self) -> DataSummary | None:
        """What is loaded now; None before the first load."""
        if not self._places.behaviour.exists():
            return None
        with lease(self._places.behaviour) as connection:
            return summary(connection)

    def check(self) -> QualityReport:
        """The data-quality report of what is loaded."""
        if not self._places.behaviour.exists():
            raise nothing_loaded()
        with lease(self._places.behaviour) as connection:
            return quality.check(connection)

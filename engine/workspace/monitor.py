"""Watching the model in service, as a service: drift, estimates, fairness, stress."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from engine.monitor.report import Drift, MonitorReport
from engine.places import Places
from engine.settings import Settings
from engine.store.files import make_folder
from engine.types import Language


class Monitor:
    """Looks at the champion's newest scoring run; nothing is written to ledger or data."""

    def __init__(self, places: Places, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._places = places
        self._settings = settings
        self._clock = clock

    def look(self, *, fairness: bool = False, stress: bool = False) -> MonitorReport:
        """Drift and estimates; `fairness` adds figures by group, `stress` disturbed inputs.

        Raises `StateError` without a champion that has scored, or on data without a time axis.
        """
        from engine.monitor.run import monitor

        return monitor(
            self._places,
            self._settings,
            fairness=fairness,
            stress=stress,
            timer=time.monotonic,
        )

    def drift(self) -> Drift:
        """Drift of the features alone, without asking the model for a risk: quick.

        Raises as `look` does.
        """
        from engine.monitor.run import columns_drift

        return columns_drift(self._places, self._settings)

    def write_report(
        self, found: MonitorReport, language: Language, path: Path | None = None
    ) -> Path:
        """Write `found` as one HTML file that needs nothing from outside; where it is.

        `path` None: a dated file in the workspace's `reports/`. Raises `StorageError` when it
        cannot be written; an old file is then untouched.
        """
        from engine.monitor.page import write_page

        made_at = self._clock()
        if path is None:
            make_folder(self._places.reports)
            path = self._places.reports / f"monitor-{made_at:%Y%m%d-%H%M%S}.html"
        write_page(path, found, language=language, made_at=made_at)
        return path

"""Behaviour data as a service: load, check, summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.data import load as loading
from engine.data.quality.check import check, quarantined_rows
from engine.data.quality.report import FeatureGroup, QualityReport
from engine.data.summary import nothing_loaded, summary
from engine.places import Places
from engine.settings import Settings
from engine.store.files import make_folder
from engine.store.lease import lease
from engine.types import DataSummary, Language, LoadReport

if TYPE_CHECKING:
    import duckdb


class Data:
    """The behaviour database of a workspace."""

    def __init__(self, places: Places, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._places = places
        self._settings = settings
        self._clock = clock
        self._checked: tuple[tuple[int, int], QualityReport] | None = None

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
        accept: bool = False,
        progress: Callable[[str, float], None] = lambda stage, done: None,
    ) -> LoadReport:
        """Load through `mapping` (None: the workspace's); the old data stay when it fails.

        `frames` are what the mapping calls `frame:NAME`: pandas or polars frames, Arrow tables.
        `accept`: load also what looks broken by the settings' section `data`.
        """
        return loading.load(
            mapping or self.mapping,
            self._places.behaviour,
            now=self._clock(),
            data_dir=data_dir,
            frames=frames,
            limits=self._settings.data,
            accept=accept,
            progress=progress,
        )

    def summary(self) -> DataSummary | None:
        """What is loaded now; None before the first load."""
        if not self._places.behaviour.exists():
            return None
        with lease(self._places.behaviour) as connection:
            return summary(connection)

    def check(self) -> QualityReport:
        """The data-quality report of what is loaded, and which features the data allow.

        Measured once for each database file: a hundred million events take their time.
        """
        from engine.features.attributes.schema import timeless
        from engine.features.available import available
        from engine.features.spec import KINDS

        known = {kind for kinds in KINDS.values() for kind in kinds}
        with self._loaded() as connection:
            file = self._places.behaviour.stat()
            version = (file.st_ino, file.st_mtime_ns)
            if self._checked is None or self._checked[0] != version:
                report = check(connection, known_kinds=known, limits=self._settings.data)
                if not timeless(connection):  # there the attributes are the features
                    report = replace(report, features=_groups(available(connection)))
                self._checked = (version, report)
            return self._checked[1]

    def write_report(self, report: QualityReport, language: Language, path: Path | None) -> Path:
        """Write `report` as one HTML file that needs nothing from outside; where it is.

        `path` None: a dated file in the workspace's `reports/`. Raises `StorageError` when it
        cannot be written; an old file is then untouched.
        """
        from engine.data.quality.page import write_page

        made_at = self._clock()
        if path is None:
            make_folder(self._places.reports)
            path = self._places.reports / f"data-{made_at:%Y%m%d-%H%M%S}.html"
        write_page(path, report, language=language, made_at=made_at)
        return path

    def quarantined(self, table: str, reason: str, count: int) -> tuple[str, ...]:
        """The first `count` rows of the source put aside for `reason`, each as JSON text."""
        with self._loaded() as connection:
            return quarantined_rows(connection, table, reason, count)

    def _loaded(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        if not self._places.behaviour.exists():
            raise nothing_loaded()
        return lease(self._places.behaviour)


def _groups(facts: frozenset[str]) -> tuple[FeatureGroup, ...]:
    """Each group of the catalogue: how many of its features the facts allow, and what is lacking.

    The order of recent events has no columns and is no group here.
    """
    from engine.features.catalogue import GROUPS, SPECS

    return tuple(
        FeatureGroup(
            group=code,
            words=words,
            computed=sum(facts >= set(spec.needs) for spec in specs),
            total=len(specs),
            lacking=tuple(sorted({need for spec in specs for need in spec.needs} - facts)),
        )
        for code, words in GROUPS.items()
        if (specs := [spec for spec in SPECS if spec.group == code])
    )

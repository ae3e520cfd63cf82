"""The one door: `Workspace.open(folder)` and its services. It opens, wires and delegates."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import UsageError
from engine.places import Places
from engine.settings import Settings, load_settings
from engine.store.migrate import migrate

if TYPE_CHECKING:
    from engine.profile.detail import Users
    from engine.profile.moments import EventShares
    from engine.similar.find import Similar
    from engine.types import ExportFormat, ExportKind, ExportReport, RankQuery
    from engine.whatif.ask import WhatIf
    from engine.workspace.data import Data
    from engine.workspace.interventions import Interventions
    from engine.workspace.labels import Labels
    from engine.workspace.models import Models
    from engine.workspace.monitor import Monitor
    from engine.workspace.risk import Risk

__all__ = ["Workspace", "utc_now"]

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present instant, naive UTC, to the microsecond."""
    return datetime.now(UTC).replace(tzinfo=None)


class Workspace:
    """A folder with settings, behaviour data, ledger, models, outbox, exports and logs.

    Services are made on first use, so that opening a workspace imports neither torch nor pandas.
    """

    def __init__(self, places: Places, settings: Settings, clock: Clock) -> None:
        self.places = places
        self.settings = settings
        self.clock = clock

    @classmethod
    def open(cls, folder: Path | str, *, clock: Clock = utc_now) -> Workspace:
        """The workspace in `folder`; its ledger is created or brought to the present schema.

        Raises `UsageError` when the folder is no workspace or its settings are wrong.
        """
        places = Places(Path(folder).resolve())
        if not places.settings.exists():
            raise UsageError(
                "no_workspace",
                f"{places.folder} is not a workspace: it has no {places.settings.name}",
                next_step="Run `retention demo` for the sample, or `retention init DIR`",
            )
        settings = load_settings(places.folder)
        migrate(places.ledger)
        return cls(places, settings, clock)

    @property
    def folder(self) -> Path:
        return self.places.folder

    @property
    def operator(self) -> str:
        """Who acts: the settings' name, else the operating system's. Attribution, not security."""
        return self.settings.workspace.operator or getpass.getuser()

    @cached_property
    def data(self) -> Data:
        from engine.workspace.data import Data

        return Data(self.places, self.settings, self.clock)

    @cached_property
    def labels(self) -> Labels:
        from engine.workspace.labels import Labels

        return Labels(self.places, self.settings)

    @cached_property
    def risk(self) -> Risk:
        from engine.workspace.risk import Risk

        return Risk(self.places, self.settings, self.clock)

    @cached_property
    def users(self) -> Users:
        from engine.profile.detail import Users

        return Users(self.places)

    @cached_property
    def event_shares(self) -> EventShares:
        from engine.profile.moments import EventShares

        return EventShares(self.places, self.settings)

    @cached_property
    def whatif(self) -> WhatIf:
        from engine.whatif.ask import WhatIf

        return WhatIf(self.places, self.settings)

    @cached_property
    def similar(self) -> Similar:
        from engine.similar.find import Similar

        return Similar(self.places, self.settings)

    @cached_property
    def models(self) -> Models:
        from engine.workspace.models import Models

        return Models(self.places, self.settings, self.clock)

    @cached_property
    def monitor(self) -> Monitor:
        from engine.workspace.monitor import Monitor

        return Monitor(self.places, self.settings, self.clock)

    @cached_property
    def interventions(self) -> Interventions:
        from engine.workspace.interventions import Interventions

        return Interventions(self.places, self.settings, self.clock, self.operator)

    def export(
        self,
        kind: ExportKind,
        format: ExportFormat,  # noqa: A002 - the word of the command line
        out: Path | None = None,
        *,
        query: RankQuery | None = None,
    ) -> ExportReport:
        """Write one export; `out` None: a dated file in the workspace's `exports/`."""
        from engine.workspace.exports import export

        return export(self, kind, format, out, query=query)

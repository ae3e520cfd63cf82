"""Labels as a service: what the churn rule makes of the data, and the proofs of their features."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from engine.data.summary import nothing_loaded
from engine.places import Places
from engine.settings import Settings
from engine.store.lease import lease

if TYPE_CHECKING:
    from engine.features.label_report.types import LabelReport


class Labels:
    """The churn rule of a workspace, held against its data."""

    def __init__(self, places: Places, settings: Settings) -> None:
        self._places = places
        self._settings = settings

    def report(
        self,
        *,
        horizon_days: tuple[int, ...] = (),
        grace_days: tuple[int, ...] = (),
        active_within_days: tuple[int, ...] = (),
        lead_days: tuple[int, ...] = (),
        as_of: datetime | None = None,
    ) -> LabelReport:
        """Base rates at the cutoffs of a training run, and how the rule's parameters change them.

        The four tuples are the values to try; an empty one: around the rule's own. `as_of`: the
        end of the data to use.
        """
        from engine.features.label_report.report import label_report
        from engine.features.label_report.variants import Grid

        grid = Grid(horizon_days, grace_days, active_within_days, lead_days)
        self._check_loaded()
        with lease(self._places.behaviour) as connection:
            return label_report(connection, self._settings.training, grid=grid, as_of=as_of)

    def _check_loaded(self) -> None:
        if not self._places.behaviour.exists():
            raise nothing_loaded()

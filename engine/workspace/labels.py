"""Labels as a service: what the churn rule makes of the data, and the proofs of their features."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from engine.data.summary import nothing_loaded
from engine.errors import UsageError
from engine.places import Places
from engine.settings import Settings
from engine.store.lease import lease

if TYPE_CHECKING:
    from engine.features.label_report.types import LabelReport
    from engine.features.proving import ProofReport

PROVED_USERS = 5_000
"""Looked at by `prove`: a leak moves most rows, so a sample finds it, and a minute is enough."""


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

    def prove(
        self,
        *,
        as_of: datetime | None = None,
        users: int = PROVED_USERS,
        progress: Callable[[str, float], None] = lambda name, done: None,
    ) -> ProofReport:
        """Try on the loaded data that no future reaches a feature.

        `as_of`: the cutoff (default: the newest test cutoff of a training run). `users`: at most
        so many are looked at. Raises `UsageError` where the data do not reach around `as_of`.
        """
        from engine.data.summary import churn_rule, summary
        from engine.features.attributes.schema import timeless
        from engine.features.label_report.report import no_cutoff, training_plan
        from engine.features.proving import prove_loaded

        self._check_loaded()
        with lease(self._places.behaviour) as connection:
            loaded = summary(connection)
            if loaded is None:
                raise nothing_loaded()
            if timeless(connection):
                raise no_cutoff()
            rule = churn_rule(connection)
            if as_of is not None and not loaded.first_at < as_of < loaded.as_of:
                raise UsageError(
                    "outside_the_data",
                    f"{as_of} is no cutoff of these data",
                    why=f"They reach from {loaded.first_at} to {loaded.as_of}, and the proofs need "
                    "a past and a future",
                    next_step="Give a moment between the two",
                )
            if as_of is None:
                plan = training_plan(
                    connection, loaded, self._settings.training, rule, loaded.as_of
                )
                as_of = plan.test[-1]
            return prove_loaded(
                connection,
                rule,
                as_of,
                users=users,
                seed=self._settings.training.seed,
                progress=progress,
            )

    def _check_loaded(self) -> None:
        if not self._places.behaviour.exists():
            raise nothing_loaded()

"""Which events of which weeks move one user's risk, asked of the model of the newest run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from engine.data.summary import churn_rule
from engine.errors import StateError, UsageError
from engine.features.build import build_frame
from engine.features.frame import FeatureFrame
from engine.features.sequences import pull_activity
from engine.features.snapshots import workspace_snapshots
from engine.places import Places
from engine.ranking.pages import not_scored
from engine.registry import Registry
from engine.scoring import run_of
from engine.settings import Settings
from engine.store.lease import lease
from engine.types import ScoringRun

if TYPE_CHECKING:
    from engine.explain.moments import Moments
    from engine.models.blend import RiskModel

SEED = 0
"""The same user gets the same answer: the orders are drawn from it."""


class EventShares:
    """Asks the model that made the newest scoring run; it is loaded with the first question."""

    def __init__(self, places: Places, settings: Settings) -> None:
        self._places = places
        self._settings = settings
        self._served: tuple[str, RiskModel] | None = None

    def of(self, user_id: str) -> Moments:
        """What the events of `user_id` add to the risk, by kind and week.

        Raises `StateError` before the first run and where no model of events is in service, and
        `UsageError` for a user who is not in the newest run.
        """
        from engine.explain.moments import moments_of

        if not self._places.ledger.exists():
            raise not_scored()
        with lease(self._places.ledger) as connection:
            run = run_of(connection)
        if run is None:
            raise not_scored()
        model = self._model(run)
        return moments_of(model, self._row(run, model, user_id), seed=SEED)

    def _model(self, run: ScoringRun) -> RiskModel:
        from engine.models.blend import RiskModel

        if self._served is not None and self._served[0] == run.scoring_run_id:
            return self._served[1]
        model = Registry(self._places.models, self._places.ledger).load(run.model_id)
        if not isinstance(model, RiskModel) or not model.reads_sequences:
            raise StateError(
                "no_events_read",
                f"The model {run.model_id} does not read the order of events",
                why="What it knows of them is in its columns, which the reasons speak of",
                next_step="`retention why USER` says what the risk rests on",
            )
        if run.prior_shift is not None:
            model = model.with_calibration(model.calibration.moved(run.prior_shift.shift))
        self._served = run.scoring_run_id, model
        return model

    def _row(self, run: ScoringRun, model: RiskModel, user_id: str) -> FeatureFrame:
        with lease(self._places.behaviour) as connection:
            frame = build_frame(
                connection,
                churn_rule(connection),
                run.cutoff,
                columns=model.columns,
                sequences=False,
                messages=False,
                snapshots=workspace_snapshots(self._places, self._settings),
            )
            one = frame.take(np.flatnonzero(frame.user_ids == user_id))
            if not len(one):
                raise UsageError(
                    "not_eligible",
                    f"{user_id!r} was not eligible in the newest scoring run: no risk is known",
                    next_step="`retention rank` lists the users that have one",
                )
            stream = pull_activity(connection, [run.cutoff], one.user_ids)
            return replace(one, sequences=stream.until(run.cutoff, one.user_ids))

"""What would lower one user's risk: edits offered, recomputed, scored, and ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.data.summary import churn_rule, fingerprint, summary
from engine.errors import DataError, StateError
from engine.features.available import available
from engine.features.catalogue import specs_named
from engine.outreach.template_counts import template_arms
from engine.outreach.templates import TemplateLibrary
from engine.places import Places
from engine.ranking.scored import scored_user
from engine.registry import Registry
from engine.settings import Settings
from engine.store.lease import lease
from engine.types import ScoringRun, Words
from engine.whatif.edit import Edit, Possible, UsualKind
from engine.whatif.history import NO_CHANGE, Change, History, read_history
from engine.whatif.offered import offered, pairs
from engine.whatif.proven import measured
from engine.whatif.recompute import Surroundings, Variants, read_surroundings, recompute
from engine.whatif.report import Possibility, WhatIfReport
from engine.whatif.use import opened_contents

if TYPE_CHECKING:
    import duckdb

    from engine.models.blend import RiskModel

DISCOUNT_PERCENT = 20.0
"""What "a lower price" means, unless the settings allow no more than less."""


@dataclass(frozen=True)
class _Scene:
    """What every user's answer shares, for one scoring run and one state of the data."""

    key: tuple[str, str]  # scoring run, fingerprint of the data
    around: Surroundings
    usual: tuple[UsualKind, ...]
    currency: str


class WhatIf:
    """Asks the model of the newest scoring run what it would say of an edited history.

    The first answer loads the model and reads what users are compared with; both are kept.
    """

    def __init__(self, places: Places, settings: Settings) -> None:
        self._places = places
        self._settings = settings
        self._model: tuple[str, RiskModel] | None = None  # scoring run, its model
        self._scene: _Scene | None = None

    def of(self, user_id: str) -> WhatIfReport:
        """The present risk of `user_id` and what would change it, largest fall first.

        Nothing is written. Raises `UsageError` when nobody has this id or the user is not in the
        newest scoring run, `StateError` before the first run and where the data have no time axis.
        """
        asked = scored_user(self._places, user_id)
        run = asked.run
        # Before the lease: the libraries of a model take seconds to import.
        model = self._model_of(run)
        with lease(self._places.behaviour) as connection:
            scene = self._scene_of(connection, run, model.columns)
            history = read_history(connection, user_id, run.cutoff)
            if history is None:
                raise _data_changed(user_id)
            possible = self._possible(connection, scene, history)
        edits = offered(history, possible)
        together = pairs(edits)
        chosen: list[tuple[Edit, ...]] = [*((edit,) for edit in edits), *together]
        changes = [NO_CHANGE, *map(_joined, chosen)]
        variants = recompute(
            history,
            changes,
            scene.around,
            sequences=model.reads_sequences,
            messages=model.reads_messages,
        )
        risk = model.predict(variants.frame).risk
        told = self._told(chosen, risk, variants)
        single, double = told[: len(edits)], told[len(edits) :]
        return WhatIfReport(
            user_id=user_id,
            name=asked.name,
            segment=str(variants.frame.segments[0]),
            cutoff=run.cutoff,
            model_id=run.model_id,
            risk=float(risk[0]),
            run_risk=asked.risk,
            possibilities=tuple(sorted(single, key=lambda one: one.risk)),
            pair=_best(single, double),
        )

    def _model_of(self, run: ScoringRun) -> RiskModel:
        if self._model is None or self._model[0] != run.scoring_run_id:
            self._model = (run.scoring_run_id, _served(self._places, run))
        return self._model[1]

    def _scene_of(
        self, connection: duckdb.DuckDBPyConnection, run: ScoringRun, columns: tuple[str, ...]
    ) -> _Scene:
        key = (run.scoring_run_id, fingerprint(connection))
        if self._scene is not None and self._scene.key == key:
            return self._scene
        rule, facts = churn_rule(connection), available(connection)
        around = read_surroundings(connection, rule, run.cutoff, specs_named(columns), facts)
        loaded = summary(connection)
        assert loaded is not None  # `fingerprint` has found it
        usual = tuple(
            UsualKind(kind, duration_s, value, with_content)
            for kind, _, duration_s, value, with_content in connection.execute(
                _text("usual.sql"), {"cutoff": run.cutoff}
            ).fetchall()
        )
        self._scene = _Scene(key, around, usual, loaded.currency)
        return self._scene

    def _possible(
        self, connection: duckdb.DuckDBPyConnection, scene: _Scene, history: History
    ) -> Possible:
        opened = opened_contents(history)
        found = connection.execute(
            _text("next_content.sql"), {"opened": opened, "cutoff": history.cutoff}
        ).fetchone()
        return Possible(
            rule=scene.around.rule,
            facts=scene.around.facts,
            currency=scene.currency,
            percent=min(DISCOUNT_PERCENT, self._settings.outreach.max_percent),
            usual=scene.usual,
            next_content=None if found is None else (found[0], found[1] or found[0]),
        )

    def _told(
        self, chosen: Sequence[tuple[Edit, ...]], risk: NDArray[np.float64], variants: Variants
    ) -> list[Possibility]:
        arms = template_arms(self._places.ledger)
        templates = TemplateLibrary().list()
        return [
            Possibility(
                codes=tuple(edit.code for edit in edits),
                words=_both([edit.words for edit in edits]),
                risk=float(risk[place]),
                change=float(risk[place] - risk[0]),
                decided=place in variants.decided and 0 not in variants.decided,
                measured=measured(edits, templates, arms),
            )
            for place, edits in enumerate(chosen, start=1)
        ]


def _served(places: Places, run: ScoringRun) -> RiskModel:
    """The model of `run`, moved to the base rate as the run was.

    Raises `StateError` for one of a table without a time axis.
    """
    from engine.models.blend import RiskModel

    model = Registry(places.models, places.ledger).load(run.model_id)
    if not isinstance(model, RiskModel):  # it is of a table without a time axis
        raise StateError(
            "no_events_to_edit",
            "The data of this workspace have no time axis",
            why="What-if edits events: visits, payments, tickets, renewals",
            next_step="`retention why USER` says what the risk rests on",
        )
    if run.prior_shift is None:
        return model
    return model.with_calibration(model.calibration.moved(run.prior_shift.shift))


def _joined(edits: Sequence[Edit]) -> Change:
    change = NO_CHANGE
    for edit in edits:
        change = change.with_other(edit.change)
    return change


def _both(words: Sequence[Words]) -> Words:
    first, *others = words
    return Words(
        "；".join(one.zh for one in words),
        "; ".join([first.en, *(one.en[:1].lower() + one.en[1:] for one in others)]),
    )


def _best(single: Sequence[Possibility], double: Sequence[Possibility]) -> Possibility | None:
    """The pair of the lowest risk, if it beats every single edit."""
    if not double:
        return None
    best = min(double, key=lambda one: one.risk)
    return best if best.risk < min(one.risk for one in single) and best.change < 0 else None


def _data_changed(user_id: str) -> DataError:
    return DataError(
        "data_changed",
        f"The loaded data have no rows of {user_id!r} any more",
        next_step="Run `retention score` to score the present users",
    )


def _text(name: str) -> str:
    return (resources.files("engine.whatif") / name).read_text("utf-8")

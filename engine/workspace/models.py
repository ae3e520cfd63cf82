"""Models as a service: retrain, compare, promote, roll back, evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import StateError, UsageError
from engine.places import Places
from engine.registry import Registry
from engine.settings import Settings
from engine.store.files import make_folder
from engine.store.sole import sole_training
from engine.trials import Trial
from engine.types import Evaluation, Language, ModelCard

if TYPE_CHECKING:
    from engine.compare import Comparison
    from engine.insight.report import Insight


def _quiet(stage: str, done: float, detail: Mapping[str, object]) -> None:
    """Progress that nobody watches."""


class Models:
    """The registry of a workspace and what makes its entries."""

    def __init__(self, places: Places, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._places = places
        self._settings = settings
        self._clock = clock
        self._registry = Registry(places.models, places.ledger)

    def cards(self) -> tuple[ModelCard, ...]:
        """Every model, newest first, with its state."""
        return self._registry.cards()

    def card(self, model_id: str) -> ModelCard:
        """The card of `model_id`; raises `UsageError` when there is none."""
        for card in self.cards():
            if card.model_id == model_id:
                return card
        raise UsageError(
            "unknown_model",
            f"There is no model {model_id!r} in this workspace",
            next_step="`retention models` lists them",
        )

    def trials(self, model_id: str) -> tuple[Trial, ...]:
        """What a search tried before `model_id` was trained; empty without one."""
        return self._registry.trials(model_id)

    def champion(self) -> ModelCard | None:
        """The model in service."""
        model_id = self._registry.champion_id()
        return None if model_id is None else self.card(model_id)

    def feature_cache_bytes(self) -> int:
        """What the features kept of past cutoffs take up on disk."""
        from engine.features.snapshots import size_bytes

        return size_bytes(self._places.features)

    def train(
        self,
        *,
        model: str = "auto",
        budget_s: float | None = None,
        pretraining: bool | None = None,
        search_s: float | None = None,
        as_of: datetime | None = None,
        actor: str,
        progress: Callable[[str, float, Mapping[str, object]], None] = _quiet,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> ModelCard:
        """Fit, compare and register a challenger; nothing is promoted.

        `pretraining`: whether an encoder of sequences learns from all histories first; None: as the
        settings say.
        Raises `DatabaseBusy`, with its process id, while another training runs here.
        """
        from engine.retrain import retrain

        with sole_training(self._places.training):
            return retrain(
                self._places,
                self._settings,
                model=model,
                budget_s=budget_s,
                pretraining=pretraining,
                search_s=search_s,
                as_of=as_of,
                now=self._clock(),
                actor=actor,
                progress=progress,
                should_stop=should_stop,
            )

    def compare(
        self,
        *,
        names: Sequence[str] | None = None,
        budget_s: float | None = None,
        as_of: datetime | None = None,
        progress: Callable[[str, float, Mapping[str, object]], None] = _quiet,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Comparison:
        """Kinds of model on the same rows, against the champion; nothing is registered."""
        from engine.compare import compare_models

        return compare_models(
            self._places,
            self._settings,
            names=names,
            budget_s=budget_s,
            as_of=as_of,
            progress=progress,
            should_stop=should_stop,
        )

    def insight(self, model_id: str | None = None, *, again: bool = False) -> Insight:
        """What the model (None: the champion) rests on, and where it is weak.

        Measured on its test cutoffs the first time, some ten seconds, and kept beside the model;
        `again` measures anew. Raises `StateError` without a champion.
        """
        from engine.insight import stored

        card = self._serving() if model_id is None else self.card(model_id)
        fingerprint = self._registry.fingerprint(card.model_id)
        kept = None if again else stored.read(self._places, card.model_id, fingerprint)
        if kept is not None:
            return kept
        from engine.insight.run import measured

        found = measured(self._places, self._settings, card, now=self._clock())
        stored.write(self._places, found, fingerprint)
        return found

    def write_insight(self, found: Insight, language: Language, path: Path | None = None) -> Path:
        """Write `found` as one HTML file that needs nothing from outside; where it is.

        `path` None: a dated file in the workspace's `reports/`. Raises `StorageError` when it
        cannot be written; an old file is then untouched.
        """
        from engine.insight.page import write_page

        if path is None:
            make_folder(self._places.reports)
            path = self._places.reports / f"insight-{self._clock():%Y%m%d-%H%M%S}.html"
        write_page(path, found, language=language)
        return path

    def _serving(self) -> ModelCard:
        champion = self.champion()
        if champion is None:
            raise StateError(
                "no_champion",
                "No model is in service in this workspace",
                next_step="Run `retention train` and promote the challenger",
            )
        return champion

    def promote(self, model_id: str, actor: str) -> ModelCard:
        """Put `model_id` into service; twice is once."""
        self._registry.promote(model_id, now=self._clock(), actor=actor)
        return self.card(model_id)

    def rollback(self, actor: str) -> ModelCard:
        """Put the previous champion back into service."""
        self._registry.rollback(now=self._clock(), actor=actor)
        champion = self.champion()
        if champion is None:
            raise StateError("no_champion", "No model is in service after the roll-back")
        return champion

    def evaluate(
        self, *, report: Path | None = None, tensorboard: Path | None = None
    ) -> Evaluation:
        """Measure the champion anew on its test cutoffs, from the data that are loaded now.

        `report`: an HTML file to write; `tensorboard`: a folder for a log with the curves.
        """
        from engine.retrain import remeasure

        champion = self._serving()
        again = remeasure(self._places, self._settings, champion)
        if report is not None:
            from engine.evaluation.curves import curves
            from engine.evaluation.report import write_report

            write_report(
                report,
                (again.evaluation.metrics, *champion.peers),
                {again.evaluation.metrics.model: curves(again.label, again.risk)},
                language=self._settings.workspace.language,
                made_at=self._clock(),
                verdict=champion.verdict,
                by_cutoff=again.evaluation.by_cutoff,
                calibration=again.evaluation.calibration,
                learning=champion.learning,
                faithfulness=champion.faithfulness,
            )
        if tensorboard is not None:
            from engine.evaluation.curves import curves
            from engine.evaluation.tensorboard import TensorBoardLog

            with TensorBoardLog(tensorboard, f"evaluate-{champion.model_id}") as log:
                log.evaluation(again.evaluation)
                log.curves(curves(again.label, again.risk))
        return again.evaluation

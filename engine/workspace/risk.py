"""The at-risk list as a service: pages, filters, and new scoring runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from engine.places import Places
from engine.ranking.pages import Ranking
from engine.settings import Settings
from engine.types import ScoringRun


class Risk(Ranking):
    """Reads the newest scoring run; `score` makes a new one."""

    def __init__(self, places: Places, settings: Settings, clock: Callable[[], datetime]) -> None:
        super().__init__(places)
        self._settings = settings
        self._clock = clock

    def score(
        self,
        as_of: datetime | None = None,
        *,
        progress: Callable[[str, float], None] = lambda stage, done: None,
    ) -> ScoringRun:
        """Score the eligible users with the champion; see `engine.scoring.score`."""
        from engine.scoring import score

        return score(
            self._places, self._settings, as_of=as_of, now=self._clock(), progress=progress
        )

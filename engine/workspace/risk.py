"""The at-risk list as a service: pages, filters, and new scoring runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from engine.places import Places
from engine.ranking.pages import Ranking
from engine.ranking.tables import Table, ranking_table, reasons_table
from engine.settings import Settings
from engine.types import RankQuery, ScoringRun


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

    def ranking_table(self, query: RankQuery) -> Table:
        """The list as a flat table, one row a user."""
        return ranking_table(self._places, query)

    def reasons_table(self, query: RankQuery) -> Table:
        """The reasons as a flat table, one row a user and reason."""
        return reasons_table(self._places, query)

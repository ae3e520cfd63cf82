"""Pages of the risk list: only the rows on show are fetched, at any size.

A scoring run is stored in rank order, so the default view is a range of ranks. Any other filter
or sort is one array of ranks (8 bytes a user), kept for the views last used; a page is looked up
in it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import StateError, UsageError
from engine.places import Places
from engine.ranking.filters import compile_filter
from engine.scoring import run_of
from engine.store.lease import lease
from engine.types import Band, RankPage, RankQuery, RiskRow, ScoringRun, Words

if TYPE_CHECKING:
    import duckdb

VIEWS_KEPT = 8
"""How many filtered or sorted views keep their array of ranks."""

SORTS = {
    "rank": "s.rank",
    "risk": "s.risk",
    "value": "s.value_at_risk",
    "name": "u.name",
    "segment": "s.segment",
    "last_active": "s.last_active_at",
    "reason": "s.reason_group",
}
"""Sort key -> SQL; every order ends with the rank, so that it is total."""

SCORES = (
    "FROM score s JOIN scoring_run r USING (scoring_run_id) "
    "LEFT JOIN behaviour.users u ON u.user_id = s.user_id WHERE s.scoring_run_id = ?"
)

ROW_COLUMNS = (
    "s.rank, s.user_id, coalesce(u.name, ''), s.risk, s.band, s.value_at_risk, s.segment, "
    "s.last_active_at, s.reason_group, s.reason_zh, s.reason_en, "
    "(SELECT max(coalesce(m.sent_at, i.imported_sent_at)) FROM intervention i "
    "LEFT JOIN intervention_sent m USING (intervention_id) WHERE i.user_id = s.user_id)"
)


def risk_row(record: Sequence[Any]) -> RiskRow:
    """A row of `ROW_COLUMNS`."""
    return RiskRow(
        rank=record[0],
        user_id=record[1],
        name=record[2],
        risk=record[3],
        band=Band(record[4]),
        value_at_risk=record[5],
        segment=record[6],
        last_active_at=record[7],
        reason_group=record[8],
        reason=Words(record[9], record[10]),
        last_contact_at=record[11],
    )


def order_of(query: RankQuery) -> str:
    """The ORDER BY of a view; raises `UsageError` for an unknown sort key."""
    if query.sort not in SORTS:
        raise UsageError(
            "sort_key",
            f"{query.sort!r} is not a sort key",
            why=f"Sort keys are {', '.join(SORTS)}",
        )
    return f"{SORTS[query.sort]} {'DESC' if query.descending else 'ASC'} NULLS LAST, s.rank"


class Ranking:
    """Reads the newest scoring run of a workspace."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._views: OrderedDict[tuple[str, RankQuery], NDArray[np.int64]] = OrderedDict()

    def latest(self) -> ScoringRun | None:
        """The newest scoring run; None before the first."""
        if not self._places.ledger.exists():
            return None
        with lease(self._places.ledger) as connection:
            return run_of(connection)

    def check_filter(self, text: str) -> None:
        """Raise `UsageError` when `text` is no filter."""
        compile_filter(text)

    def page(self, query: RankQuery, start: int, count: int) -> RankPage:
        """`count` rows of the view `query` from position `start` (0 = first).

        Raises `StateError` when nothing is scored yet.
        """
        if not self._places.ledger.exists():
            raise not_scored()
        with lease(self._places.ledger, attach={"behaviour": self._places.behaviour}) as connection:
            run = run_of(connection)
            if run is None:
                raise not_scored()
            ranks = self._ranks(connection, run, query)
            rows = self._rows(connection, run, ranks[start : start + count])
        return RankPage(rows, start, len(ranks), run.scoring_run_id, run.cutoff, run.model_id)

    def _ranks(
        self, connection: duckdb.DuckDBPyConnection, run: ScoringRun, query: RankQuery
    ) -> NDArray[np.int64]:
        key = (run.scoring_run_id, query)
        if key in self._views:
            self._views.move_to_end(key)
            return self._views[key]
        ranks = self._select_ranks(connection, run, query)
        self._views[key] = ranks
        while len(self._views) > VIEWS_KEPT:
            self._views.popitem(last=False)
        return ranks

    @staticmethod
    def _select_ranks(
        connection: duckdb.DuckDBPyConnection, run: ScoringRun, query: RankQuery
    ) -> NDArray[np.int64]:
        order = order_of(query)
        if query == RankQuery():
            return np.arange(1, run.users + 1, dtype=np.int64)
        condition = compile_filter(query.filter)
        found = connection.execute(
            f"SELECT s.rank {SCORES} AND {condition.sql} ORDER BY {order}",
            [run.scoring_run_id, *condition.parameters],
        ).fetchnumpy()
        return np.asarray(found["rank"], dtype=np.int64)

    @staticmethod
    def _rows(
        connection: duckdb.DuckDBPyConnection, run: ScoringRun, ranks: NDArray[np.int64]
    ) -> tuple[RiskRow, ...]:
        if len(ranks) == 0:
            return ()
        found = connection.execute(
            f"SELECT {ROW_COLUMNS} {SCORES} AND s.rank IN (SELECT unnest(?))",
            [run.scoring_run_id, ranks.tolist()],
        ).fetchall()
        by_rank = {record[0]: risk_row(record) for record in found}
        return tuple(by_rank[rank] for rank in ranks.tolist())


def not_scored() -> StateError:
    """Nothing to rank yet."""
    return StateError(
        "not_scored",
        "No users have been scored yet in this workspace",
        next_step="Run `retention train` and `retention score`, or press R on the models screen",
    )

"""A scoring run: the same whatever the chunks, and whole or not at all."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from engine.places import Places
from engine.scoring import score
from engine.settings import load_settings
from engine.store.lease import lease
from engine.types import ScoringRun

pytestmark = pytest.mark.slow

NOW = datetime(2026, 5, 1, 8, 30)


@pytest.fixture
def unscored(workspace_copy: Path) -> Places:
    """The sample with its model and without a scoring run."""
    places = Places(workspace_copy)
    with lease(places.ledger, write=True) as connection:
        connection.execute("DELETE FROM score")
        connection.execute("DELETE FROM scoring_run")
    return places


def _scored(places: Places, chunk_rows: int, steps: list[float] | None = None) -> ScoringRun:
    return score(
        places,
        load_settings(places.folder),
        as_of=None,
        now=NOW,
        progress=lambda stage, done: (steps if steps is not None else []).append(done),
        chunk_rows=chunk_rows,
    )


def _rows(places: Places, table: str) -> list[tuple[object, ...]]:
    with lease(places.ledger) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def test_the_size_of_the_chunks_does_not_matter(unscored: Places, tmp_path: Path) -> None:
    other = Places(Path(shutil.copytree(unscored.folder, tmp_path / "other")))
    whole = _scored(unscored, 100_000)
    steps: list[float] = []
    parts = _scored(other, 97, steps)
    assert whole.users > 3 * 97
    assert whole == parts
    assert _rows(unscored, "score") == _rows(other, "score")
    assert steps == sorted(steps)
    assert len(steps) > whole.users / 97
    assert steps[-1] == 1.0


def test_ranks_are_rows_in_order_of_value_at_risk(unscored: Places) -> None:
    run = _scored(unscored, 200)
    with lease(unscored.ledger) as connection:
        rows = connection.execute(
            "SELECT rank, value_at_risk, risk, user_id FROM score ORDER BY rowid"
        ).fetchall()
    assert [rank for rank, *_ in rows] == list(range(1, run.users + 1))
    assert rows == sorted(rows, key=lambda row: (-row[1], -row[2], row[3]))
    assert sum(row[1] for row in rows) == pytest.approx(run.value_at_risk)


def test_a_run_that_stops_half_way_leaves_nothing(unscored: Places) -> None:
    before = sorted(file.name for file in unscored.folder.iterdir())

    def stop(stage: str, done: float) -> None:
        if done > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(
            unscored,
            load_settings(unscored.folder),
            as_of=None,
            now=NOW,
            progress=stop,
            chunk_rows=97,
        )
    assert _rows(unscored, "score") == _rows(unscored, "scoring_run") == []
    assert sorted(file.name for file in unscored.folder.iterdir()) == before
    assert _scored(unscored, 97).users == len(_rows(unscored, "score"))

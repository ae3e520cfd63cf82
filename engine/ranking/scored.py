"""One user as the newest scoring run has him, or the words for why it does not."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import UsageError
from engine.places import Places
from engine.ranking.pages import not_scored
from engine.scoring import run_of
from engine.store.lease import lease
from engine.types import ScoringRun


@dataclass(frozen=True, slots=True)
class ScoredUser:
    run: ScoringRun
    user_id: str
    name: str
    risk: float


def scored_user(places: Places, user_id: str) -> ScoredUser:
    """`user_id` in the newest scoring run.

    Raises `StateError` before the first run and `UsageError` when nobody has this id or the user
    was not eligible.
    """
    if not places.ledger.exists():
        raise not_scored()
    with lease(places.ledger, attach={"behaviour": places.behaviour}) as connection:
        run = run_of(connection)
        if run is None:
            raise not_scored()
        person = connection.execute(
            "SELECT coalesce(name, '') FROM behaviour.users WHERE user_id = ?", [user_id]
        ).fetchone()
        score = connection.execute(
            "SELECT risk FROM score WHERE scoring_run_id = ? AND user_id = ?",
            [run.scoring_run_id, user_id],
        ).fetchone()
    if person is None:
        raise UsageError(
            "unknown_user",
            f"There is no user {user_id!r} in this workspace",
            next_step="Look the id up with `retention rank --filter NAME`",
        )
    if score is None:
        raise UsageError(
            "not_eligible",
            f"{user_id!r} was not eligible in the newest scoring run: no risk is known",
            next_step="`retention rank` lists the users that have one",
        )
    return ScoredUser(run, user_id, str(person[0]), float(score[0]))

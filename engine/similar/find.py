"""The users of the past who were most like one user: who stayed, who left, and what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.data.summary import churn_rule, fingerprint, summary
from engine.errors import DataError, StateError
from engine.explain.words import written
from engine.features.available import available
from engine.features.catalogue import FeatureSpec, specs_named
from engine.features.frame import FeatureFrame, no_sequences
from engine.features.snapshots import FeatureTable, workspace_snapshots
from engine.monitor.importance import column_importance
from engine.outreach.log import contacts_of_users
from engine.places import Places
from engine.ranking.scored import scored_user
from engine.registry import Registry
from engine.settings import Settings
from engine.similar.past import PastUsers, kept_table, past_users
from engine.similar.report import SimilarReport, SimilarUser
from engine.similar.space import Space, space
from engine.store.lease import lease
from engine.timeline import ChurnRule
from engine.types import InterventionRow, ScoringRun, Words

if TYPE_CHECKING:
    import duckdb

    from engine.models.blend import RiskModel

EACH = 3
"""Users shown who stayed, and who left."""

NEAREST = 100
"""Of whom is said how many left."""

FEWEST_OF_SEGMENT = 200
"""Rows of the past: a smaller segment is compared with everyone."""

ALIKE = 2
UNUSUAL = 0.2
"""How far from the middle rank (0.5) a value must lie to be worth a word."""

NOTABLE = 0.2
"""How far two ranks must lie apart for the users to differ in a column."""

PAIRS = 512
"""Pairs of rows whose middle distance is the yardstick."""

_CLOSENESS = (
    (0.35, Words("非常相似", "very similar")),
    (0.6, Words("相似", "similar")),
    (0.85, Words("有些相似", "somewhat similar")),
)
_FAR = Words("几乎不相似：过去没有更像的用户", "hardly similar: nobody of the past is more so")


@dataclass(frozen=True)
class _Scene:
    """What every user's answer shares, for one scoring run and one state of the data."""

    key: tuple[str, str]  # scoring run, fingerprint of the data
    rule: ChurnRule
    specs: tuple[FeatureSpec, ...]
    now: FeatureTable
    past: PastUsers
    space: Space
    usual: float  # middle distance between two rows of the past
    currency: str


class Similar:
    """Looks among labelled users of past cutoffs; the first answer reads them, then they are kept.

    Only what was known at each cutoff is compared, and only labels closed at the run's cutoff.
    """

    def __init__(self, places: Places, settings: Settings) -> None:
        self._places = places
        self._settings = settings
        self._scene: _Scene | None = None

    def to(self, user_id: str) -> SimilarReport:
        """The nearest users of the past to `user_id` as he stands in the newest scoring run.

        Raises `UsageError` when nobody has this id or he is not in the run, `StateError` before the
        first run, where the data have no time axis and where no snapshot of the past is kept.
        """
        asked = scored_user(self._places, user_id)
        run = asked.run
        scene = self._scene_of(run)
        own = np.flatnonzero(scene.now.user_ids == user_id)
        if not len(own):
            raise _data_changed(user_id)
        row = int(own[0])
        values, segment = scene.now.values[row], str(scene.now.segments[row])
        ranks = scene.space.placed(values)
        rows = _comparable(scene.past, user_id, segment)
        apart = scene.space.differences(ranks, rows)
        distance = apart.sum(axis=1)
        order = _nearest_first(scene.past, rows, distance)
        shown = _shown(scene.past, rows, order)
        users = sorted({str(scene.past.user_ids[rows[one]]) for one in shown})
        with lease(self._places.behaviour) as connection:
            names = _names(connection, users)
        contacts = contacts_of_users(self._places.ledger, users)
        found = [
            self._told(scene, rows[one], float(distance[one]), apart[one], ranks, values, names,
                       contacts)
            for one in shown
        ]  # fmt: skip
        nearest = order[:NEAREST]
        return SimilarReport(
            user_id=user_id,
            name=asked.name,
            segment=segment,
            cutoff=run.cutoff,
            compared=len(rows),
            past=scene.past.cutoffs,
            nearest=len(nearest),
            nearest_left=int(scene.past.left[rows[nearest]].sum()),
            stayed=tuple(one for one in found if not one.left),
            left=tuple(one for one in found if one.left),
        )

    def _scene_of(self, run: ScoringRun) -> _Scene:
        with lease(self._places.behaviour) as connection:
            key = (run.scoring_run_id, fingerprint(connection))
        if self._scene is not None and self._scene.key == key:
            return self._scene
        # Outside the lease: a model's libraries take seconds to import, its weights one to find.
        model = _dated_model(self._places, run)
        snapshots = workspace_snapshots(self._places, self._settings)
        with lease(self._places.behaviour) as connection:
            rule, facts = churn_rule(connection), available(connection)
            now = kept_table(connection, rule, run.cutoff, model.columns, facts, snapshots)
            past = past_users(connection, rule, run.cutoff, model.columns, facts, snapshots)
            loaded = summary(connection)
        if now is None or past is None:
            raise StateError(
                "no_snapshots",
                "No features of past cutoffs are kept for the data that are loaded now",
                why="Similar users are looked for in what trainings and scoring runs leave in the "
                "folder features/; `feature_cache_mb = 0` keeps none",
                next_step="Run `retention train` and `retention score`",
            )
        weighed = column_importance(model, _plain_frame(past, model.columns), seed=0)
        found = space(past.values, weighed)
        assert loaded is not None  # `fingerprint` has found it
        self._scene = _Scene(
            key,
            rule,
            specs_named(model.columns),
            now,
            past,
            found,
            _usual_distance(found),
            loaded.currency,
        )
        return self._scene

    def _told(
        self,
        scene: _Scene,
        row: np.int64,
        distance: float,
        apart: NDArray[np.float32],
        ranks: NDArray[np.float32],
        values: NDArray[np.float32],
        names: dict[str, str],
        contacts: dict[str, tuple[InterventionRow, ...]],
    ) -> SimilarUser:
        past = scene.past
        user_id, cutoff = str(past.user_ids[row]), past.cutoffs[int(past.cutoff[row])]
        share = distance / scene.usual if scene.usual else 0.0
        alike, unlike = _stand_out(scene, row, apart, ranks, values)
        return SimilarUser(
            user_id=user_id,
            name=names.get(user_id, ""),
            cutoff=cutoff,
            left=bool(past.left[row]),
            distance=share,
            closeness=next((words for most, words in _CLOSENESS if share <= most), _FAR),
            alike=alike,
            unlike=unlike,
            contacts=tuple(
                contact
                for contact in contacts.get(user_id, ())
                if cutoff <= contact.decided_at < scene.rule.window(cutoff)[1]
            ),
        )


def _dated_model(places: Places, run: ScoringRun) -> RiskModel:
    """The model of `run`; raises `StateError` for one of a table without a time axis."""
    from engine.models.blend import RiskModel

    model = Registry(places.models, places.ledger).load(run.model_id)
    if not isinstance(model, RiskModel):
        raise StateError(
            "no_past",
            "The data of this workspace have no time axis: there are no past cutoffs",
            next_step="`retention why USER` compares with users who stayed",
        )
    return model


def _comparable(past: PastUsers, user_id: str, segment: str) -> NDArray[np.int64]:
    """Rows of the past of other users: of the segment, where it is large enough."""
    others = past.user_ids != user_id
    own = np.flatnonzero(others & (past.segments == segment))
    return own if len(own) >= FEWEST_OF_SEGMENT else np.flatnonzero(others)


def _nearest_first(
    past: PastUsers, rows: NDArray[np.int64], distance: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Places in `rows`, nearest first, each user once: as he was when he was nearest."""
    users = past.user_ids[rows].astype(str)
    order = np.lexsort((past.cutoff[rows], users, distance))
    _, first = np.unique(users[order], return_index=True)
    return np.asarray(order[np.sort(first)], np.int64)


def _shown(past: PastUsers, rows: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    left = past.left[rows[order]]
    return np.concatenate([order[~left][:EACH], order[left][:EACH]])


def _usual_distance(found: Space) -> float:
    """The middle distance between two rows: each with one half the table away."""
    users = len(found.ranks)
    first = np.unique(np.linspace(0, users - 1, min(users, PAIRS)).astype(np.int64))
    apart = [
        float(found.differences(found.ranks[one], np.array([(one + users // 2) % users])).sum())
        for one in first
    ]
    return float(np.median(apart))


def _stand_out(
    scene: _Scene,
    row: np.int64,
    apart: NDArray[np.float32],
    ranks: NDArray[np.float32],
    values: NDArray[np.float32],
) -> tuple[tuple[Words, ...], Words | None]:
    """What is unusual about both users, one column a group, and where they differ most."""
    theirs = scene.space.ranks[row]
    own_side, their_side = ranks - 0.5, theirs - 0.5
    shared = np.minimum(np.abs(own_side), np.abs(their_side))
    together = (
        (own_side * their_side > 0) & (shared >= UNUSUAL) & (np.abs(ranks - theirs) < NOTABLE)
    )
    score = np.where(together, shared * scene.space.weight, 0.0)
    alike: dict[str, Words] = {}
    for place in np.argsort(-score, kind="stable"):
        if score[place] <= 0 or len(alike) == ALIKE:
            break
        spec, own, other = _column(scene, int(place), row, values)
        if spec.group not in alike:
            alike[spec.group] = _beside(spec, own, other, scene.currency)
    unlike = None
    most = int(np.argmax(apart)) if len(apart) else 0
    if len(apart) and apart[most] >= NOTABLE * scene.space.weight[most]:
        spec, own, other = _column(scene, most, row, values)
        unlike = _beside(spec, own, other, scene.currency)
    return tuple(alike.values()), unlike


def _column(
    scene: _Scene, place: int, row: np.int64, values: NDArray[np.float32]
) -> tuple[FeatureSpec, float, float]:
    column = int(scene.space.columns[place])
    return scene.specs[column], float(values[column]), float(scene.past.values[row, column])


def _beside(spec: FeatureSpec, own: float, other: float, currency: str) -> Words:
    """The column's name with the neighbour's value and, in brackets, the user's own."""
    zh, en = (
        (written(other, spec.unit, one, currency), written(own, spec.unit, one, currency))
        for one in ("zh", "en")
    )
    return Words(
        f"{spec.label.zh}：{zh[0]}（该用户 {zh[1]}）",
        f"{spec.label.en}: {en[0]} (this user: {en[1]})",
    )


def _plain_frame(past: PastUsers, columns: tuple[str, ...]) -> FeatureFrame:
    cutoffs = np.array([np.datetime64(cutoff, "s") for cutoff in past.cutoffs])
    return FeatureFrame(
        past.user_ids,
        cutoffs[past.cutoff],
        past.segments,
        columns,
        past.values,
        no_sequences(len(past)),
    )


def _names(connection: duckdb.DuckDBPyConnection, user_ids: Sequence[str]) -> dict[str, str]:
    return dict(
        connection.execute(
            "SELECT user_id, coalesce(name, '') FROM users "
            "WHERE user_id IN (SELECT unnest(CAST(? AS VARCHAR[])))",
            [list(user_ids)],
        ).fetchall()
    )


def _data_changed(user_id: str) -> DataError:
    return DataError(
        "data_changed",
        f"{user_id!r} is not eligible by the data that are loaded now",
        next_step="Run `retention score` to score the present users",
    )

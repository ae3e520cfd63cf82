"""What the present is compared with: rows of past cutoffs, and what came true at mature ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.base_rate import prior_shift_at
from engine.data.summary import nothing_loaded, summary
from engine.effects.honest_labels import honest_labels
from engine.features.available import available
from engine.features.build import build_labelled, frame_at
from engine.features.catalogue import specs_named
from engine.features.frame import FeatureFrame, LabelledFrame
from engine.features.snapshots import workspace_snapshots
from engine.models.calibration import sigmoid
from engine.outreach.log import contacts
from engine.places import Places
from engine.settings import Settings
from engine.timeline import ChurnRule
from engine.types import ModelCard

if TYPE_CHECKING:
    import duckdb

    from engine.models.blend import RiskModel

COMPARED_ROWS = 3_000
"""Of every cutoff: what more rows would tell of drift is smaller than what months do."""
JUDGED_ROWS = 5_000
"""Of every cutoff whose labels are looked at."""
UNSEEN_CUTOFFS = 6
"""The newest mature cutoffs that the model did not learn from."""


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """The cutoffs before the present one, ascending."""

    learnt: tuple[datetime, ...]  # fitted or stopped on
    calibrate: tuple[datetime, ...]
    unseen: tuple[datetime, ...]

    @property
    def compared(self) -> tuple[datetime, ...]:
        """All of them."""
        return tuple(sorted({*self.learnt, *self.calibrate, *self.unseen}))

    @property
    def honest(self) -> tuple[datetime, ...]:
        """Those whose risks are not those of rows learnt by heart."""
        return tuple(sorted({*self.calibrate, *self.unseen}))


def past_cutoffs(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    rule: ChurnRule,
    model: RiskModel,
    card: ModelCard,
    until: datetime,
) -> Cutoffs:
    """The cutoffs of the model's training, and those that have matured since, before `until`."""
    loaded = summary(connection)
    if loaded is None:
        raise nothing_loaded()
    phases = {
        phase: [datetime.fromisoformat(text) for text in texts]
        for phase, texts in model.metadata.get("cutoffs", {}).items()
    }
    unseen = list(card.test.cutoffs)
    if rule.kind != "label":  # which speaks of given dates only
        step = timedelta(days=settings.training.cutoff_every_days)
        while rule.mature(unseen[-1] + step, loaded.as_of):
            unseen.append(unseen[-1] + step)
    return Cutoffs(
        *(
            tuple(cutoff for cutoff in sorted(found) if cutoff < until)
            for found in (
                [*phases.get("train", ()), *phases.get("validate", ())],
                phases.get("calibrate", ()),
                unseen[-UNSEEN_CUTOFFS:],
            )
        )
    )


def past_values(
    connection: duckdb.DuckDBPyConnection,
    places: Places,
    settings: Settings,
    rule: ChurnRule,
    columns: tuple[str, ...],
    cutoffs: Cutoffs,
) -> dict[datetime, FeatureFrame]:
    """Rows without events and messages at each compared cutoff, `COMPARED_ROWS` at most."""
    frames = {}
    facts, specs = available(connection), specs_named(columns)
    snapshots = workspace_snapshots(places, settings)
    for place, cutoff in enumerate(cutoffs.compared):
        frame = frame_at(
            connection,
            rule,
            cutoff,
            specs,
            facts,
            sequences=False,
            messages=False,
            snapshots=snapshots,
        )
        if len(frame):
            frames[cutoff] = frame.take(
                _some(len(frame), COMPARED_ROWS, settings.training.seed + place)
            )
    return frames


def judged_rows(
    connection: duckdb.DuckDBPyConnection,
    places: Places,
    settings: Settings,
    rule: ChurnRule,
    model: RiskModel,
    cutoffs: Cutoffs,
) -> dict[datetime, LabelledFrame]:
    """Labelled rows at the calibration and unseen cutoffs, treated users left out."""
    found = build_labelled(
        connection,
        rule,
        cutoffs.honest,
        columns=model.columns,
        sequences=model.reads_sequences,
        messages=model.reads_messages,
        snapshots=workspace_snapshots(places, settings),
    )
    log = contacts(places.ledger)
    kept = {}
    for place, (cutoff, rows) in enumerate(found.items()):
        honest = honest_labels(rows.frame.user_ids, cutoff, log, rule.lead + rule.horizon)
        weighed = replace(rows, weight=honest.weight.astype(np.float32))
        usable = weighed.take(honest.training_mask)
        if len(usable):
            kept[cutoff] = usable.take(
                _some(len(usable), JUDGED_ROWS, settings.training.seed + place)
            )
    return kept


def _some(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def served_risks(
    connection: duckdb.DuckDBPyConnection,
    places: Places,
    settings: Settings,
    rule: ChurnRule,
    model: RiskModel,
    rows: Mapping[datetime, LabelledFrame],
) -> dict[datetime, NDArray[np.float64]]:
    """The risk of the rows at each cutoff, as it would have been served then."""
    log = contacts(places.ledger)
    said = {}
    for cutoff, part in rows.items():
        moved = None
        if settings.risk.follow_base_rate:
            moved = prior_shift_at(connection, rule, cutoff, model, log)
        log_odds = model.predict(part.frame).log_odds
        said[cutoff] = sigmoid(log_odds + (0.0 if moved is None else moved.shift))
    return said

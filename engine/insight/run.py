"""The rows that a model of a workspace is looked at on, and the look."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from engine.data.summary import nothing_loaded, summary
from engine.features.attributes.served import attributes_of
from engine.features.attributes.words import attribute_specs
from engine.features.catalogue import specs_named
from engine.features.spec import FeatureSpec
from engine.insight.measure import Judged, measure
from engine.insight.report import Insight
from engine.models.cross_fit import ServedModel
from engine.monitor.groups import read_groups
from engine.phases import rejudged_rows
from engine.places import Places
from engine.registry import Registry
from engine.served import other_columns, served, with_columns
from engine.settings import Settings
from engine.store.lease import lease
from engine.timeless import rows_of, without_time
from engine.types import ModelCard

MOST_JUDGED = 40_000
"""Rows for the segments: of more, an interval grows no narrower than what matters."""


def measured(places: Places, settings: Settings, card: ModelCard, *, now: datetime) -> Insight:
    """What is known of the model of `card`, on its test cutoffs as they are in the data of today.

    Raises `ModelError` where the loaded data do not have the model's columns.
    """
    with lease(places.behaviour) as connection:
        loaded = summary(connection)
    if loaded is None:
        raise nothing_loaded()
    model = Registry(places.models, places.ledger).load(card.model_id)
    judged, specs = _judged(places, settings, model, card)
    return measure(
        model,
        judged,
        specs,
        model_id=card.model_id,
        bands=settings.risk,
        currency=loaded.currency,
        seed=settings.training.seed,
        made_at=now,
    )


def _judged(
    places: Places, settings: Settings, model: ServedModel, card: ModelCard
) -> tuple[Judged, tuple[FeatureSpec, ...]]:
    if without_time(places):
        rows, as_of = rows_of(places, model.metadata)
        with lease(places.behaviour) as connection:
            groups = read_groups(connection, as_of)
        specs = attribute_specs(attributes_of(model.metadata))
        return Judged(rows, model.predict(rows.frame).risk, groups, (as_of,)), specs
    test, groups = rejudged_rows(places, settings, card.test.cutoffs)
    said, rows = served(model, test), test.rows
    frame = with_columns(rows.frame, model.columns)
    if said is None or frame is None:
        raise other_columns(card.model_id)
    rng = np.random.default_rng(settings.training.seed)
    some = np.sort(rng.permutation(len(rows))[:MOST_JUDGED])
    rows = replace(rows, frame=frame).take(some)
    judged = Judged(rows, said.risk[some], groups, card.test.cutoffs)
    return judged, specs_named(model.columns)

"""The rows of a training run: checked, joined, described."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.features.frame import LabelledFrame, Sequences, code_dtype, concatenate
from engine.features.times import Censored
from engine.models.base import check_columns


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Rows by their part in training; every part lies later in time than the one before.

    `train` fits, `validate` stops early, `calibrate` calibrates and chooses. `test` is for the
    caller's report: training does not read it. `censored` teaches a hazard only.
    """

    train: LabelledFrame
    validate: LabelledFrame
    calibrate: LabelledFrame
    test: LabelledFrame
    censored: Censored | None = None


def check_rows(data: TrainingData) -> None:
    """Raise `DataError` unless the parts can train a model: rows, both classes, same columns."""
    columns = data.train.frame.columns
    if not columns:
        raise DataError(
            "no_columns",
            "The training rows have no feature columns",
            next_step="Check that the mapping loads events, payments or subscriptions",
        )
    for part in (data.validate, data.calibrate):
        check_columns("in training", columns, part.frame.columns)
    used = data.train.weight > 0
    label = data.train.label[used]
    for name, rows in (("training", data.train), ("calibration", data.calibrate)):
        if not np.isin(rows.label, (0.0, 1.0)).all():
            raise DataError(
                "label_not_binary",
                f"A {name} row has a label that is neither 0 nor 1",
                why="1 stands for churned, 0 for retained",
            )
        if not (np.isfinite(rows.weight) & (rows.weight >= 0)).all():
            raise DataError(
                "weight_not_valid",
                f"A {name} row has a weight that is negative or not finite",
            )
    if not len(label):
        raise DataError(
            "no_training_rows",
            "No training row is left",
            why="No user was eligible at the training cutoffs",
            next_step="Load a longer history, or widen `active_within_days` of the churn rule",
        )
    if len(np.unique(label)) < 2:
        what = "churned" if label[0] > 0.5 else "stayed"
        raise DataError(
            "single_class",
            f"All {len(label):,} training rows have users who {what}",
            why="A model needs users who left and users who stayed",
            next_step="Check the churn rule of the mapping: kind, horizon and lead",
        )


def join(first: LabelledFrame, second: LabelledFrame) -> LabelledFrame:
    """The rows of both, in that order; of different builds, their events are brought together.

    Raises `ModelError` when the columns differ.
    """
    a, b = first.frame, second.frame
    check_columns("in training", a.columns, b.columns)
    if a.sequences.kind is not b.sequences.kind:
        one, other = _one_array(a.sequences, b.sequences)
        first = replace(first, frame=replace(a, sequences=one))
        second = replace(second, frame=replace(b, sequences=other))
    return concatenate([first, second])


def _one_array(a: Sequences, b: Sequences) -> tuple[Sequences, Sequences]:
    """Both sequences over one flat array of events, the events of `b` behind those of `a`."""
    kinds, kind = _join_names(a.kinds, b.kinds)
    topics, topic = _join_names(a.topics, b.topics)
    both = replace(
        a,
        kind=np.concatenate([a.kind.astype(kind.dtype), kind[b.kind]]),
        topic=np.concatenate([a.topic.astype(topic.dtype), topic[b.topic]]),
        value=np.concatenate([a.value, b.value]),
        occurred_s=np.concatenate([a.occurred_s, b.occurred_s]),
        kinds=kinds,
        topics=topics,
    )
    behind = len(a.kind)
    return both, replace(both, start=b.start + behind, stop=b.stop + behind)


def _join_names(
    a: tuple[str, ...], b: tuple[str, ...]
) -> tuple[tuple[str, ...], NDArray[np.unsignedinteger[Any]]]:
    """The names of both, and the new index of every name of `b`."""
    names = (*a, *(name for name in b if name not in set(a)))
    index = {name: position for position, name in enumerate(names)}
    return names, np.array([index[name] for name in b], code_dtype(len(names)))

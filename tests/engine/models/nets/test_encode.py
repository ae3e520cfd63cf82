from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from engine.features.frame import FeatureFrame, LabelledFrame, Sequences
from engine.models.nets.encode import (
    UNKNOWN,
    EventEmbedding,
    EventEncoder,
    EventReader,
    Vocabulary,
    used_events,
)

Rows = Callable[..., LabelledFrame]


def _frame(start: list[int], stop: list[int], occurred_s: list[float]) -> FeatureFrame:
    events, rows = len(occurred_s), len(start)
    return FeatureFrame(
        np.array([f"u{i}" for i in range(rows)], object),
        np.full(rows, np.datetime64("1970-01-11", "s")),
        np.array(["a"] * rows, object),
        ("c",),
        np.zeros((rows, 1), np.float32),
        Sequences(
            np.arange(events, dtype=np.int32) % 2,
            np.zeros(events, np.int32),
            np.ones(events, np.float32),
            np.array(occurred_s),
            np.array(start, np.int64),
            np.array(stop, np.int64),
            ("opened", "finished"),
            ("",),
        ),
    )


def test_vocabulary_keeps_the_frequent_and_maps_the_rest_to_unknown() -> None:
    index = np.array([0, 0, 1, 2, 2, 2], np.int32)
    vocabulary = Vocabulary.fit(index, ("b", "rare", "a"), at_least=2, at_most=10)
    assert vocabulary.names == ("a", "b")
    assert vocabulary.rows(("a", "new", "b")).tolist() == [1, UNKNOWN, 2]
    assert Vocabulary.fit(index, ("b", "rare", "a"), at_least=1, at_most=1).names == ("a",)


def test_only_events_that_rows_own_are_used() -> None:
    sequences = _frame([1, 2, 4], [3, 4, 4], [0.0] * 6).sequences
    assert used_events(sequences).tolist() == [False, True, True, True, False, False]


def test_vocabulary_does_not_see_events_after_the_training_rows() -> None:
    frame = _frame([0], [1], [0.0, 0.0, 0.0])  # the two later events belong to the future
    encoder = EventEncoder.fit(frame, max_events=8, at_least=1)
    assert encoder.kinds.names == ("opened",)


def test_channels_measure_gaps_and_ages_in_days() -> None:
    day = 86_400.0
    frame = _frame([0, 1], [3, 3], [0.0, day, 4 * day])
    encoder = EventEncoder.fit(frame, max_events=8, at_least=1)
    batch = EventReader(encoder, frame).batch(np.array([0, 1]))
    assert batch.length.tolist() == [3, 2]
    assert batch.channels[0, :, 1].tolist() == pytest.approx(np.log1p([0, 1, 3]))
    assert batch.channels[0, :, 2].tolist() == pytest.approx(np.log1p([10, 9, 6]))
    # The second row starts at the second event: what came before is not its own.
    assert batch.channels[1, :2, 1].tolist() == pytest.approx(np.log1p([0, 3]))
    assert (batch.channels[1, 2] == 0).all()


def test_weekday_begins_on_monday() -> None:
    monday = 4 * 86_400.0  # 1970-01-05
    frame = _frame([0], [1], [monday])
    encoder = EventEncoder.fit(frame, max_events=8, at_least=1)
    channels = EventReader(encoder, frame).batch(np.array([0])).channels
    assert channels[0, 0, 3:].tolist() == pytest.approx([0, 1, 0, 1])


def test_only_the_last_events_are_read() -> None:
    frame = _frame([0], [5], [float(i) for i in range(5)])
    encoder = EventEncoder.fit(frame, max_events=2, at_least=1)
    reader = EventReader(encoder, frame)
    assert reader.length.tolist() == [2]
    assert reader.start.tolist() == [3]


def test_batches_cover_every_row_once_and_sort_by_length(planted: Rows) -> None:
    frame = planted(100, seed=1).frame
    reader = EventReader(EventEncoder.fit(frame, max_events=16), frame)
    rows = np.concatenate(list(reader.by_length(32)))
    assert np.array_equal(np.sort(rows), np.arange(100))
    assert (np.diff(reader.length[rows]) >= 0).all()


def test_no_event_at_all() -> None:
    frame = _frame([0, 0], [0, 0], [])
    encoder = EventEncoder.fit(frame, max_events=8)
    batch = EventReader(encoder, frame).batch(np.array([0, 1]))
    assert batch.length.tolist() == [0, 0]
    assert torch.isfinite(batch.channels).all()


def test_names_are_forgotten_in_training_only() -> None:
    embedding = EventEmbedding(3, 3, kind_width=4, topic_width=4, to_unknown=1.0)
    index = torch.ones(2, 5, dtype=torch.int64)
    assert (embedding.train()._forget(index) == UNKNOWN).all()
    assert (embedding.eval()._forget(index) == 1).all()

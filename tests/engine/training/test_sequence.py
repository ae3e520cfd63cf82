"""A training with a pretrained vector: it is used where it helps, left where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.errors import DataError
from engine.explain.attribute import attribute
from engine.features.frame import LabelledFrame
from engine.models.nets.config import NetConfig
from engine.models.nets.sequence_vector import EncoderConfig, SequenceVector
from engine.models.trees import TreeConfig
from engine.training.challenger import TrainingConfig, TrainingData, train_challenger
from engine.training.fit import FitConfig

pytestmark = pytest.mark.slow

Rows = Callable[..., LabelledFrame]

SMALL = TrainingConfig(
    seed=3,
    threads=1,
    max_epochs=1,
    net=NetConfig(hidden=4, layer=8),
    fit=FitConfig(least_steps=5),
    trees=TreeConfig(max_trees=40),
)


def _data(planted: Rows, sequence: float) -> TrainingData:
    return TrainingData(
        *(
            planted(600, seed=seed, cutoff=f"2026-0{seed}-01", sequence=sequence)
            for seed in (1, 2, 3, 4)
        )
    )


def _vector(data: TrainingData) -> SequenceVector:
    """Drawn, not learnt: the mean of its states tells the share of each kind well enough."""
    torch.manual_seed(1)
    return SequenceVector.build(data.train.frame, EncoderConfig(hidden=16, width=8))


def test_a_vector_that_tells_more_is_read_by_the_blend(planted: Rows) -> None:
    data = _data(planted, sequence=8.0)
    challenger = train_challenger(data, replace(SMALL, vector=_vector(data)))
    assert challenger.vector is not None
    assert challenger.vector.wins
    assert challenger.blend is not None
    kinds = [part.kind for part in challenger.blend.components]
    assert kinds == ["churn_net", "sequence_trees"]
    assert "sequence_trees" in challenger.singles
    groups = dict.fromkeys(data.test.frame.columns, "numbers")
    some = data.test.frame.take(np.arange(20))
    found = attribute(challenger.singles["sequence_trees"], some, groups)
    np.testing.assert_allclose(found.remainder, 0, atol=1e-6)
    strength = np.abs(found.contributions).mean(axis=0)
    assert strength[list(found.groups).index("sequence")] > 0.1


def test_a_vector_that_tells_nothing_is_left(planted: Rows) -> None:
    data = _data(planted, sequence=0.0)
    with_vector = train_challenger(data, replace(SMALL, vector=_vector(data)))
    without = train_challenger(data, SMALL)
    assert with_vector.vector is not None
    assert not with_vector.vector.wins
    assert without.vector is None
    assert set(with_vector.singles) == set(without.singles)
    np.testing.assert_array_equal(
        with_vector.model.predict(data.test.frame).risk, without.model.predict(data.test.frame).risk
    )


def test_the_model_that_was_asked_for_reads_it_all_the_same(planted: Rows) -> None:
    data = _data(planted, sequence=0.0)
    asked = replace(SMALL, model="sequence_trees")
    challenger = train_challenger(data, replace(asked, vector=_vector(data)))
    assert challenger.model.kind == "sequence_trees"
    assert challenger.model.reads_sequences
    with pytest.raises(DataError, match="too few histories"):
        train_challenger(data, asked)

"""Trees that read a frozen vector: kept whole, explained to the last bit, chosen only if better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.explain.attribute import attribute
from engine.features.frame import LabelledFrame
from engine.models.blend import RiskModel
from engine.models.calibration import Calibration
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.config import NetConfig
from engine.models.nets.sequence_vector import EncoderConfig, SequenceVector
from engine.models.panel import draw_panel
from engine.models.sequence_trees import SequenceTrees
from engine.models.trees import TreeConfig
from engine.training.trial import partner_trial

Rows = Callable[..., LabelledFrame]
SMALL = EncoderConfig(hidden=8, width=6, max_events=16)
TREES = TreeConfig(max_trees=12, min_rows_in_leaf=20, features=1.0)


@pytest.fixture
def rows(planted: Rows) -> LabelledFrame:
    return planted(700, seed=1, sequence=4.0)


@pytest.fixture
def vector(rows: LabelledFrame) -> SequenceVector:
    torch.manual_seed(1)
    return SequenceVector.build(rows.frame, SMALL)


@pytest.fixture
def trees(rows: LabelledFrame, vector: SequenceVector) -> SequenceTrees:
    return SequenceTrees.fit(rows, None, TREES, vector, seed=1, threads=1)


def test_the_vector_is_read_and_is_no_column(
    trees: SequenceTrees, rows: LabelledFrame, planted: Rows
) -> None:
    assert trees.columns == rows.frame.columns
    assert trees.reads_sequences
    others = planted(700, seed=2, sequence=4.0).frame.sequences
    moved = replace(rows.frame, sequences=others)
    assert not np.allclose(trees.log_odds(moved), trees.log_odds(rows.frame))


def test_it_comes_back_from_its_state(trees: SequenceTrees, rows: LabelledFrame) -> None:
    arrays, config = trees.state()
    again = SequenceTrees.from_state(arrays, config)
    np.testing.assert_array_equal(again.log_odds(rows.frame), trees.log_odds(rows.frame))


def test_reasons_add_up_and_the_vector_is_the_group_sequence(
    trees: SequenceTrees, rows: LabelledFrame
) -> None:
    """Beside a net, whose vectors stand first in the panel."""
    torch.manual_seed(2)
    net = ChurnNet.build(rows.frame, NetConfig(hidden=4, layer=8, max_events=8))
    drawn, panel = draw_panel(rows, np.random.default_rng(1))
    pooled = np.concatenate([part.encode(drawn.frame)[1] for part in (net, trees)], axis=1)
    model = RiskModel(
        "blend",
        (net, trees),
        Calibration(1.3, 0.2),
        replace(panel, pooled=pooled),
        shares=(0.25, 0.75),
    )
    groups = dict.fromkeys(rows.frame.columns, "numbers")
    some = rows.frame.take(np.arange(12))
    found = attribute(model, some, groups)
    assert found.groups == ("numbers", "sequence")
    net_alone = attribute(
        replace(model, components=(net,), shares=(), panel=replace(panel, pooled=pooled[:, :8])),
        some,
        groups,
    )
    # What the net leaves over is all that is left over: the trees' part is exact.
    np.testing.assert_allclose(found.remainder, 0.25 * net_alone.remainder, atol=1e-4)
    assert np.abs(found.contributions[:, 1]).max() > 0


def test_a_partner_wins_by_more_than_one_standard_error(rows: LabelledFrame) -> None:
    rng = np.random.default_rng(1)
    truth = 2.0 * rows.label - 1
    guess = truth + 3 * rng.standard_normal(len(rows))
    noise = guess + 0.01 * rng.standard_normal(len(rows))
    assert partner_trial([(rows, guess, guess + truth)]).wins
    assert not partner_trial([(rows, guess + truth, guess)]).wins
    assert not partner_trial([(rows, guess, guess)]).wins
    tried = partner_trial([(rows, guess, noise)])
    assert tried.wins == (tried.loss - tried.with_partner > tried.standard_error)
    # Parts are calibrated apart: a shift of one of them is no loss.
    shifted = partner_trial([(rows, guess, guess + truth), (rows, guess + 2, guess + 2 + truth)])
    assert shifted.loss == pytest.approx(partner_trial([(rows, guess, guess)]).loss, rel=1e-4)

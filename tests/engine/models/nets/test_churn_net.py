from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.config import NetConfig
from engine.models.nets.pool import GruPool

Rows = Callable[..., LabelledFrame]


@pytest.fixture(scope="module")
def frame(planted: Rows) -> FeatureFrame:
    return planted(120, seed=1, sequence=1.0).frame


def _net(frame: FeatureFrame, members: int = 1, number_pieces: int = 0) -> ChurnNet:
    torch.manual_seed(3)
    config = NetConfig(hidden=8, layer=16, members=members, number_pieces=number_pieces)
    return ChurnNet.build(frame, config)


def test_padding_and_the_other_rows_of_a_batch_do_not_matter(frame: FeatureFrame) -> None:
    net = _net(frame)
    together = net.log_odds(frame)
    alone = np.concatenate([net.log_odds(frame.take(np.array([i]))) for i in range(len(frame))])
    assert alone == pytest.approx(together, abs=1e-5)


def test_order_of_rows_does_not_matter(frame: FeatureFrame) -> None:
    net = _net(frame)
    order = np.random.default_rng(1).permutation(len(frame))
    assert net.log_odds(frame.take(order)) == pytest.approx(net.log_odds(frame)[order], abs=1e-5)


def test_events_of_other_users_do_not_matter(frame: FeatureFrame) -> None:
    net = _net(frame)
    row = int(np.argmax(frame.sequences.stop - frame.sequences.start))
    kind = (frame.sequences.kind + 1) % 3
    own = slice(frame.sequences.start[row], frame.sequences.stop[row])
    kind[own] = frame.sequences.kind[own]
    changed = replace(frame, sequences=replace(frame.sequences, kind=kind.astype(np.int32)))
    before, after = net.log_odds(frame), net.log_odds(changed)
    assert after[row] == pytest.approx(before[row], abs=1e-6)
    assert not np.allclose(np.delete(after, row), np.delete(before, row), atol=1e-6)


def test_order_of_events_matters(frame: FeatureFrame) -> None:
    net = _net(frame)
    kind = frame.sequences.kind.copy()
    long = np.flatnonzero(frame.sequences.stop - frame.sequences.start > 8)
    for row in long:
        own = slice(frame.sequences.start[row], frame.sequences.stop[row])
        kind[own] = kind[own][::-1]
    turned = replace(frame, sequences=replace(frame.sequences, kind=kind))
    assert not np.allclose(net.log_odds(turned)[long], net.log_odds(frame)[long], atol=1e-6)


def test_unseen_names_and_broken_numbers_still_get_a_score(frame: FeatureFrame) -> None:
    net = _net(frame)
    values = frame.values.copy()
    values[0], values[1], values[2] = np.nan, np.inf, -np.inf
    sequences = replace(frame.sequences, kinds=("x", "y", "z"), topics=("p", "q", "r", "s"))
    scores = net.log_odds(replace(frame, values=values, sequences=sequences))
    assert np.isfinite(scores).all()


def test_new_names_beside_the_known_change_nothing(frame: FeatureFrame) -> None:
    net = _net(frame)
    sequences = replace(
        frame.sequences, kinds=("new", *frame.sequences.kinds), kind=frame.sequences.kind + 1
    )
    assert np.array_equal(net.log_odds(replace(frame, sequences=sequences)), net.log_odds(frame))


def test_no_rows(frame: FeatureFrame) -> None:
    assert _net(frame).log_odds(frame.take(np.arange(0))).shape == (0,)


@pytest.mark.parametrize("members", [1, 4])
@pytest.mark.parametrize("pieces", [0, 3])
def test_head_of_the_encoded_rows_is_the_score(
    frame: FeatureFrame, members: int, pieces: int
) -> None:
    net = _net(frame, members, number_pieces=pieces)
    inputs = torch.from_numpy(net.inputs(*net.encode(frame)))
    assert inputs.shape == (len(frame), len(net.input_columns))
    assert sum(net.input_columns < 0) == net.pooled_width
    inputs.requires_grad_()
    logits = net.head()(inputs)
    assert logits.detach().numpy() == pytest.approx(net.log_odds(frame), abs=1e-6)
    (gradient,) = torch.autograd.grad(logits.sum(), inputs)
    assert gradient[:, : -net.pooled_width].abs().sum() > 0
    assert gradient[:, -net.pooled_width :].abs().sum() > 0


@pytest.mark.parametrize("members", [1, 4])
def test_state_makes_the_same_net(frame: FeatureFrame, members: int) -> None:
    net = _net(frame, members)
    seed_before = torch.initial_seed()
    again = ChurnNet.from_state(*net.state())
    assert torch.initial_seed() == seed_before
    assert np.array_equal(again.log_odds(frame), net.log_odds(frame))


def test_pool_of_a_row_without_events_is_the_learned_vector() -> None:
    torch.manual_seed(1)
    pool = GruPool(3, 4)
    with torch.no_grad():
        pool.empty.fill_(0.5)
    events = torch.randn(3, 6, 3)
    pooled = pool(events, torch.tensor([6, 0, 2]))
    assert (pooled[1] == 0.5).all()
    assert torch.allclose(pooled[2], pool(events[2:, :2], torch.tensor([2]))[0], atol=1e-6)
    assert (pool(events, torch.tensor([0, 0, 0])) == 0.5).all()


def test_pool_equals_the_packed_gru() -> None:
    torch.manual_seed(1)
    pool = GruPool(3, 4)
    events, length = torch.randn(4, 7, 3), torch.tensor([7, 1, 4, 3])
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        events, length, batch_first=True, enforce_sorted=False
    )
    states, last = pool.gru(packed)
    padded, _ = torch.nn.utils.rnn.pad_packed_sequence(states, batch_first=True)
    expected = torch.cat([last[-1], padded.sum(dim=1) / length.unsqueeze(1)], dim=1)
    assert torch.allclose(pool(events, length), expected, atol=1e-6)

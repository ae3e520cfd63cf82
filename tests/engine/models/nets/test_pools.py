"""What must hold of every pool, and of nets that earlier versions saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from engine.explain.gradients import integrated_gradients
from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.nets.churn_net import ChurnNet
from engine.models.nets.config import NETS, SEQUENCE_MODELS, NetConfig
from engine.models.nets.pool import AttentionPool, SequencePool, make_pool

Rows = Callable[..., LabelledFrame]
SAVED = Path(__file__).parent / "saved"
TINY = NetConfig(hidden=8, kind_width=3, topic_width=2, layer=12, max_events=16)
POOLS = [replace(TINY, pool=pool) for pool in ("gru", "lstm", "conv", "attention")]
NETS_OF_ALL_KINDS = [
    *POOLS,
    replace(TINY, pool="none"),
    replace(TINY, pool="none", members=3, number_pieces=4),
    replace(TINY, pool="conv", members=2, bins=(7, 14, 30)),
    replace(TINY, pool="attention", bins=(7, 30), bin_event="return"),
]


def _name(config: NetConfig) -> str:
    return f"{config.pool}-{config.members}-{config.number_pieces}-{len(config.bins)}"


every_net = pytest.mark.parametrize("config", NETS_OF_ALL_KINDS, ids=_name)
every_pool = pytest.mark.parametrize("config", POOLS, ids=_name)


@pytest.fixture(scope="module")
def frame(planted: Rows) -> FeatureFrame:
    return planted(60, seed=1, sequence=1.0).frame


def _net(frame: FeatureFrame, config: NetConfig) -> ChurnNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return ChurnNet.build(frame, config)


@every_net
def test_neither_padding_nor_the_other_rows_nor_their_order_matter(
    frame: FeatureFrame, config: NetConfig
) -> None:
    net = _net(frame, config)
    together = net.log_odds(frame)
    alone = np.concatenate([net.log_odds(frame.take(np.array([i]))) for i in range(len(frame))])
    assert alone == pytest.approx(together, abs=1e-5)
    order = np.random.default_rng(1).permutation(len(frame))
    assert net.log_odds(frame.take(order)) == pytest.approx(together[order], abs=1e-5)


@every_pool
def test_what_stands_at_padding_is_never_read(config: NetConfig) -> None:
    torch.manual_seed(1)
    pool = make_pool(config, 5)
    assert isinstance(pool, SequencePool)
    events, length = torch.randn(4, 9, 5), torch.tensor([9, 3, 0, 1])
    spoilt = events.clone()
    for row, used in enumerate(length):
        spoilt[row, used:] = 1e6
    assert torch.allclose(pool(events, length), pool(spoilt, length), atol=1e-5)
    assert torch.equal(pool(events, length)[2], pool.empty)


@every_pool
def test_the_order_of_events_matters(config: NetConfig) -> None:
    torch.manual_seed(1)
    pool = make_pool(config, 5)
    assert pool is not None
    events, length = torch.randn(1, 6, 5), torch.tensor([6])
    if isinstance(pool, AttentionPool):  # drawn small: order would barely show
        torch.nn.init.normal_(pool.position.weight)
    assert not torch.allclose(pool(events, length), pool(events.flip(1), length), atol=1e-3)


@every_net
def test_unknown_names_and_broken_numbers_still_get_a_score(
    frame: FeatureFrame, config: NetConfig
) -> None:
    net = _net(frame, config)
    values = frame.values.copy()
    values[0], values[1], values[2] = np.nan, np.inf, -np.inf
    strange = replace(frame.sequences, kinds=("x", "y", "z"), topics=("p", "q", "r", "s"))
    assert np.isfinite(net.log_odds(replace(frame, values=values, sequences=strange))).all()
    # Which of two unknown names it is makes no difference.
    others = replace(strange, kind=(frame.sequences.kind + 1) % 3)
    first = net.log_odds(replace(frame, sequences=strange))
    assert np.array_equal(net.log_odds(replace(frame, sequences=others)), first)


@every_net
def test_state_makes_the_same_net(frame: FeatureFrame, config: NetConfig) -> None:
    net = _net(frame, config)
    arrays, sizes = net.state()
    again = ChurnNet.from_state(arrays, json.loads(json.dumps(sizes)))
    assert again.config == config
    assert np.array_equal(again.log_odds(frame), net.log_odds(frame))


@every_net
def test_reasons_add_up(frame: FeatureFrame, config: NetConfig) -> None:
    net = _net(frame, config)
    numbers, pooled = net.encode(frame)
    assert pooled.shape == (len(frame), net.pooled_width)
    inputs = net.inputs(numbers, pooled)
    owner = np.where(net.input_columns < 0, len(net.columns), net.input_columns)
    integral = integrated_gradients(
        net.head(), inputs[:20], inputs[40:44], owner, len(net.columns) + 1
    )
    wanted = net.log_odds(frame)[:20] - integral.baseline
    found = integral.shares.sum(axis=1)
    assert np.all(np.abs(found - wanted) <= np.maximum(0.011 * np.abs(wanted), 0.006))


def test_a_net_without_a_pool_does_not_read_sequences(frame: FeatureFrame) -> None:
    net = _net(frame, replace(TINY, pool="none"))
    empty = replace(frame.sequences, stop=frame.sequences.start)
    assert np.array_equal(net.log_odds(replace(frame, sequences=empty)), net.log_odds(frame))
    assert not net.reads_sequences
    assert NETS.keys() - SEQUENCE_MODELS == {"mlp", "tabm"}


@pytest.mark.parametrize("members", [1, 3])
def test_nets_saved_before_there_was_a_family_score_as_they_did(
    planted: Rows, members: int
) -> None:
    with safe_open(SAVED / f"first_format_{members}.safetensors", framework="np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        config = json.loads(file.metadata()["config"])
    expected = arrays.pop("expected_log_odds")
    assert "pool" not in config["net"]
    net = ChurnNet.from_state(arrays, config)
    rows = planted(120, seed=1, sequence=2.0)
    assert net.log_odds(rows.frame) == pytest.approx(expected, abs=1e-6)

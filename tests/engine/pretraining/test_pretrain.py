"""Pretraining: what the losses mean, what the encoder learns, and that it learns the same again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import Cancelled
from engine.features.frame import FeatureFrame, Sequences
from engine.features.histories import WEEKS_AHEAD, Histories
from engine.models.nets.sequence_vector import EncoderConfig, SequenceVector
from engine.pretraining.cache import EncoderCache
from engine.pretraining.fit import Pairs, PretrainingConfig, pretrain
from engine.pretraining.objectives import contrast, next_weeks

pytestmark = pytest.mark.slow

SMALL = EncoderConfig(hidden=8, width=6, max_events=16)
CONFIG = PretrainingConfig(
    SMALL, next_weeks=1.0, next_event=0.5, contrast=0.3, epochs=2, batch=64, rows_per_epoch=600
)
DAY_S = 86_400


def some_histories(users: int = 150, moments: int = 4, seed: int = 1) -> Histories:
    """Half of the users knock, half of them ring; who rings comes back."""
    rng = np.random.default_rng(seed)
    rows = users * moments
    user = np.tile(np.arange(users), moments)
    cutoffs = np.repeat(
        np.datetime64("2026-01-04", "s") + np.arange(moments) * np.timedelta64(7, "D"), users
    )
    length = rng.integers(0, 12, rows)
    stop = np.cumsum(length)
    row = np.repeat(np.arange(rows), length)
    rings = user % 2
    kind = np.where(rng.random(len(row)) < 0.9, rings[row], 1 - rings[row])
    age_s = rng.random(len(row)) * 20 * DAY_S
    occurred_s = cutoffs.astype(np.float64)[row] - age_s[np.lexsort((-age_s, row))]
    ahead = (rng.poisson(2, (rows, WEEKS_AHEAD)) * rings[:, None]).astype(np.float32)
    ahead[cutoffs == cutoffs.max()] = np.nan
    sequences = Sequences(
        kind.astype(np.uint8),
        np.zeros(len(row), np.uint8),
        np.zeros(len(row), np.float32),
        occurred_s.astype(np.uint32),
        stop - length,
        stop,
        ("knock", "ring"),
        ("",),
    )
    names = np.array([f"u{one:04d}" for one in user], dtype=object)
    frame = FeatureFrame(
        names,
        cutoffs,
        np.full(rows, "", dtype=object),
        (),
        np.zeros((rows, 0), np.float32),
        sequences,
    )
    return Histories(frame, user, ahead)


@pytest.fixture(scope="module")
def histories() -> Histories:
    torch.set_num_threads(1)
    return some_histories()


@pytest.fixture(scope="module")
def vector(histories: Histories) -> SequenceVector:
    learnt = pretrain(histories, CONFIG, seed=3)
    assert learnt is not None
    return learnt.vector


def test_contrast_is_the_share_of_the_own_ones() -> None:
    vectors = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.6, 0.8]])
    user = torch.tensor([4, 4, 9])
    near, far = np.exp(10), np.exp(6)  # cosines 1 and 0.6 over the temperature
    assert float(contrast(vectors, user)) == pytest.approx(-np.log(near / (near + far)), rel=1e-3)
    assert float(contrast(vectors, torch.tensor([1, 2, 3]))) == 0


def test_contrast_does_not_depend_on_the_length_of_vectors() -> None:
    vectors = torch.randn(12, 5, generator=torch.Generator().manual_seed(1))
    user = torch.arange(12) // 2
    one, other = contrast(vectors, user), contrast(3 * vectors, user)
    assert float(one) == pytest.approx(float(other), rel=1e-5)


def test_weeks_that_are_not_over_ask_nothing() -> None:
    outputs = torch.randn(4, 3 * WEEKS_AHEAD, generator=torch.Generator().manual_seed(1))
    ahead = torch.ones(4, WEEKS_AHEAD)
    ahead[2:] = torch.nan
    one = next_weeks(outputs, ahead)
    outputs[2:] += 5
    assert float(next_weeks(outputs, ahead)) == float(one)
    assert float(next_weeks(outputs, torch.full_like(ahead, torch.nan))) == 0


def test_every_drawn_user_comes_twice_at_two_moments() -> None:
    user = np.repeat(np.arange(7), [1, 2, 3, 4, 5, 6, 7])
    drawn = np.concatenate(
        list(Pairs(user).batches(np.random.default_rng(1), 400, 40, np.arange(len(user))))
    )
    one, other = drawn[0::2], drawn[1::2]
    assert len(drawn) == 400
    assert (user[one] == user[other]).all()
    assert (one != other)[user[one] > 0].all()


def test_the_encoder_tells_ringers_from_knockers(
    vector: SequenceVector, histories: Histories
) -> None:
    frame = histories.frame
    some = frame.take(frame.sequences.stop - frame.sequences.start > 3)
    vectors = vector.vectors(some).astype(np.float64)
    rings = np.array([int(name[1:]) % 2 for name in some.user_ids])
    half = len(some) // 2
    design = np.column_stack([vectors, np.ones(len(some))])
    found, *_ = np.linalg.lstsq(design[:half], 2.0 * rings[:half] - 1, rcond=None)
    assert ((design[half:] @ found > 0) == rings[half:]).mean() > 0.9


def test_a_row_has_its_vector_in_any_company(vector: SequenceVector, histories: Histories) -> None:
    frame = histories.frame
    order = np.random.default_rng(2).permutation(len(frame))
    together = vector.vectors(frame)
    np.testing.assert_allclose(vector.vectors(frame.take(order)), together[order], atol=1e-6)
    alone = vector.vectors(frame.take(np.array([5])))
    np.testing.assert_allclose(alone, together[[5]], atol=1e-6)


def test_the_same_seed_gives_the_same_weights(vector: SequenceVector, histories: Histories) -> None:
    again = pretrain(histories, CONFIG, seed=3)
    assert again is not None
    for name, weight in vector.state()[0].items():
        np.testing.assert_array_equal(weight, again.vector.state()[0][name])


def test_later_users_without_a_history_change_no_weight(
    vector: SequenceVector, histories: Histories
) -> None:
    """Users are numbered by position among all: who has no history moves the numbers only."""
    again = pretrain(replace(histories, user=3 * histories.user + 7), CONFIG, seed=3)
    assert again is not None
    np.testing.assert_array_equal(
        vector.vectors(histories.frame), again.vector.vectors(histories.frame)
    )


def test_too_few_histories_teach_nothing(histories: Histories) -> None:
    few = some_histories(users=20)
    assert pretrain(few, CONFIG, seed=1) is None


def test_a_stop_is_heard_and_a_spent_budget_ends_it_early(histories: Histories) -> None:
    with pytest.raises(Cancelled):
        pretrain(histories, CONFIG, seed=1, should_stop=lambda: True)
    short = pretrain(histories, CONFIG, seed=1, out_of_time=lambda: True)
    assert short is not None
    assert len(short.learning) == 1


def test_a_kept_encoder_is_the_same_and_a_damaged_one_is_none(
    vector: SequenceVector, histories: Histories, tmp_path: Path
) -> None:
    cache = EncoderCache(tmp_path / "encoders", most=2)
    cache.keep("one", vector)
    kept = cache.read("one")
    assert kept is not None
    np.testing.assert_array_equal(kept.vectors(histories.frame), vector.vectors(histories.frame))
    assert cache.read("two") is None
    path = tmp_path / "encoders" / "one.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 0xFF
    path.write_bytes(content)
    assert cache.read("one") is None
    path.write_bytes(content[: len(content) // 2])
    assert cache.read("one") is None
    path.rename(tmp_path / "encoders" / "other.safetensors")
    assert cache.read("other") is None
    for key in ("a", "b", "c"):
        cache.keep(key, vector)
    assert sorted(file.stem for file in (tmp_path / "encoders").iterdir()) == ["b", "c"]

"""Comparison rows and the splits of our side."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.peers.shops import PeerRisks
from benchmarks.quality.compare import Test as Compared
from benchmarks.quality.compare import compare, share_of_attainable
from benchmarks.quality.courses import _mean_of_folds
from benchmarks.quality.ours import by_customer, by_time, split
from benchmarks.quality.shop import aligned
from engine.errors import DataError
from engine.features.frame import FeatureFrame, LabelledFrame, Sequences
from engine.timeline import ChurnRule

N = 3_000


def _compared(rng: np.random.Generator) -> Compared:
    odds = rng.normal(-1, 1.5, N)
    truth = 1 / (1 + np.exp(-odds))
    label = (rng.random(N) < truth).astype(np.float64)
    blurred = 1 / (1 + np.exp(-(odds + rng.normal(0, 2, N))))
    users = np.arange(N) // 2
    return Compared(
        label,
        users,
        truth,
        rivals={"blurred": blurred, "same": truth},
        beside={"order": truth / 2},
        ranks_only=frozenset({"order"}),
    )


def test_rows_say_who_is_better_and_by_how_much() -> None:
    test = _compared(np.random.default_rng(3))
    rows = {row.metric: row for row in compare("x", test, positive="churned", seed=0, rounds=40)}
    assert set(rows) == {"roc_auc", "average_precision", "log_loss", "ece"}
    for name in ("roc_auc", "average_precision"):
        assert rows[name].interval["blurred"].low > 0
        assert rows[name].interval["same"].estimate == 0
        assert rows[name].met
    assert rows["log_loss"].interval["blurred"].high < 0
    assert rows["log_loss"].met
    assert "order" not in rows["log_loss"].peers
    assert "order" not in rows["ece"].peers


def test_the_aim_is_the_best_rival_and_not_what_stands_beside() -> None:
    test = _compared(np.random.default_rng(4))
    swapped = Compared(
        test.label,
        test.users,
        ours=test.rivals["blurred"],
        rivals={"coin": np.full(N, 0.3)},
        beside={"truth": test.ours},
    )
    rows = compare("x", swapped, positive="churned", seed=0, rounds=20)
    assert rows[0].met
    assert rows[0].peers["truth"] > rows[0].ours
    share = share_of_attainable("x", swapped, "truth", rows[0], points=5)
    assert share.met == (share.ours >= 0.05)
    assert share.peers["truth"] == 1
    assert share.peers["coin"] == 0
    assert 0 < share.ours < 1
    lost = Compared(test.label, test.users, test.rivals["blurred"], {"truth": test.ours}, {})
    assert [row.met for row in compare("x", lost, positive="churned", seed=0, rounds=20)][:3] == [
        False
    ] * 3


def test_looking_for_stayers_is_looking_for_churners_in_the_mirror() -> None:
    test = _compared(np.random.default_rng(5))
    mirror = Compared(
        1 - test.label,
        test.users,
        1 - test.ours,
        {name: 1 - risk for name, risk in test.rivals.items()},
        {},
    )
    ours = compare("x", test, positive="stayed", seed=0, rounds=20)[1]
    theirs = compare("x", mirror, positive="churned", seed=0, rounds=20)[1]
    assert ours.metric == "average_precision_of_stayers"
    assert ours.ours == pytest.approx(theirs.ours)
    assert ours.interval["blurred"].low == pytest.approx(theirs.interval["blurred"].low)


NO_INTEGERS = np.zeros(0, np.int32)
"""Shared, as the frames of one build share their flat event arrays."""


def _frame(cutoff: datetime, users: list[str], label: list[float] | None = None) -> LabelledFrame:
    n = len(users)
    sequences = Sequences(
        NO_INTEGERS,
        NO_INTEGERS,
        np.zeros(0, np.float32),
        np.zeros(0),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        (),
        ("",),
    )
    frame = FeatureFrame(
        np.array(users, dtype=object),
        np.full(n, np.datetime64(cutoff, "s")),
        np.array(["none"] * n, dtype=object),
        ("x",),
        np.zeros((n, 1), np.float32),
        sequences,
    )
    given = np.zeros(n, np.float32) if label is None else np.array(label, np.float32)
    return LabelledFrame(frame, given, np.ones(n, np.float32))


RULE = ChurnRule("no_payment", 90, 0, 365)
CUTOFFS = [datetime(2020, 1, 1) + timedelta(days=30 * step) for step in range(12)]


def test_by_time_keeps_the_embargo_between_the_phases() -> None:
    users = ["a", "b"]
    test_cutoff = CUTOFFS[-1] + timedelta(days=90)
    frames = {cutoff: _frame(cutoff, users) for cutoff in (*CUTOFFS, test_cutoff)}
    data = by_time(frames, RULE, CUTOFFS, [test_cutoff])
    phases = [data.train, data.validate, data.calibrate, data.test]
    for before, after in pairwise(phases):
        closed = before.frame.cutoffs.max() + np.timedelta64(90, "D")
        assert closed <= after.frame.cutoffs.min()
    assert data.calibrate.frame.cutoffs.max() == np.datetime64(CUTOFFS[-1])


def test_by_customer_lets_nobody_teach_and_judge() -> None:
    users = [f"user {i}" for i in range(100)]
    frames = {cutoff: _frame(cutoff, users) for cutoff in CUTOFFS}
    data = by_customer(frames, CUTOFFS[:-1], CUTOFFS[-1:], seed=1)
    parts = [set(part.frame.user_ids) for part in (data.train, data.validate, data.calibrate)]
    assert sorted(len(part) for part in parts) == [20, 20, 60]
    assert set.union(*parts) == set(users)
    assert set(data.calibrate.frame.cutoffs) == {np.datetime64(CUTOFFS[-2], "s")}
    assert len(data.test) == 100


def test_the_split_is_by_time_unless_the_history_is_too_short() -> None:
    users = [f"user {i}" for i in range(10)]
    frames = {cutoff: _frame(cutoff, users) for cutoff in CUTOFFS}
    long = split(frames, RULE, CUTOFFS[:-1], CUTOFFS[-1:], seed=1)
    assert set(long.train.frame.user_ids) == set(long.calibrate.frame.user_ids)
    short = split(frames, RULE, CUTOFFS[:3], CUTOFFS[-1:], seed=1)
    assert not set(short.train.frame.user_ids) & set(short.calibrate.frame.user_ids)


def test_our_rows_are_put_in_the_peers_order_and_must_agree() -> None:
    ours = _frame(CUTOFFS[0], ["10", "9", "2"], [1, 0, 1])
    agreed = PeerRisks(np.array([2, 9, 10]), np.array([1.0, 0.0, 1.0]), {})
    assert aligned(ours, agreed).frame.user_ids.tolist() == ["2", "9", "10"]
    for customers, label in [([2, 9, 11], [1.0, 0.0, 1.0]), ([2, 9, 10], [1.0, 1.0, 1.0])]:
        with pytest.raises(DataError, match=r"our 3 test rows are not the peers' 3"):
            aligned(ours, PeerRisks(np.array(customers), np.array(label), {}))


def test_the_mean_of_folds_does_not_count_the_order_between_them() -> None:
    label = np.array([0, 1, 0, 1], dtype=np.float64)
    risk = np.array([0.1, 0.2, 0.7, 0.8])
    folds = [np.array([0, 1]), np.array([2, 3])]
    test = Compared(label, np.arange(4), risk, {"logistic": 1 - risk, "LightGBM tuned": risk}, {})
    row = _mean_of_folds("x", test, folds)
    assert row.ours == 1
    assert row.peers == {"logistic": 0, "LightGBM tuned": 1}
    assert row.aim == "better than logistic and LightGBM tuned, 1.0000"
    assert row.met is False

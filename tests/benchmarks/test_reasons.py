"""The truth of reasons: whom a cause dominates, what names it, how the averages are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from benchmarks.reasons.causes import (
    NAMEABLE,
    NAMED_BY,
    dominant,
    dominant_causes,
    group_read,
)
from benchmarks.reasons.naming import Named, confusion, difference, hits, interval, macro
from benchmarks.reasons.taught import taught
from benchmarks.reasons.truth import PEER, Judged, rows_of
from engine.errors import DataError
from engine.explain.messages import wrote
from engine.features.catalogue import GROUPS
from engine.features.frame import FeatureFrame, no_sequences
from engine.types import Reason
from sample_db import generate
from sample_db.mechanism import CAUSES

PRICE, SUPPORT = CAUSES.index("price"), CAUSES.index("support_trouble")


def _world(rows: list[tuple[float, dict[int, float]]]) -> tuple[np.ndarray, np.ndarray]:
    """A hundred users of low and evenly spread risk, then `rows` of risk and shares."""
    risk = np.r_[np.full(100, 0.02), [p for p, _ in rows]]
    shares = np.full((len(risk), len(CAUSES)), 1 / (len(CAUSES) + 1))
    for row, (_, given) in enumerate(rows, start=100):
        shares[row] = 0
        for cause, share in given.items():
            shares[row, cause] = share
    return risk, shares


def test_a_cause_dominates_when_it_is_half_the_excess_and_twice_the_next() -> None:
    risk, shares = _world(
        [
            (0.6, {PRICE: 0.8, SUPPORT: 0.2}),
            (0.6, {PRICE: 0.55, SUPPORT: 0.45}),  # not twice the next
            (0.6, {PRICE: 0.4, SUPPORT: 0.15, 0: 0.15, 1: 0.15, 2: 0.15}),  # not half
            (0.6, {PRICE: 0.2}),  # silence without leaving dominates, which is no cause
            (0.01, {PRICE: 1.0}),  # no risk worth a reason
        ]
    )
    assert dominant(risk, shares)[100:].tolist() == [PRICE, -1, -1, -1, -1]
    assert (dominant(risk, shares)[:100] == -1).all()


def test_every_cause_that_shows_is_named_by_one_group_of_the_catalogue() -> None:
    assert set(NAMED_BY) == set(NAMEABLE) == set(CAUSES) - {"outside"}
    assert set(NAMED_BY.values()) <= set(GROUPS)
    assert len(set(NAMED_BY.values())) == len(NAMED_BY)


@pytest.mark.parametrize(
    ("phrase", "group"),
    [
        ("even after reinstalling", "support_trouble"),
        ("this phrase is nobody's", "text"),
        ("a", "text"),  # in the texts of many causes
        ("", "text"),
    ],
)
def test_a_text_reason_names_the_cause_whose_planted_texts_hold_its_phrase(
    phrase: str, group: str
) -> None:
    reason = Reason("text", "text", 0.4, 0.2, None, None, wrote(phrase, raises=True))
    assert group_read(reason) == group


def test_the_average_is_over_causes_and_not_over_rows() -> None:
    causes = ["price"] * 8 + ["support_trouble"] * 2
    reasons = [("price", "text")] * 8 + [("fading_use", "text", "support_trouble")] * 2
    assert macro(causes, hits(causes, reasons, 1)) == pytest.approx(0.5)
    assert macro(causes, hits(causes, reasons, 2)) == pytest.approx(0.5)
    assert macro(causes, hits(causes, reasons, 3)) == pytest.approx(1.0)
    assert hits(["price"], [()], 3).tolist() == [0.0]


def test_intervals_draw_users_with_all_their_rows() -> None:
    rng = np.random.default_rng(0)
    cause = tuple(rng.choice(["price", "term_ending"], 60).tolist())
    hit = (rng.random(60) < 0.6).astype(np.float64)
    other = hit.copy()
    other[:10] = 0.0
    once = Named(cause, np.arange(60).astype(object), {"ours": hit, "other": other})
    five = Named(
        cause * 5, np.tile(once.user_ids, 5), {k: np.tile(v, 5) for k, v in once.hits.items()}
    )
    assert interval(five, "ours", rounds=100, seed=1) == interval(once, "ours", rounds=100, seed=1)
    gap = difference(once, "ours", "other", rounds=100, seed=1)
    assert gap.low <= gap.estimate <= gap.high
    assert gap.low >= 0  # never worse in any draw
    same = difference(once, "ours", "ours", rounds=100, seed=1)
    assert same.low == same.estimate == same.high == 0


def test_the_confusion_has_every_cause_and_adds_up() -> None:
    causes = ["price", "price", "outside"]
    table = confusion(causes, [("price",), ("text", "price"), ()]).splitlines()
    head, rows = table[0].split(), [line.split() for line in table[1:]]
    assert [row[:2] for row in rows] == [["price", "2"], ["outside", "1"]]
    assert rows[0][2 + head[1:].index("price")] == "0.50"
    for row in rows:
        assert sum(map(float, row[2:])) == pytest.approx(1.0)


def test_the_figures_stand_beside_the_peers_and_leave_out_what_nothing_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    causes = ("price", "term_ending", "outside") * 20
    ours = [(NAMED_BY.get(cause, "history"),) for cause in causes]
    found = Judged(
        causes,
        np.arange(len(causes)).astype(object),
        {"": ours, PEER: [("fading_use",)] * len(causes)},
    )
    rows = rows_of(found, seed=0)
    first = rows[0]
    assert (first.metric, first.ours, first.peers[PEER], first.met) == (
        "named_by_first_1",
        1.0,
        0.0,
        True,
    )
    assert first.interval[PEER].low == 1.0
    assert [row.metric for row in rows[1:3]] == [
        "named_by_first_1: price (20 rows)",
        "named_by_first_1: term_ending (20 rows)",
    ]
    assert "outside" in capsys.readouterr().err


def test_what_was_taught_the_causes_tells_those_that_the_columns_show() -> None:
    rng = np.random.default_rng(0)
    cause = np.r_[np.full(300, PRICE), np.full(100, SUPPORT), np.full(50, -1)]
    shown = np.where(cause == PRICE, 1.0, -1.0) + rng.normal(0, 0.1, len(cause))
    frame = FeatureFrame(
        np.arange(len(cause)).astype(str).astype(object),
        np.full(len(cause), np.datetime64("2026-03-01", "s")),
        np.full(len(cause), "", dtype=object),
        ("price_rises", "tickets_30d"),
        np.column_stack([shown, rng.normal(size=len(cause))]).astype(np.float32),
        no_sequences(len(cause)),
    )
    told = taught(frame, cause, frame)
    assert [row[0] for row in told[:300]] == ["price"] * 300
    assert [row[0] for row in told[300:400]] == ["support_trouble"] * 100


@pytest.mark.slow
def test_the_truth_of_a_world_is_read_for_the_rows_of_a_frame(tmp_path: Path) -> None:
    generate(tmp_path, users=400, months=5, seed=5)
    truth = tmp_path / "truth" / "hazard.parquet"
    with duckdb.connect() as connection:
        known = connection.execute(
            "SELECT user_id, cutoff, p_churn, dominant_cause FROM read_parquet(?) "
            "WHERE cutoff = (SELECT max(cutoff) FROM read_parquet(?))",
            [str(truth), str(truth)],
        ).fetchnumpy()
    count = len(known["user_id"])
    frame = FeatureFrame(
        np.asarray(known["user_id"], dtype=object),
        np.asarray(known["cutoff"]).astype("datetime64[s]"),
        np.full(count, "", dtype=object),
        (),
        np.zeros((count, 0), np.float32),
        no_sequences(count),
    )
    cause = dominant_causes(truth, frame)
    found = np.flatnonzero(cause >= 0)
    assert 0 < len(found) < count / 2
    # Where one cause dominates the excess it is mostly the largest share of the risk as well.
    same = [CAUSES[cause[row]] == known["dominant_cause"][row] for row in found]
    assert np.mean(same) > 0.8
    strangers = replace(frame, user_ids=np.array([f"x{i}" for i in range(count)], dtype=object))
    with pytest.raises(DataError, match="have no truth"):
        dominant_causes(truth, strangers)

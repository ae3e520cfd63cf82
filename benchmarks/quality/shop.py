"""CDNOW and Online Retail II: our engine through a mapping file, beside peers on raw orders."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.harness import Row, say
from benchmarks.peers.boosting import SEEDS, SMALL, lightgbm_risk
from benchmarks.peers.orders import read_orders, source_file
from benchmarks.peers.shops import PeerRisks, Protocol, peer_risks
from benchmarks.quality.compare import Positive, Test, compare
from benchmarks.quality.ours import (
    Floats,
    Frames,
    Loaded,
    Scores,
    load_mapping,
    split,
    train_and_score,
)
from engine.errors import DataError
from engine.features.frame import LabelledFrame

SEED = 7
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
LOADED_AT = datetime(2026, 1, 1)
"""The wall clock of the load: any time after the data."""


@dataclass(frozen=True, slots=True)
class Shop:
    """A case: the protocol, the mapping, and whom the published average precision looks for."""

    protocol: Protocol
    example: Literal["cdnow", "online-retail-ii"]
    positive: Positive


def measure_shop(shop: Shop, quick: bool) -> list[Row]:
    """All figures of one shop, good or bad."""
    protocol = shop.protocol
    seeds = SEEDS[:1] if quick else SEEDS
    peers = peer_risks(read_orders(protocol.case), protocol, seeds=seeds)
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_mapping(
            EXAMPLES / shop.example / "mapping.toml",
            source_file(protocol.case).parent,
            Path(folder) / "behaviour.duckdb",
            now=LOADED_AT,
        )
        check_rule(loaded, protocol)
        # A quick run learns from every other cutoff, the newest always among them.
        teaching = protocol.train[::-2][::-1] if quick else protocol.train
        train = [_midnight(day) for day in teaching]
        test = _midnight(protocol.test)
        frames = loaded.frames([*train, test])
    frames = {**frames, test: aligned(frames[test], peers)}
    data = split(frames, loaded.rule, train, [test], seed=SEED)
    scores = train_and_score(data, seed=SEED, max_epochs=2 if quick else 12, threads=1)
    say(f"quality: {protocol.case}: our champion is the {scores.kind}")
    compared = Test(
        peers.label,
        peers.customers,
        scores.champion,
        rivals={**peers.risks, "LightGBM our columns": _same_columns(frames, train, test, seeds)},
        beside=named(scores),
        ranks_only=frozenset({"recency"}),
    )
    return compare(
        protocol.case, compared, positive=shop.positive, seed=SEED, rounds=30 if quick else 400
    )


def named(scores: Scores) -> dict[str, Floats]:
    """Our single models under names that tell them from the peers'."""
    return {f"our {kind}": risk for kind, risk in scores.singles.items()}


def check_rule(loaded: Loaded, protocol: Protocol) -> None:
    """Raises `DataError` when the mapping asks another question than the protocol."""
    rule = loaded.rule
    asked = (rule.kind, rule.horizon_days, rule.lead_days, rule.active_within_days)
    if asked != ("no_payment", protocol.horizon_days, 0, protocol.active_within_days):
        raise DataError(
            "other_question",
            f"the mapping of {protocol.case} asks {asked}",
            why=f"the protocol asks for no payment in {protocol.horizon_days} days among buyers "
            f"of the last {protocol.active_within_days}",
            next_step="Mend [churn] in the mapping",
        )


def aligned(ours: LabelledFrame, peers: PeerRisks) -> LabelledFrame:
    """Our test rows in the order of the peers'.

    Two pieces of code that share nothing must agree on who is asked about and what came of it:
    raises `DataError` where they do not.
    """
    numbers = np.array([int(user) for user in ours.frame.user_ids])
    rows = ours.take(np.argsort(numbers))
    if not (
        np.array_equal(np.sort(numbers), peers.customers)
        and np.array_equal(rows.label.astype(np.float64), peers.label)
    ):
        raise DataError(
            "other_population",
            f"our {len(ours)} test rows are not the peers' {len(peers.customers)}",
            why="figures on different customers or labels cannot be compared",
        )
    return rows


def _same_columns(
    frames: Frames, train: Sequence[datetime], test: datetime, seeds: Sequence[int]
) -> Floats:
    return lightgbm_risk(
        np.concatenate([frames[c].frame.values for c in train]),
        np.concatenate([frames[c].label for c in train]),
        frames[test].frame.values,
        SMALL,
        seeds=seeds,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())

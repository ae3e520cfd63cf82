"""CDNOW and Online Retail II: our engine through a mapping file, beside peers on raw orders."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.harness import Row, say
from benchmarks.peers.folds import by_cutoff
from benchmarks.peers.learners import FULL, QUICK, Effort, lightgbm_small, lightgbm_tuned
from benchmarks.peers.orders import read_orders, source_file
from benchmarks.peers.shops import PeerRisks, Protocol, carried_over, peer_risks
from benchmarks.quality.aims import beyond
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
class Window:
    """So many horizons from the test cutoff on, and what we want there."""

    case: str
    horizons: int
    aims: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Shop:
    """A case: the protocol, the mapping, and whom the published average precision looks for."""

    protocol: Protocol
    example: Literal["cdnow", "online-retail-ii"]
    positive: Positive
    windows: tuple[Window, ...]


def measure_shop(shop: Shop, quick: bool) -> list[Row]:
    """All figures of one shop, good or bad."""
    # A quick run learns from every third cutoff, the newest always among them.
    protocol = replace(shop.protocol, train=shop.protocol.train[:: -3 if quick else -1][::-1])
    effort = QUICK if quick else FULL
    orders = read_orders(protocol.case)
    peers = peer_risks(orders, protocol, effort=effort)
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_mapping(
            EXAMPLES / shop.example / "mapping.toml",
            source_file(protocol.case).parent,
            Path(folder) / "behaviour.duckdb",
            now=LOADED_AT,
        )
        check_rule(loaded, protocol)
        train = [_midnight(day) for day in protocol.train]
        test = _midnight(protocol.test)
        frames = loaded.frames([*train, test])
    frames = {**frames, test: aligned(frames[test], peers)}
    data = split(frames, loaded.rule, train, [test], seed=SEED)
    scores = train_and_score(data, loaded.rule, seed=SEED, max_epochs=2 if quick else 12, threads=1)
    say(f"quality: {protocol.case}: our champion is the {scores.kind}")
    same_columns = _same_columns(frames, protocol, effort)
    rows = []
    for window in shop.windows:
        told = peers
        if window.horizons > 1:
            told = carried_over(orders, protocol, peers, windows=window.horizons)
        compared = Test(
            told.label,
            told.customers,
            scores.champion**window.horizons,
            rivals={
                **told.risks,
                **{name: risk**window.horizons for name, risk in same_columns.items()},
            },
            beside={name: risk**window.horizons for name, risk in named(scores).items()},
            ranks_only=frozenset({"recency"}),
        )
        rows += compare(
            window.case,
            compared,
            positive=shop.positive,
            seed=SEED,
            rounds=30 if quick else 400,
            aim=beyond(window.aims),
        )
    return rows


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


def _same_columns(frames: Frames, protocol: Protocol, effort: Effort) -> dict[str, Floats]:
    taught = [frames[_midnight(cutoff)] for cutoff in protocol.train]
    cutoff = np.repeat(np.arange(len(taught)), [len(rows) for rows in taught])
    users = np.concatenate([rows.frame.user_ids for rows in taught])
    splits = by_cutoff(protocol.train, cutoff, users, protocol.horizon)
    learners = {
        "LightGBM": lightgbm_small(effort),
        "LightGBM tuned": lightgbm_tuned(effort, lambda *_: splits),
    }
    values = np.concatenate([rows.frame.values for rows in taught])
    label = np.concatenate([rows.label for rows in taught])
    asked = frames[_midnight(protocol.test)].frame.values
    return {f"{name} our columns": fit(values, label, asked) for name, fit in learners.items()}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())

"""The panel: retained users whom every reason compares with ("versus people who stayed")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import LabelledFrame
from engine.models.base import Arrays, Config, finite

NEWEST_ROWS = 20_000
"""The panel and its medians come from so many of the newest retained rows."""

PER_SEGMENT = 16
MOST_SEGMENTS = 12
RECENT_S = 28 * 86_400.0
"""How far back `Panel.recent_kinds` counts."""

EVERYONE = ""
"""Name of the row of medians over all segments."""


@dataclass(frozen=True, slots=True)
class Panel:
    """B retained training users and the medians of all retained users, by segment.

    `pooled` holds the net's vectors of these users (H = 0 in a model without a net).
    """

    values: NDArray[np.float32]  # (B, D) raw
    pooled: NDArray[np.float32]  # (B, H)
    segments: tuple[str, ...]  # (B,)
    median_segments: tuple[str, ...]  # (S,) EVERYONE first
    medians: NDArray[np.float32]  # (S, D) NaN where a column is missing throughout
    kinds: tuple[str, ...]  # K kinds of events
    recent_kinds: NDArray[np.float32]  # (S, K) mean number of events a user in the last 28 days

    def rows_of(self, segment: str) -> NDArray[np.int64]:
        """Panel users of `segment`; everyone when the segment has none."""
        own = np.flatnonzero(np.array([name == segment for name in self.segments], bool))
        return own if len(own) else np.arange(len(self.segments))

    def position_of(self, segment: str) -> int:
        """Row of `medians` and `recent_kinds` for `segment`; that of everyone when unknown."""
        return self.median_segments.index(segment) if segment in self.median_segments else 0

    def state(self) -> tuple[Arrays, Config]:
        """Arrays and JSON."""
        arrays: Arrays = {
            "values": self.values,
            "pooled": self.pooled,
            "medians": self.medians,
            "recent_kinds": self.recent_kinds,
        }
        names = {
            "segments": list(self.segments),
            "median_segments": list(self.median_segments),
            "kinds": list(self.kinds),
        }
        return arrays, names

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> Panel:
        """The panel that `state` described."""
        return cls(
            arrays["values"],
            arrays["pooled"],
            tuple(config["segments"]),
            tuple(config["median_segments"]),
            arrays["medians"],
            tuple(config["kinds"]),
            arrays["recent_kinds"],
        )


def draw_panel(rows: LabelledFrame, rng: np.random.Generator) -> tuple[LabelledFrame, Panel]:
    """The panel's rows and the panel without pooled vectors: retained users, by segment.

    Rows without any retained user (label 0) give the panel of all rows.
    """
    retained = np.flatnonzero(rows.label < 0.5)
    if not len(retained):
        retained = np.arange(len(rows))
    newest = np.argsort(rows.frame.cutoffs[retained], kind="stable")[::-1][:NEWEST_ROWS]
    peers = rows.take(retained[newest])
    segments = peers.frame.segments.astype(str)
    names, counts = np.unique(segments, return_counts=True)
    largest = names[np.argsort(-counts, kind="stable")][:MOST_SEGMENTS]
    drawn = []
    members = [np.arange(len(peers))]
    for name in largest:
        own = np.flatnonzero(segments == name)
        members.append(own)
        drawn.append(rng.permutation(own)[:PER_SEGMENT])
    chosen = np.concatenate(drawn) if drawn else np.arange(0)
    values = finite(peers.frame.values)
    recent = _recent_kinds(peers)
    panel = Panel(
        values[chosen],
        np.zeros((len(chosen), 0), np.float32),
        tuple(segments[chosen].tolist()),
        (EVERYONE, *largest.tolist()),
        np.stack([_median(values[own]) for own in members]),
        peers.frame.sequences.kinds,
        np.stack([recent[own].mean(axis=0) for own in members]).astype(np.float32),
    )
    return peers.take(chosen), panel


def _median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    # A column that is missing throughout has no median: NaN, without numpy's warning.
    present = ~np.isnan(values).all(axis=0)
    result = np.full(values.shape[1], np.nan, np.float32)
    result[present] = np.nanmedian(values[:, present], axis=0)
    return result


def _recent_kinds(rows: LabelledFrame) -> NDArray[np.float32]:
    sequences = rows.frame.sequences
    length = sequences.stop - sequences.start
    row = np.repeat(np.arange(len(rows)), length)
    event = np.repeat(sequences.start - np.cumsum(length) + length, length) + np.arange(len(row))
    cutoff_s = rows.frame.cutoffs.astype("datetime64[s]").astype(np.float64)
    recent = sequences.occurred_s[event] >= cutoff_s[row] - RECENT_S
    result = np.zeros((len(rows), len(sequences.kinds)), np.float32)
    np.add.at(result, (row[recent], sequences.kind[event[recent]]), 1.0)
    return result

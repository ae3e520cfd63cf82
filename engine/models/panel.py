"""The panel: retained users whom every reason compares with ("versus people who stayed")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import LabelledFrame
from engine.models.base import Arrays, Config, finite

if TYPE_CHECKING:
    from engine.models.logistic import LogisticModel

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

    The first users of a segment stand for it best; what compares with fewer takes these.
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
        """Panel users of `segment`; when it has none, those of all, the first of each before the
        second of each."""
        names = np.array(self.segments)
        own = np.flatnonzero(names == segment)
        if len(own) or not len(names):
            return own
        place = np.zeros(len(names), np.int64)
        for name in np.unique(names):
            members = np.flatnonzero(names == name)
            place[members] = np.arange(len(members))
        return np.argsort(place, kind="stable")

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


def draw_panel(
    rows: LabelledFrame, rng: np.random.Generator, linear: LogisticModel | None = None
) -> tuple[LabelledFrame, Panel]:
    """The panel's rows and the panel without pooled vectors: retained users, by segment.

    `linear` says how much each column weighs: the users are then those whose mean is nearest to
    that of all retained users of the segment. None: they are drawn at random. Rows without any
    retained user (label 0) give the panel of all rows.
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
    values = finite(peers.frame.values)
    for name in largest:
        own = np.flatnonzero(segments == name)
        members.append(own)
        if linear is None:
            drawn.append(rng.permutation(own)[:PER_SEGMENT])
        else:
            weighed = linear.contributions(values[own], values[own])
            drawn.append(own[_representative(weighed, PER_SEGMENT)])
    chosen = np.concatenate(drawn) if drawn else np.arange(0)
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


def _representative(weighed: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """At most `size` rows of `weighed` (n, D) whose mean is near that of all, as every first few
    of them are.

    Each next row is the one that brings the mean of those taken nearest. A handful at random would
    be another comparison every time: reasons then depend on the draw.
    Source: Chen, Welling, Smola, "Super-Samples from Kernel Herding" (UAI 2010), linear kernel.
    """
    apart = weighed - weighed.mean(axis=0)
    length = np.einsum("nd,nd->n", apart, apart)
    total = np.zeros(weighed.shape[1])
    taken: list[int] = []
    for _ in range(min(size, len(weighed))):
        distance = length + 2 * apart @ total  # up to a constant, of the new total from 0
        distance[taken] = np.inf
        best = int(distance.argmin())
        taken.append(best)
        total += apart[best]
    return np.array(taken, np.int64)


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

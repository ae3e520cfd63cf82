"""The rows that models see: one row per (user, cutoff), numbers and a sequence of events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.features.messages import Messages, joined

MAX_EVENTS = 128
"""How many of the last events of a user a sequence may hold."""


@dataclass(frozen=True, slots=True)
class Sequences:
    """Events of all users as flat arrays; row i owns the half-open slice [start[i], stop[i]).

    Events are ordered by (user, known_at), then by what is seen of them here, so the events known
    before a cutoff are a prefix of the user's slice and one flat array serves every cutoff. E
    events, N rows.
    """

    kind: NDArray[np.unsignedinteger[Any]]  # (E,) index into kinds, as small as they allow
    topic: NDArray[np.unsignedinteger[Any]]  # (E,) index into topics
    value: NDArray[np.float32]  # (E,) log1p of seconds or of money; 0 where the event has none
    occurred_s: NDArray[np.uint32]  # (E,) whole seconds since 1970-01-01 UTC, within 1970-2106
    start: NDArray[np.int64]  # (N,)
    stop: NDArray[np.int64]  # (N,) stop - start <= MAX_EVENTS
    kinds: tuple[str, ...]  # "lesson_started", "payment:failed", …
    topics: tuple[str, ...]  # "" first: no topic

    def take(self, rows: NDArray[Any]) -> Sequences:
        """The sequences of `rows` (indices or mask); the flat arrays are shared."""
        return Sequences(
            self.kind,
            self.topic,
            self.value,
            self.occurred_s,
            self.start[rows],
            self.stop[rows],
            self.kinds,
            self.topics,
        )


def code_dtype(names: int) -> np.dtype[Any]:
    """The smallest unsigned integers that number so many names."""
    return np.min_scalar_type(max(0, names - 1))


def no_sequences(
    rows: int, kinds: tuple[str, ...] = (), topics: tuple[str, ...] = ("",)
) -> Sequences:
    """`rows` rows without events: for models that do not read them."""
    none = np.zeros(rows, dtype=np.int64)
    return Sequences(
        kind=np.zeros(0, code_dtype(len(kinds))),
        topic=np.zeros(0, code_dtype(len(topics))),
        value=np.zeros(0, np.float32),
        occurred_s=np.zeros(0, np.uint32),
        start=none,
        stop=none,
        kinds=kinds,
        topics=topics,
    )


@dataclass(frozen=True, slots=True)
class FeatureFrame:
    """N rows of D features; NaN = missing."""

    user_ids: NDArray[np.object_]  # (N,) str
    cutoffs: NDArray[np.datetime64]  # (N,) datetime64[s], naive UTC
    segments: NDArray[np.object_]  # (N,) str: the plan, or another named group of peers
    columns: tuple[str, ...]  # D names of feature specs
    values: NDArray[np.float32]  # (N, D)
    sequences: Sequences
    messages: Messages | None = None  # None: built without them

    def __len__(self) -> int:
        return len(self.user_ids)

    def take(self, rows: NDArray[Any]) -> FeatureFrame:
        """The rows `rows` (indices or mask), in that order."""
        return FeatureFrame(
            self.user_ids[rows],
            self.cutoffs[rows],
            self.segments[rows],
            self.columns,
            self.values[rows],
            self.sequences.take(rows),
            None if self.messages is None else self.messages.take(rows),
        )


@dataclass(frozen=True, slots=True)
class EventTimes:
    """When in the label window the churn rule was decided, of N rows.

    The event is the end of the membership (`leave`) or the first sign of staying (`return`), as
    the rule has it.
    """

    event: Literal["leave", "return"]
    horizon_days: int
    day: NDArray[np.float32]  # (N,) days from the window's start to the event; inf: not seen
    observed_days: NDArray[np.float32]  # (N,) days of the window that count; mature: the horizon

    def take(self, rows: NDArray[Any]) -> EventTimes:
        """The times of `rows` (indices or mask)."""
        return replace(self, day=self.day[rows], observed_days=self.observed_days[rows])


@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """Features with what came after: 1 = churned in the label window."""

    frame: FeatureFrame
    label: NDArray[np.float32]  # (N,) 0 or 1
    weight: NDArray[np.float32]  # (N,) 1 unless honest labelling says otherwise
    times: EventTimes | None = None  # only where a model was asked for that learns from them

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, rows: NDArray[Any]) -> LabelledFrame:
        """The rows `rows` (indices or mask), in that order."""
        times = None if self.times is None else self.times.take(rows)
        return LabelledFrame(self.frame.take(rows), self.label[rows], self.weight[rows], times)


def concatenate(parts: Sequence[LabelledFrame]) -> LabelledFrame:
    """The rows of `parts` one after another.

    The parts must share their columns and their flat arrays of events and messages, as the
    frames of one `build_labelled` do, or have none. Raises `ValueError` otherwise.
    """
    first = parts[0].frame
    for part in parts[1:]:
        events, own = first.sequences.kind, part.frame.sequences.kind
        if part.frame.columns != first.columns or (own is not events and (len(own) or len(events))):
            raise ValueError("frames of different builds cannot be concatenated")
    frame = FeatureFrame(
        np.concatenate([part.frame.user_ids for part in parts]),
        np.concatenate([part.frame.cutoffs for part in parts]),
        np.concatenate([part.frame.segments for part in parts]),
        first.columns,
        np.concatenate([part.frame.values for part in parts]),
        replace(
            first.sequences,
            start=np.concatenate([part.frame.sequences.start for part in parts]),
            stop=np.concatenate([part.frame.sequences.stop for part in parts]),
        ),
        joined([part.frame.messages for part in parts]),
    )
    return LabelledFrame(
        frame,
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.weight for part in parts]),
        _times_of(parts),
    )


def _times_of(parts: Sequence[LabelledFrame]) -> EventTimes | None:
    """The times of all parts; None unless every part has them."""
    times = [part.times for part in parts if part.times is not None]
    if not times or len(times) < len(parts):
        return None
    return replace(
        times[0],
        day=np.concatenate([part.day for part in times]),
        observed_days=np.concatenate([part.observed_days for part in times]),
    )

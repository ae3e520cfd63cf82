"""Events made ready for a net: vocabularies, channels, and batches padded to their longest row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.features.frame import FeatureFrame, Sequences

DAY_S = 86_400.0
WEEK_S = 7 * DAY_S
EPOCH_WEEKDAY_S = 3 * DAY_S  # 1970-01-01 was a Thursday; weeks here begin on Monday

CHANNELS = 7
"""value, gap, age, sine and cosine of the hour, sine and cosine of the weekday."""

UNKNOWN = 0
"""Row of every embedding table for what was not seen in training."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Names seen in training; name i has the embedding row i + 1, row 0 is the unknown."""

    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names) + 1

    @classmethod
    def fit(
        cls,
        index: NDArray[np.unsignedinteger[Any]],
        names: tuple[str, ...],
        *,
        at_least: int,
        at_most: int,
    ) -> Vocabulary:
        """The names that occur `at_least` times in `index`, the most frequent `at_most` of them."""
        counts = np.bincount(index, minlength=len(names))
        frequent = Counter(
            {name: int(n) for name, n in zip(names, counts, strict=True) if n >= at_least}
        )
        return cls(tuple(sorted(name for name, _ in frequent.most_common(at_most))))

    def rows(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        """The embedding row of each of `names`."""
        known = {name: row for row, name in enumerate(self.names, start=1)}
        return np.array([known.get(name, UNKNOWN) for name in names], np.int64)


@dataclass(frozen=True, slots=True)
class EventEncoder:
    """Vocabularies and the scale of event values, fitted on training rows only."""

    kinds: Vocabulary
    topics: Vocabulary
    value_mean: float
    value_scale: float
    max_events: int

    @classmethod
    def fit(cls, frame: FeatureFrame, *, max_events: int, at_least: int = 5) -> EventEncoder:
        """Names are kept when they occur at least `at_least` times among the training events."""
        sequences = frame.sequences
        used = used_events(sequences)
        value = sequences.value[used].astype(np.float64)
        value = value[np.isfinite(value)]
        scale = float(value.std()) if len(value) else 0.0
        return cls(
            Vocabulary.fit(sequences.kind[used], sequences.kinds, at_least=at_least, at_most=512),
            Vocabulary.fit(
                sequences.topic[used], sequences.topics, at_least=at_least, at_most=4096
            ),
            float(value.mean()) if len(value) else 0.0,
            scale if scale > 0 else 1.0,
            max_events,
        )

    def config(self) -> dict[str, Any]:
        """JSON of the encoder."""
        return {
            "kinds": list(self.kinds.names),
            "topics": list(self.topics.names),
            "value_mean": self.value_mean,
            "value_scale": self.value_scale,
            "max_events": self.max_events,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> EventEncoder:
        """The encoder that `config` described."""
        return cls(
            Vocabulary(tuple(config["kinds"])),
            Vocabulary(tuple(config["topics"])),
            float(config["value_mean"]),
            float(config["value_scale"]),
            int(config["max_events"]),
        )


@dataclass(frozen=True, slots=True)
class EventBatch:
    """B rows of up to T events, oldest first, padded at the end; lengths may be 0."""

    kind: Tensor  # (B, T) int64
    topic: Tensor  # (B, T) int64
    channels: Tensor  # (B, T, CHANNELS) float32
    length: Tensor  # (B,) int64

    def to(self, device: torch.device) -> EventBatch:
        """The same batch in the memory of `device`."""
        return EventBatch(
            self.kind.to(device),
            self.topic.to(device),
            self.channels.to(device),
            self.length.to(device),
        )


class EventReader:
    """The events of one frame, encoded batch by batch: the cost is that of the rows asked for."""

    def __init__(self, encoder: EventEncoder, frame: FeatureFrame) -> None:
        self.sequences = frame.sequences
        stop = frame.sequences.stop
        self.start = np.maximum(frame.sequences.start, stop - encoder.max_events)
        self.length = stop - self.start  # (N,)
        self._encoder = encoder
        self._kind_row = encoder.kinds.rows(frame.sequences.kinds)
        self._topic_row = encoder.topics.rows(frame.sequences.topics)
        self._cutoff_s = frame.cutoffs.astype("datetime64[s]").astype(np.float64)

    def batch(self, rows: NDArray[Any], kept: NDArray[np.bool_] | None = None) -> EventBatch:
        """The events of the rows with these indices.

        `kept` (rows, longest of them) says which of a row's events are read; None: all of them.
        """
        length = self.length[rows]
        present = _places(length)
        owned = self.start[rows][:, None] + np.arange(present.shape[1])
        if kept is not None:
            chosen = present & kept
            event, length = owned[chosen], chosen.sum(axis=1)
            present = _places(length)
        else:
            event = owned[present]
        kind = np.zeros(present.shape, np.int64)
        topic = np.zeros(present.shape, np.int64)
        channels = np.zeros((*present.shape, CHANNELS), np.float32)
        kind[present] = self._kind_row[self.sequences.kind[event]]
        topic[present] = self._topic_row[self.sequences.topic[event]]
        row_of_event, position_of_event = np.nonzero(present)
        first = position_of_event == 0
        channels[present] = self._channels(
            event, np.where(first, event, np.roll(event, 1)), self._cutoff_s[rows][row_of_event]
        )
        return EventBatch(
            torch.from_numpy(kind),
            torch.from_numpy(topic),
            torch.from_numpy(channels),
            torch.from_numpy(length.astype(np.int64)),
        )

    def _channels(
        self, event: NDArray[np.int64], previous: NDArray[np.int64], cutoff_s: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        seconds = self.sequences.occurred_s[event].astype(np.float64)
        before = self.sequences.occurred_s[previous].astype(np.float64)
        value = (self.sequences.value[event] - self._encoder.value_mean) / self._encoder.value_scale
        hour = 2 * np.pi * (seconds % DAY_S) / DAY_S
        weekday = 2 * np.pi * ((seconds + EPOCH_WEEKDAY_S) % WEEK_S) / WEEK_S
        return np.stack(
            [
                np.clip(np.nan_to_num(value), -5, 5),
                # Late arrivals may be out of order: a negative gap counts as none.
                np.log1p(np.maximum(seconds - before, 0) / DAY_S),
                np.log1p(np.maximum(cutoff_s - seconds, 0) / DAY_S),
                np.sin(hour),
                np.cos(hour),
                np.sin(weekday),
                np.cos(weekday),
            ],
            axis=1,
        ).astype(np.float32)

    def by_length(self, size: int) -> Iterator[NDArray[np.int64]]:
        """All rows in batches of `size`, rows of like length together."""
        order = np.argsort(self.length, kind="stable")
        for start in range(0, len(order), size):
            yield order[start : start + size]


def _places(length: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(B, T) whether a place of a padded batch holds an event; T is at least 1."""
    return np.arange(max(1, int(length.max(initial=0)))) < length[:, None]


def used_events(sequences: Sequences) -> NDArray[np.bool_]:
    """Which of the flat events at least one row owns, shape (E,)."""
    change = np.zeros(len(sequences.kind) + 1, np.int64)
    filled = sequences.stop > sequences.start
    np.add.at(change, sequences.start[filled], 1)
    np.add.at(change, sequences.stop[filled], -1)
    return np.asarray(np.cumsum(change)[:-1] > 0)


class EventEmbedding(nn.Module):
    """(B, T) kinds and topics, (B, T, CHANNELS) -> (B, T, width).

    In training a name is replaced by the unknown with probability `to_unknown`, so that names
    first met when scoring have a sensible vector.
    """

    def __init__(
        self, kinds: int, topics: int, *, kind_width: int, topic_width: int, to_unknown: float
    ) -> None:
        super().__init__()
        self.kind = nn.Embedding(kinds, kind_width)
        self.topic = nn.Embedding(topics, topic_width)
        self.to_unknown = to_unknown
        self.width = kind_width + topic_width + CHANNELS

    def forward(self, batch: EventBatch) -> Tensor:
        """The embedded events."""
        kind = self.kind(self._forget(batch.kind))
        topic = self.topic(self._forget(batch.topic))
        return torch.cat([kind, topic, batch.channels], dim=2)

    def _forget(self, index: Tensor) -> Tensor:
        if not self.training or self.to_unknown == 0:
            return index
        kept = torch.rand(index.shape, device=index.device) >= self.to_unknown
        return index * kept

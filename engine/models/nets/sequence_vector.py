"""A pretrained encoder of event sequences, frozen: last events in, a short vector out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.features.frame import FeatureFrame
from engine.models.base import Arrays, Config
from engine.models.nets.encode import EventBatch, EventEmbedding, EventEncoder, EventReader
from engine.models.nets.pool import GruPool

ENCODING_BATCH = 2048


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Sizes of the encoder."""

    hidden: int = 64  # of the GRU
    width: int = 32  # of the vector
    kind_width: int = 16
    topic_width: int = 8
    to_unknown: float = 0.02
    max_events: int = 64


class SequenceEncoder(nn.Module):
    """Embedding -> GRU -> last state beside the mean of the states -> linear: (B, width)."""

    def __init__(self, config: EncoderConfig, kinds: int, topics: int) -> None:
        super().__init__()
        self.embedding = EventEmbedding(
            kinds,
            topics,
            kind_width=config.kind_width,
            topic_width=config.topic_width,
            to_unknown=config.to_unknown,
        )
        self.pool = GruPool(self.embedding.width, config.hidden)
        self.project = nn.Linear(self.pool.width, config.width)

    def forward(self, batch: EventBatch) -> Tensor:
        """One vector a row."""
        return self.vector(self.states(batch), batch.length)

    def states(self, batch: EventBatch) -> Tensor:
        """One state an event, (B, T, hidden); each has seen the events up to its own."""
        return self.pool.states(self.embedding(batch), batch.length)

    def vector(self, states: Tensor, length: Tensor) -> Tensor:
        """The vectors of rows with these states."""
        vector: Tensor = self.project(self.pool.pooled(states, length))
        return vector


class SequenceVector:
    """The vocabulary and the weights of one pretrained encoder."""

    def __init__(
        self, events: EventEncoder, config: EncoderConfig, module: SequenceEncoder
    ) -> None:
        self.events = events
        self.config = config
        self.module = module.eval()

    @classmethod
    def build(cls, frame: FeatureFrame, config: EncoderConfig) -> SequenceVector:
        """A vocabulary fitted on `frame`, weights drawn from torch's present random state."""
        events = EventEncoder.fit(frame, max_events=config.max_events)
        module = SequenceEncoder(config, len(events.kinds), len(events.topics))
        return cls(events, config, module)

    @property
    def width(self) -> int:
        """Numbers a row."""
        return self.config.width

    def vectors(self, frame: FeatureFrame) -> NDArray[np.float32]:
        """One vector a row, (N, width); rows of like length are encoded together."""
        reader = EventReader(self.events, frame)
        result = np.empty((len(frame), self.width), np.float32)
        with torch.inference_mode():
            for rows in reader.by_length(ENCODING_BATCH):
                result[rows] = self.module(reader.batch(rows)).numpy()
        return result

    def state(self) -> tuple[Arrays, Config]:
        """Weights, vocabularies and sizes."""
        arrays = {
            name: weight.detach().cpu().numpy().copy()
            for name, weight in self.module.state_dict().items()
        }
        return arrays, {"encoder": asdict(self.config), "events": self.events.config()}

    @classmethod
    def from_state(
        cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
    ) -> SequenceVector:
        """The encoder that `state` described."""
        sizes = EncoderConfig(**config["encoder"])
        events = EventEncoder.from_config(config["events"])
        # The drawn weights are overwritten at once: keep the caller's random state as it was.
        with torch.random.fork_rng(devices=[]):
            module = SequenceEncoder(sizes, len(events.kinds), len(events.topics))
        module.load_state_dict(
            {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
        )
        return cls(events, sizes, module)

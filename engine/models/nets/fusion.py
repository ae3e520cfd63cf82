"""Prepared numbers and a pooled sequence fused into one log-odds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.models.nets.encode import EventBatch, EventEmbedding
from engine.models.nets.pool import GruPool


@dataclass(frozen=True, slots=True)
class NetConfig:
    """Sizes and regularisers of the net."""

    hidden: int = 64  # of the GRU
    kind_width: int = 16
    topic_width: int = 8
    layer: int = 128  # width of the two hidden layers
    dropout: float = 0.15
    to_unknown: float = 0.02
    members: int = 1  # TabM-mini heads: a sign vector and an output each, the layers shared
    max_events: int = 32


class FusionModule(nn.Module):
    """Embedding -> GRU -> concat with numbers -> shared layers -> mean of the members' log-odds.

    With more than one member, each sees the input through its own scaling vector, drawn as random
    signs (Gorishniy et al., TabM, arXiv 2410.24210); the loss is averaged over the members.
    """

    def __init__(self, config: NetConfig, numbers: int, kinds: int, topics: int) -> None:
        super().__init__()
        self.embedding = EventEmbedding(
            kinds,
            topics,
            kind_width=config.kind_width,
            topic_width=config.topic_width,
            to_unknown=config.to_unknown,
        )
        self.pool = GruPool(self.embedding.width, config.hidden)
        width = numbers + self.pool.width
        signs = torch.randint(0, 2, (config.members, width)).float() * 2 - 1
        self.scaling = nn.Parameter(signs if config.members > 1 else torch.ones(1, width))
        self.layers = nn.Sequential(
            nn.Linear(width, config.layer),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.layer, config.layer),
            nn.ReLU(),
            nn.Dropout(config.dropout),
        )
        bound = config.layer**-0.5
        self.output = nn.Parameter(
            torch.empty(config.members, config.layer).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.zeros(config.members))

    def encode(self, batch: EventBatch) -> Tensor:
        """The pooled vector of every row, shape (B, 2 · hidden)."""
        pooled: Tensor = self.pool(self.embedding(batch), batch.length)
        return pooled

    def members(self, numbers: Tensor, pooled: Tensor) -> Tensor:
        """The log-odds of every member, shape (B, members)."""
        fused = torch.cat([numbers, pooled], dim=1).unsqueeze(1) * self.scaling
        hidden: Tensor = self.layers(fused)
        return (hidden * self.output).sum(dim=2) + self.bias

    def head(self, numbers: Tensor, pooled: Tensor) -> Tensor:
        """The mean log-odds over the members, shape (B,)."""
        return self.members(numbers, pooled).mean(dim=1)

    def forward(self, numbers: Tensor, batch: EventBatch) -> Tensor:
        """The log-odds of every member, shape (B, members)."""
        return self.members(numbers, self.encode(batch))

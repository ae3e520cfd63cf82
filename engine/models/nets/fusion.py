"""Prepared numbers and a pooled sequence fused into one log-odds."""

from __future__ import annotations

from statistics import NormalDist
from typing import cast

import torch
from torch import Tensor, nn

from engine.models.nets.config import NetConfig
from engine.models.nets.encode import EventBatch, EventEmbedding
from engine.models.nets.hazard import by_horizon
from engine.models.nets.head import Head
from engine.models.nets.pool import make_pool


class FusionModule(nn.Module):
    """Embedding -> pool -> concat with numbers -> shared layers -> mean of the members' log-odds.

    With more than one member, each sees the input through its own scaling vector, drawn as random
    signs (Gorishniy et al., TabM, arXiv 2410.24210); the loss is averaged over the members. With
    bins, a member gives one log-odds a bin (see `hazard`). A net without a pool has no embedding,
    and its pooled vectors have no column.
    """

    def __init__(self, config: NetConfig, numbers: int, kinds: int, topics: int) -> None:
        super().__init__()
        self.config = config
        self.embedding = None
        self.pool = None
        if config.pool != "none":
            self.embedding = EventEmbedding(
                kinds,
                topics,
                kind_width=config.kind_width,
                topic_width=config.topic_width,
                to_unknown=config.to_unknown,
            )
            self.pool = make_pool(config, self.embedding.width)
        self.pieces = PiecewiseLinear(config.number_pieces) if config.number_pieces else None
        width = numbers * max(1, config.number_pieces) + self.pooled_width
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
        outputs = config.members * config.outputs
        self.output = nn.Parameter(torch.empty(outputs, config.layer).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs))

    @property
    def pooled_width(self) -> int:
        """H, the width of a pooled sequence."""
        return 0 if self.pool is None else self.pool.width

    def embed(self, batch: EventBatch) -> Tensor:
        """The embedded events (B, T, width); of no width in a net without a pool."""
        if self.embedding is None:
            return batch.channels[:, :, :0]
        embedded: Tensor = self.embedding(batch)
        return embedded

    def pooled(self, embedded: Tensor, length: Tensor) -> Tensor:
        """The pooled vector of every row, shape (B, H)."""
        if self.pool is None:
            return embedded.new_zeros((len(length), 0))
        pooled: Tensor = self.pool(embedded, length)
        return pooled

    def encode(self, batch: EventBatch) -> Tensor:
        """The pooled vector of every row, shape (B, H)."""
        return self.pooled(self.embed(batch), batch.length)

    def inputs(self, numbers: Tensor, pooled: Tensor) -> Tensor:
        """What the first layer reads, (B, I): the numbers' pieces beside the pooled vector."""
        if self.pieces is not None:
            numbers = self.pieces(numbers)
        return torch.cat([numbers, pooled], dim=1)

    def bins(self, numbers: Tensor, pooled: Tensor) -> Tensor:
        """The log-odds of every member and bin, shape (B, members, K)."""
        return self._bins(self.layers(self.inputs(numbers, pooled).unsqueeze(1) * self.scaling))

    def horizons(self, numbers: Tensor, pooled: Tensor) -> Tensor:
        """The mean log-odds over the members of churn by the end of each bin, shape (B, K)."""
        return self._horizons(self.bins(numbers, pooled))

    def head(self) -> Head:
        """`inputs` -> the mean log-odds over the members of churn by the horizon.

        What it reads of a row above the first map is the first layer's sum for every member.
        """
        first, rest = cast(nn.Linear, self.layers[0]), self.layers[1:]
        members, layer = self.config.members, self.config.layer

        def above(sums: Tensor) -> Tensor:
            return self._horizons(self._bins(rest(sums.view(-1, members, layer))))[:, -1]

        weight = first.weight.detach() * self.scaling.detach().unsqueeze(1)
        return Head(weight.flatten(end_dim=1), first.bias.detach().repeat(members), above)

    def _bins(self, hidden: Tensor) -> Tensor:
        shape = (self.config.members, self.config.outputs, self.config.layer)
        return (hidden.unsqueeze(2) * self.output.view(shape)).sum(dim=3) + self.bias.view(
            shape[:2]
        )

    def _horizons(self, bins: Tensor) -> Tensor:
        return by_horizon(bins, self.config.bin_event).mean(dim=1)

    def forward(self, numbers: Tensor, batch: EventBatch) -> Tensor:
        """The log-odds of every member and bin, shape (B, members, K)."""
        return self.bins(numbers, self.encode(batch))


class PiecewiseLinear(nn.Module):
    """(B, P) -> (B, P · pieces): how far a number has passed each piece of its range.

    Prepared numbers are normal scores, so the pieces end at quantiles of the normal distribution;
    the outer two are open (Gorishniy et al. 2022, On embeddings for numerical features).
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        inner = [NormalDist().inv_cdf(place / pieces) for place in range(1, pieces)]
        knots = torch.tensor([-3.0, *inner, 3.0])
        self.register_buffer("knots", knots, persistent=False)

    knots: Tensor

    def forward(self, numbers: Tensor) -> Tensor:
        """The pieces of every number side by side."""
        start, stop = self.knots[:-1], self.knots[1:]
        low, high = torch.zeros_like(start), torch.ones_like(start)
        low[0], high[-1] = -torch.inf, torch.inf
        passed = (numbers.unsqueeze(2) - start) / (stop - start)
        return passed.clamp(low, high).flatten(start_dim=1)

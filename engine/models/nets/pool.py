"""A sequence of embedded events pooled into one vector: last state beside the mean of the states.

Padding stands at the end and no state at padding is ever read, so a row's vector does not depend
on the batch it came in. Padded batches of rows of like length are used rather than packed ones
because the backward pass of a packed GRU costs three to six times as much on a CPU.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.models.nets.config import NetConfig

DILATIONS = (1, 2, 4, 8)
"""Of the convolutions: with a kernel of 3 the last state sees 31 events."""

KERNEL = 3
ATTENTION_LAYERS = 2
ATTENTION_HEADS = 4


class SequencePool(nn.Module, ABC):
    """(B, T, width) and lengths (B,) -> (B, 2 · hidden); no events: a learned vector."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.empty = nn.Parameter(torch.zeros(2 * hidden))
        self.width = 2 * hidden

    @abstractmethod
    def states(self, events: Tensor, length: Tensor) -> Tensor:
        """One state an event, (B, T, hidden); at padding whatever comes out."""

    def forward(self, events: Tensor, length: Tensor) -> Tensor:
        """Last state ‖ mean of the states."""
        if int(length.max()) == 0:
            return self.empty.expand(len(length), -1)
        return self.pooled(self.states(events, length), length)

    def pooled(self, states: Tensor, length: Tensor) -> Tensor:
        """Last state ‖ mean of the states (B, T, hidden) of rows of these lengths."""
        row = torch.arange(len(length), device=length.device)
        last = states[row, (length - 1).clamp(min=0)]
        present = _present(states, length)
        count = length.clamp(min=1).unsqueeze(1)
        mean = (states * present.unsqueeze(2)).sum(dim=1) / count
        pooled = torch.cat([last, mean], dim=1)
        return torch.where((length > 0).unsqueeze(1), pooled, self.empty)


class GruPool(SequencePool):
    """A gated recurrent unit, forward in time."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(hidden)
        self.gru = nn.GRU(width, hidden, batch_first=True)

    def states(self, events: Tensor, length: Tensor) -> Tensor:
        """The hidden states."""
        states: Tensor = self.gru(events)[0]
        return states


class LstmPool(SequencePool):
    """A long short-term memory, forward in time."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(hidden)
        self.lstm = nn.LSTM(width, hidden, batch_first=True)

    def states(self, events: Tensor, length: Tensor) -> Tensor:
        """The hidden states."""
        states: Tensor = self.lstm(events)[0]
        return states


class ConvPool(SequencePool):
    """Residual dilated convolutions that look back only (van den Oord et al. 2016)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(hidden)
        self.enter = nn.Linear(width, hidden)
        self.layers = nn.ModuleList(
            nn.Conv1d(hidden, hidden, KERNEL, dilation=dilation) for dilation in DILATIONS
        )

    def states(self, events: Tensor, length: Tensor) -> Tensor:
        """The sum of what every layer adds, through a last ReLU."""
        state = self.enter(events).transpose(1, 2)
        for layer, dilation in zip(self.layers, DILATIONS, strict=True):
            before = functional.pad(functional.relu(state), ((KERNEL - 1) * dilation, 0))
            state = state + layer(before)
        return functional.relu(state).transpose(1, 2)


class AttentionPool(SequencePool):
    """Two layers of self-attention over the events of a row, each with a learned position.

    Positions count back from the newest event; the age and the gap of an event are among its
    channels.
    """

    def __init__(self, width: int, hidden: int, most_events: int) -> None:
        super().__init__(hidden)
        self.enter = nn.Linear(width, hidden)
        self.position = nn.Embedding(most_events, hidden)
        self.layers = nn.ModuleList(_AttentionLayer(hidden) for _ in range(ATTENTION_LAYERS))
        self.norm = nn.LayerNorm(hidden)
        nn.init.normal_(self.position.weight, std=0.02)

    def states(self, events: Tensor, length: Tensor) -> Tensor:
        """The normalised outputs of the last layer."""
        place = torch.arange(events.shape[1], device=length.device)
        back = (length.unsqueeze(1) - 1 - place).clamp(0, self.position.num_embeddings - 1)
        state = self.enter(events) + self.position(back)
        # A row without events attends to its padding: not a number would spread through the mean.
        seen = _present(events, length.clamp(min=1))
        for layer in self.layers:
            state = layer(state, seen)
        normalised: Tensor = self.norm(state)
        return normalised


class _AttentionLayer(nn.Module):
    """Self-attention, then two linear maps, each behind a norm and added to what came in."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.heads = ATTENTION_HEADS if hidden % ATTENTION_HEADS == 0 else 1
        self.before_attention = nn.LayerNorm(hidden)
        self.query_key_value = nn.Linear(hidden, 3 * hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.feed = nn.Sequential(
            nn.LayerNorm(hidden),
            nn.Linear(hidden, 2 * hidden),
            nn.ReLU(),
            nn.Linear(2 * hidden, hidden),
        )

    def forward(self, state: Tensor, seen: Tensor) -> Tensor:
        """(B, T, hidden) and which events may be attended to (B, T) -> (B, T, hidden)."""
        rows, events, hidden = state.shape
        split = self.query_key_value(self.before_attention(state))
        query, key, value = (
            part.view(rows, events, self.heads, -1).transpose(1, 2)
            for part in split.chunk(3, dim=2)
        )
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=seen[:, None, None, :]
        )
        state = state + self.mix(attended.transpose(1, 2).reshape(rows, events, hidden))
        added: Tensor = state + self.feed(state)
        return added


def make_pool(config: NetConfig, width: int) -> SequencePool | None:
    """The pool that `config` names for events of this width; None: sequences are not read."""
    if config.pool == "gru":
        return GruPool(width, config.hidden)
    if config.pool == "lstm":
        return LstmPool(width, config.hidden)
    if config.pool == "conv":
        return ConvPool(width, config.hidden)
    if config.pool == "attention":
        return AttentionPool(width, config.hidden, config.max_events)
    return None


def _present(states: Tensor, length: Tensor) -> Tensor:
    """(B, T) whether a place holds an event."""
    return torch.arange(states.shape[1], device=length.device) < length.unsqueeze(1)

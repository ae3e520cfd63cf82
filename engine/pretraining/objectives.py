"""What an encoder learns without labels: likeness of one user's histories, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.features.histories import WEEKS_AHEAD
from engine.models.nets.encode import EventBatch
from engine.models.nets.sequence_vector import SequenceEncoder

TEMPERATURE = 0.1
"""Of the contrast: lower looks harder at the nearest strangers."""

GAP_CHANNEL = 1
"""Among the channels of an event: log1p of the days since the one before."""


class Objectives(nn.Module):
    """The encoder with the heads that only pretraining needs."""

    def __init__(self, encoder: SequenceEncoder, kinds: int) -> None:
        super().__init__()
        self.encoder = encoder
        hidden = encoder.pool.width // 2
        self.next_kind = nn.Linear(hidden, kinds)
        self.next_gap = nn.Linear(hidden, 1)
        self.weeks = nn.Linear(encoder.project.out_features, 3 * WEEKS_AHEAD)

    def forward(
        self, batch: EventBatch, user: Tensor, ahead: Tensor, names: Collection[str]
    ) -> dict[str, Tensor]:
        """The losses `names`; `user` (B,) and `ahead` (B, W) as in `Histories`."""
        states = self.encoder.states(batch)
        vector = self.encoder.vector(states, batch.length)
        losses: dict[str, Callable[[], Tensor]] = {
            "next_event": lambda: self._next_event(batch, states),
            "next_weeks": lambda: next_weeks(self.weeks(vector), ahead),
            "contrast": lambda: contrast(vector, user),
        }
        return {name: losses[name]() for name in names}

    def _next_event(self, batch: EventBatch, states: Tensor) -> Tensor:
        """Kind and gap of the event after each, from the state that has seen those before it."""
        place = torch.arange(states.shape[1])
        followed = (place + 1 < batch.length.unsqueeze(1))[:, :-1]
        if not followed.any():
            return states.sum() * 0
        seen = states[:, :-1][followed]
        kind = functional.cross_entropy(self.next_kind(seen), batch.kind[:, 1:][followed])
        gap = functional.smooth_l1_loss(
            self.next_gap(seen).squeeze(1), batch.channels[:, 1:, GAP_CHANNEL][followed]
        )
        return 0.5 * kind + gap


def next_weeks(outputs: Tensor, ahead: Tensor) -> Tensor:
    """What the weeks bring, from outputs (B, 3 W) and activities `ahead` (B, W).

    Three questions of each week: is the user seen in it, in it or any later one, and how often
    (by the logarithm)? Weeks that are not over (NaN) ask nothing.
    """
    seen, from_then_on, often = outputs.chunk(3, dim=1)
    later = ahead.flip(1).cumsum(dim=1).flip(1)
    losses = [
        _over(functional.binary_cross_entropy_with_logits, seen, (ahead > 0).float(), ahead),
        _over(
            functional.binary_cross_entropy_with_logits, from_then_on, (later > 0).float(), later
        ),
        _over(functional.smooth_l1_loss, often, torch.log1p(ahead), ahead),
    ]
    return torch.stack(losses).sum()


def _over(
    loss: Callable[[Tensor, Tensor], Tensor], outputs: Tensor, wanted: Tensor, known: Tensor
) -> Tensor:
    over = ~torch.isnan(known)
    return loss(outputs[over], wanted[over]) if over.any() else outputs.sum() * 0


def contrast(vector: Tensor, user: Tensor) -> Tensor:
    """Of vectors (B, H), those of one user shall be the nearest to each other.

    The logarithm of the share of the own ones in the softmax of cosines over the batch (CoLES,
    Babaev et al. 2022, with the loss of Chen et al. 2020). 0 where no user is there twice.
    """
    unit = functional.normalize(vector, dim=1)
    alone = torch.eye(len(user), dtype=torch.bool)
    cosine = (unit @ unit.T / TEMPERATURE).masked_fill(alone, -torch.inf)
    same = (user.unsqueeze(0) == user.unsqueeze(1)) & ~alone
    twice = same.any(dim=1)
    if not twice.any():
        return vector.sum() * 0
    share = (cosine - torch.logsumexp(cosine, dim=1, keepdim=True)).masked_fill(~same, 0.0)
    return -(share.sum(dim=1)[twice] / same.sum(dim=1)[twice]).mean()

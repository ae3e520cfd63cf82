"""What a search for settings tried: kept with the model, shown on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TRIALS = "trials"
"""Key of a model's metadata."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One fit of one candidate."""

    kind: str  # churn_net or hist_gradient_boosting
    parameters: Mapping[str, str | int | float]  # those that the space varies
    rounds: int  # epochs or trees it was given at most
    valid_log_loss: float
    seconds: float
    pruned: bool  # better candidates went on to the next rung without it

"""The family of nets: one module, and the named sets of sizes that `--model` chooses from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

PoolKind = Literal["gru", "lstm", "conv", "attention", "none"]
"""How a sequence becomes one vector; `none`: the net reads numbers only."""

BinEvent = Literal["leave", "return"]
"""What the day of a row is the day of: the end of a membership, or the first sign of staying."""

HORIZONS_DAYS = (7, 14, 30, 60, 90)
"""Ends of the bins of a discrete-time hazard, in days after the label window begins."""


@dataclass(frozen=True, slots=True)
class NetConfig:
    """Sizes and regularisers of the net; the defaults are what an old model file leaves out."""

    hidden: int = 64  # of the sequence pool
    kind_width: int = 16
    topic_width: int = 8
    layer: int = 128  # width of the two hidden layers
    dropout: float = 0.15
    to_unknown: float = 0.02
    members: int = 1  # TabM-mini heads: a sign vector and an output each, the layers shared
    max_events: int = 32
    pool: PoolKind = "gru"
    number_pieces: int = 0  # of the piecewise-linear embedding of a number; 0: none
    bins: tuple[int, ...] = ()  # ends of the hazard's bins, days; fewer than two: plain log loss
    bin_event: BinEvent = "leave"

    @property
    def outputs(self) -> int:
        """Log-odds that a member gives of a row: one a bin."""
        return max(1, len(self.bins))

    def for_labels(self, event: BinEvent, horizon_days: int) -> NetConfig:
        """The same net with its bins cut off at the horizon of the churn rule."""
        inner = [days for days in self.bins if days < horizon_days]
        return replace(self, bins=(*inner, horizon_days), bin_event=event)

    @classmethod
    def from_json(cls, config: Mapping[str, Any]) -> NetConfig:
        """The sizes that a model file holds; keys that it lacks keep their defaults."""
        return cls(**{**config, "bins": tuple(config.get("bins", ()))})


SHIPPED_NET = NetConfig(number_pieces=4)
"""What a training run starts from: measured in docs/guides/nets.md."""

NETS: Mapping[str, Mapping[str, Any]] = {
    "churn_net": {},
    "mlp": {"pool": "none"},
    "gru": {"pool": "gru"},
    "lstm": {"pool": "lstm"},
    "cnn": {"pool": "conv"},
    "attention": {"pool": "attention"},
    "tabm": {"pool": "none", "members": 8},
    "hazard": {"bins": HORIZONS_DAYS},
}
"""Name of a model -> what makes it differ; `churn_net` is the net as it is configured."""

SEQUENCE_MODELS = frozenset(
    {"auto", "blend"} | {name for name, own in NETS.items() if own.get("pool") != "none"}
)
"""Choices of a model that look at the order of events."""

TIMED_MODELS = frozenset(name for name, own in NETS.items() if own.get("bins"))
"""Choices of a model that learn from the day that decided a label."""


def net_named(name: str, base: NetConfig) -> NetConfig:
    """The net of that name, in everything else like `base`."""
    return replace(base, **NETS[name])

"""The net as a single model: prepared numbers fused with a GRU over the last events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.features.frame import FeatureFrame
from engine.models.base import Arrays, Config, SingleModel, check_columns
from engine.models.nets.encode import EventEncoder, EventReader
from engine.models.nets.fusion import FusionModule, NetConfig
from engine.models.numbers import NumberPreparer

SCORING_BATCH = 2048


class ChurnNet(SingleModel):
    """Encoders and weights of one trained net.

    Hooks for reasons: `encode` gives the two inputs of `head`, and `head` is differentiable in
    both; `number_columns` maps every prepared number to its raw column.
    """

    kind: ClassVar[str] = "churn_net"

    def __init__(
        self,
        columns: tuple[str, ...],
        numbers: NumberPreparer,
        events: EventEncoder,
        config: NetConfig,
        module: FusionModule,
    ) -> None:
        self.columns = columns
        self.numbers = numbers
        self.events = events
        self.config = config
        self.module = module.eval()

    @classmethod
    def build(cls, frame: FeatureFrame, config: NetConfig) -> ChurnNet:
        """Encoders fitted on `frame`, weights drawn from torch's present random state."""
        numbers = NumberPreparer.fit(frame.values)
        events = EventEncoder.fit(frame, max_events=config.max_events)
        module = FusionModule(config, numbers.width, len(events.kinds), len(events.topics))
        return cls(frame.columns, numbers, events, config, module)

    @property
    def number_columns(self) -> NDArray[np.int64]:
        """The raw column behind every prepared number, shape (P,)."""
        return self.numbers.source

    def prepare(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Raw values (N, D) -> prepared numbers (N, P)."""
        return self.numbers.transform(values)

    def encode(self, frame: FeatureFrame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Prepared numbers (N, P) and pooled sequences (N, H) of every row."""
        check_columns(self.kind, self.columns, frame.columns)
        return self.prepare(frame.values), self._pool(frame)

    def head(self, numbers: Tensor, pooled: Tensor) -> Tensor:
        """Log-odds (N,) of prepared numbers (N, P) and pooled vectors (N, H); differentiable."""
        return self.module.head(numbers, pooled)

    def log_odds(self, frame: FeatureFrame) -> NDArray[np.float64]:
        """The mean log-odds of the members, shape (N,)."""
        return self.encoded_log_odds(*self.encode(frame))

    def encoded_log_odds(
        self, numbers: NDArray[np.float32], pooled: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """`log_odds` of the rows that `encode` gave these numbers and pooled sequences."""
        result = np.empty(len(numbers), np.float64)
        with torch.inference_mode():
            for start in range(0, len(numbers), SCORING_BATCH):
                part = slice(start, start + SCORING_BATCH)
                result[part] = self.head(
                    torch.from_numpy(numbers[part]), torch.from_numpy(pooled[part])
                ).numpy()
        return result

    def _pool(self, frame: FeatureFrame) -> NDArray[np.float32]:
        reader = EventReader(self.events, frame)
        pooled = np.empty((len(frame), self.module.pool.width), np.float32)
        with torch.inference_mode():
            for rows in reader.by_length(SCORING_BATCH):
                pooled[rows] = self.module.encode(reader.batch(rows)).numpy()
        return pooled

    def state(self) -> tuple[Arrays, Config]:
        """Weights, the preparer's arrays, vocabularies and sizes."""
        arrays = self.numbers.state("numbers.")
        for name, weight in self.module.state_dict().items():
            arrays[f"net.{name}"] = weight.detach().numpy().copy()
        config = {
            "columns": list(self.columns),
            "net": asdict(self.config),
            "events": self.events.config(),
        }
        return arrays, config

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> ChurnNet:
        """The model that `state` described."""
        numbers = NumberPreparer.from_state(arrays, "numbers.")
        events = EventEncoder.from_config(config["events"])
        net = NetConfig(**config["net"])
        # The drawn weights are overwritten at once: keep the caller's random state as it was.
        with torch.random.fork_rng(devices=[]):
            module = FusionModule(net, numbers.width, len(events.kinds), len(events.topics))
        module.load_state_dict(
            {
                name.removeprefix("net."): torch.from_numpy(np.array(value))
                for name, value in arrays.items()
                if name.startswith("net.")
            }
        )
        return cls(tuple(config["columns"]), numbers, events, net, module)

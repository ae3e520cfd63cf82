"""The net as a single model: prepared numbers fused with what a pool makes of the last events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from engine.features.frame import FeatureFrame
from engine.models.base import Arrays, Config, SingleModel, check_columns
from engine.models.nets.config import NetConfig
from engine.models.nets.encode import EventEncoder, EventReader
from engine.models.nets.fusion import FusionModule
from engine.models.nets.hazard import horizons
from engine.models.nets.head import Head
from engine.models.numbers import NumberPreparer

SCORING_BATCH = 2048


class ChurnNet(SingleModel):
    """Encoders and weights of one trained net.

    Hooks for reasons: of what `encode` gives, `inputs` makes what `head` reads, and
    `input_columns` maps every input to its raw column.
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
        # A net without a pool must not change with names that it does not read.
        read = frame if config.pool != "none" else frame.take(np.arange(0))
        events = EventEncoder.fit(read, max_events=config.max_events)
        module = FusionModule(config, numbers.width, len(events.kinds), len(events.topics))
        return cls(frame.columns, numbers, events, config, module)

    @property
    def reads_sequences(self) -> bool:
        """Whether the net has a pool."""
        return self.module.pool is not None

    @property
    def pooled_width(self) -> int:
        """H, the width of a pooled sequence; 0 without a pool."""
        return self.module.pooled_width

    @property
    def input_columns(self) -> NDArray[np.int64]:
        """The raw column behind every input of `head`, shape (I,); -1 behind a pooled vector's."""
        pieces = max(1, self.config.number_pieces)
        numbers = np.repeat(self.numbers.source, pieces)
        return np.append(numbers, np.full(self.pooled_width, -1))

    def prepare(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Raw values (N, D) -> prepared numbers (N, P)."""
        return self.numbers.transform(values)

    def encode(self, frame: FeatureFrame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Prepared numbers (N, P) and pooled sequences (N, H) of every row."""
        check_columns(self.kind, self.columns, frame.columns)
        return self.prepare(frame.values), self._pool(frame)

    def inputs(
        self, numbers: NDArray[np.float32], pooled: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Prepared numbers (N, P) and pooled vectors (N, H) -> inputs (N, I) of `head`."""
        with torch.inference_mode():
            return self.module.inputs(torch.from_numpy(numbers), torch.from_numpy(pooled)).numpy()

    def head(self) -> Head:
        """Inputs -> log-odds, as one linear map and the rest; differentiable."""
        return self.module.head()

    def log_odds(self, frame: FeatureFrame) -> NDArray[np.float64]:
        """The mean log-odds of the members, shape (N,)."""
        return self.encoded_log_odds(*self.encode(frame))

    def encoded_log_odds(
        self, numbers: NDArray[np.float32], pooled: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """`log_odds` of the rows that `encode` gave these numbers and pooled sequences."""
        return self._horizons(numbers, pooled)[:, -1].astype(np.float64)

    def horizon_log_odds(self, frame: FeatureFrame) -> dict[int, NDArray[np.float64]]:
        """Days -> log-odds (N,) of churn had the churn rule that horizon; the last is `log_odds`.

        Empty for a net without bins. The risk rises with the days where the event is leaving, and
        falls where it is the first sign of staying.
        """
        return horizons(self.config.bins, self._horizons(*self.encode(frame)))

    def _horizons(
        self, numbers: NDArray[np.float32], pooled: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        result = np.empty((len(numbers), self.config.outputs), np.float32)
        with torch.inference_mode():
            for start in range(0, len(numbers), SCORING_BATCH):
                part = slice(start, start + SCORING_BATCH)
                inputs = (torch.from_numpy(array[part]) for array in (numbers, pooled))
                found = self.module.horizons(*(array.to(self._device) for array in inputs))
                result[part] = found.cpu().numpy()
        return result

    def _pool(self, frame: FeatureFrame) -> NDArray[np.float32]:
        pooled = np.empty((len(frame), self.pooled_width), np.float32)
        if not self.reads_sequences:
            return pooled
        reader = EventReader(self.events, frame)
        with torch.inference_mode():
            for rows in reader.by_length(SCORING_BATCH):
                batch = reader.batch(rows).to(self._device)
                pooled[rows] = self.module.encode(batch).cpu().numpy()
        return pooled

    @property
    def _device(self) -> torch.device:
        return self.module.output.device

    def state(self) -> tuple[Arrays, Config]:
        """Weights, the preparer's arrays, vocabularies and sizes."""
        arrays = self.numbers.state("numbers.")
        for name, weight in self.module.state_dict().items():
            arrays[f"net.{name}"] = weight.detach().cpu().numpy().copy()
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
        net = NetConfig.from_json(config["net"])
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

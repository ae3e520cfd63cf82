"""Boosted trees over the columns and over the vector of a pretrained encoder of sequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import FeatureFrame, LabelledFrame
from engine.models.base import Arrays, Config, SingleModel, check_columns
from engine.models.trees import TreeConfig, TreeEnsemble, TreeModel

if TYPE_CHECKING:
    from engine.models.nets.sequence_vector import SequenceVector

ENCODER = "encoder."


class SequenceTrees(SingleModel):
    """Histogram gradient boosting on D columns followed by the H numbers of a frozen encoder.

    The encoder is kept with the trees. `encode` gives what the trees read, columns and vectors
    apart, as that of a net does.
    """

    kind: ClassVar[str] = "sequence_trees"

    def __init__(self, ensemble: TreeEnsemble, vector: SequenceVector) -> None:
        self.ensemble = ensemble
        self.vector = vector
        self.columns = ensemble.columns[: len(ensemble.columns) - vector.width]

    @classmethod
    def fit(
        cls,
        rows: LabelledFrame,
        validate: LabelledFrame | None,
        config: TreeConfig,
        vector: SequenceVector,
        *,
        seed: int,
        threads: int,
    ) -> SequenceTrees:
        """As `TreeModel.fit`; the encoder stays as it is."""
        trees = TreeModel.fit(
            _widened(rows, vector),
            None if validate is None else _widened(validate, vector),
            config,
            seed=seed,
            threads=threads,
        )
        return cls(trees.ensemble, vector)

    @property
    def reads_sequences(self) -> bool:
        """Always."""
        return True

    @property
    def pooled_width(self) -> int:
        """H, the numbers of a vector."""
        return self.vector.width

    def encode(self, frame: FeatureFrame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Raw columns (N, D) and vectors (N, H) of every row."""
        check_columns(self.kind, self.columns, frame.columns)
        return frame.values, self.vector.vectors(frame)

    def log_odds(self, frame: FeatureFrame) -> NDArray[np.float64]:
        """The sum over the trees, shape (N,)."""
        return self.encoded_log_odds(*self.encode(frame))

    def encoded_log_odds(
        self, values: NDArray[np.float32], vectors: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """`log_odds` of the rows that `encode` gave these columns and vectors."""
        return self.ensemble.log_odds(np.concatenate([values, vectors], axis=1))

    def state(self) -> tuple[Arrays, Config]:
        """The trees and the encoder."""
        arrays, config = TreeModel(self.ensemble).state()
        weights, encoder = self.vector.state()
        arrays |= {f"{ENCODER}{name}": weight for name, weight in weights.items()}
        return arrays, {"trees": config, "encoder": encoder}

    @classmethod
    def from_state(
        cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
    ) -> SequenceTrees:
        """The model that `state` described."""
        from engine.models.nets.sequence_vector import SequenceVector

        weights = {
            name.removeprefix(ENCODER): weight
            for name, weight in arrays.items()
            if name.startswith(ENCODER)
        }
        return cls(
            TreeModel.from_state(arrays, config["trees"]).ensemble,
            SequenceVector.from_state(weights, config["encoder"]),
        )


def _widened(rows: LabelledFrame, vector: SequenceVector) -> LabelledFrame:
    """The rows with their vectors as further columns."""
    frame = rows.frame
    return replace(
        rows,
        frame=replace(
            frame,
            columns=(*frame.columns, *(f"sequence.{place}" for place in range(vector.width))),
            values=np.concatenate([frame.values, vector.vectors(frame)], axis=1),
        ),
    )

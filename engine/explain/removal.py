"""What the model would say of a user without some of his reasons.

A group of features is taken away by giving the user what a retained user of his segment has there:
the columns, the pooled events, no messages. That is done with every panel user in turn, and the
mean of their log-odds is what remains: the same comparison that the reasons make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from engine.explain.attribute import PANEL_SIZE, panel_rows
from engine.explain.components import NET, SEQUENCE, TEXT
from engine.features.frame import FeatureFrame
from engine.models.base import SingleModel
from engine.models.blend import RiskModel
from engine.models.sequence_trees import SequenceTrees
from engine.models.text import TextModel

if TYPE_CHECKING:
    from engine.models.nets.churn_net import ChurnNet

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Mixed:
    """M users, each with something of one panel user."""

    row: NDArray[np.int64]  # (M,) of the frame
    peer: NDArray[np.int64]  # (M,) of the panel
    values: NDArray[np.float32]  # (M, D)
    events: NDArray[np.bool_]  # (M,) whether the events are still the user's own
    messages: NDArray[np.bool_]  # (M,) whether the messages are there


_Scorer = Callable[[_Mixed], Floats]


class Removal:
    """The rows of one frame, ready to lose groups; what is dear (the events) is read once."""

    def __init__(
        self,
        model: RiskModel,
        frame: FeatureFrame,
        groups: Mapping[str, str],
        *,
        panel_size: int = PANEL_SIZE,
    ) -> None:
        """`groups` maps every column of the model to its group."""
        self._model = model
        self._frame = frame
        self._owner = np.array([groups[column] for column in frame.columns])
        segments = frame.segments.astype(str)
        drawn = {str(one): panel_rows(model, str(one), panel_size) for one in np.unique(segments)}
        peers = [drawn[segment] for segment in segments.tolist()]
        self._count = np.array([len(own) for own in peers], np.int64)
        self._peer = np.concatenate(peers) if peers else np.zeros(0, np.int64)
        self._row = np.repeat(np.arange(len(frame)), self._count)
        self._scorers = self._read()

    def log_odds(self, names: tuple[str, ...], removed: NDArray[np.bool_]) -> Floats:
        """(N,) calibrated log-odds where user i lacks every group `names[g]` with `removed[i, g]`.

        Costs N × panel_size predictions without reading events.
        """
        frame, panel = self._frame, self._model.panel
        gone = np.zeros((len(frame), len(self._owner)), np.bool_)
        without = dict.fromkeys((SEQUENCE, TEXT), np.zeros(len(frame), np.bool_))
        for place, name in enumerate(names):
            gone[:, self._owner == name] = removed[:, [place]]
            if name in without:
                without[name] = removed[:, place]
        mixed = _Mixed(
            self._row,
            self._peer,
            np.where(gone[self._row], panel.values[self._peer], frame.values[self._row]),
            ~without[SEQUENCE][self._row],
            ~without[TEXT][self._row],
        )
        raw = self._model.mixed([score(mixed) for score in self._scorers])
        mean = np.bincount(self._row, weights=raw, minlength=len(frame)) / self._count
        return self._model.calibration.apply(mean)

    def _read(self) -> list[_Scorer]:
        scorers: list[_Scorer] = []
        start = 0  # of the component's own vectors among the panel's
        for component in self._model.components:
            if component.kind == NET or isinstance(component, SequenceTrees):
                encoded = cast("ChurnNet | SequenceTrees", component)
                own = slice(start, start + encoded.pooled_width)
                scorers.append(self._reads_events(encoded, own))
                start = own.stop
            elif isinstance(component, TextModel):
                scorers.append(self._reads_messages(component))
            else:
                scorers.append(self._reads_columns(component))
        return scorers

    def _reads_events(self, component: ChurnNet | SequenceTrees, own: slice) -> _Scorer:
        pooled = component.encode(self._frame)[1]
        theirs = self._model.panel.pooled[:, own]

        def score(mixed: _Mixed) -> Floats:
            vectors = np.where(mixed.events[:, None], pooled[mixed.row], theirs[mixed.peer])
            values = mixed.values
            if component.kind == NET:
                values = cast("ChurnNet", component).prepare(values)
            return component.encoded_log_odds(values, vectors)

        return score

    def _reads_messages(self, component: TextModel) -> _Scorer:
        scores = component.log_odds(self._frame)
        return lambda mixed: np.where(mixed.messages, scores[mixed.row], 0.0)

    def _reads_columns(self, component: SingleModel) -> _Scorer:
        def score(mixed: _Mixed) -> Floats:
            users = self._frame.take(mixed.row)
            return component.log_odds(replace(users, values=mixed.values))

        return score

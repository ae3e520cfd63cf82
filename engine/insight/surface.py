"""A model as a function of what is put in: users' columns, events and messages can be exchanged.

Sequences and messages are encoded once; after that a row costs some tens of microseconds, so that
hundreds of thousands of made-up rows can be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from engine.explain.components import NET, SEQUENCE, TEXT, columns_read
from engine.features.frame import FeatureFrame, no_sequences
from engine.models.base import SingleModel
from engine.models.blend import RiskModel
from engine.models.cross_fit import ServedModel, parts
from engine.models.sequence_trees import SequenceTrees
from engine.models.text import TextModel

if TYPE_CHECKING:
    from engine.models.nets.churn_net import ChurnNet

BATCH = 2048
"""Rows at once: larger tensors leave the processor's cache."""

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

Reader = Callable[[NDArray[np.float32], Rows, Rows, Rows], Floats]
"""values (M, D); whose row, whose events and whose messages (M,) -> log-odds (M,)."""


@dataclass(frozen=True, slots=True)
class Player:
    """A group of features that is exchanged as a whole."""

    group: str
    columns: Rows  # positions; empty for events and messages

    @property
    def events(self) -> bool:
        return self.group == SEQUENCE

    @property
    def messages(self) -> bool:
        return self.group == TEXT


@dataclass(frozen=True, slots=True)
class Surface:
    """The log-odds of N users, and of users put together from several of them."""

    values: NDArray[np.float32]  # (N, D)
    read: Reader

    def log_odds(
        self,
        values: NDArray[np.float32],
        rows: Rows,
        events: Rows | None = None,
        messages: Rows | None = None,
    ) -> Floats:
        """Log-odds (M,) of `values` (M, D) with all else from `rows` (M,), or as given."""
        events = rows if events is None else events
        messages = rows if messages is None else messages
        result = np.empty(len(rows))
        for start in range(0, len(rows), BATCH):
            cut = slice(start, start + BATCH)
            result[cut] = self.read(values[cut], rows[cut], events[cut], messages[cut])
        return result

    def mixed(self, rows: Rows, *taken: tuple[Player, Rows]) -> Floats:
        """Log-odds (M,) of the users `rows` (M,) with groups taken from other users (M,)."""
        values, events, messages = self.values[rows], rows, rows
        for player, others in taken:
            values[:, player.columns] = self.values[others][:, player.columns]
            events = others if player.events else events
            messages = others if player.messages else messages
        return self.log_odds(values, rows, events, messages)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the N users of a surface."""

    label: Floats  # (N,) 1: left
    users: NDArray[np.object_]  # (N,) ids: rows of one user are not independent
    weight: NDArray[np.float32]  # (N,)
    shift: Floats  # (N,) log-odds as served, less those of the surface


def surface_of(model: ServedModel, frame: FeatureFrame) -> Surface:
    """The model over the users of `frame`; each is asked of the member that may speak of him."""
    members = list(parts(model, frame))
    if len(members) == 1:
        return Surface(frame.values, _reader(members[0][1], frame))
    member_of = np.empty(len(frame), np.int64)
    readers = []
    for number, (rows, member) in enumerate(members):
        member_of[rows] = number
        readers.append(_reader(member, frame))

    def read(values: NDArray[np.float32], rows: Rows, events: Rows, messages: Rows) -> Floats:
        result = np.empty(len(rows))
        for number, reader in enumerate(readers):
            own = np.flatnonzero(member_of[rows] == number)
            if len(own):
                result[own] = reader(values[own], rows[own], events[own], messages[own])
        return result

    return Surface(frame.values, read)


def players_of(model: ServedModel, frame: FeatureFrame, groups: Mapping[str, str]) -> list[Player]:
    """The groups that the model looks at, by name; those without a column last.

    `groups` maps every column to its group.
    """
    read: set[int] = set()
    events = messages = False
    for _, member in parts(model, frame):
        for component in member.components:
            if not isinstance(component, TextModel):
                read |= set(columns_read(component).tolist())
            events |= component.reads_sequences
            messages |= component.reads_messages
    of_group: dict[str, list[int]] = {}
    for position in sorted(read):
        of_group.setdefault(groups[model.columns[position]], []).append(position)
    players = [Player(name, np.array(own)) for name, own in sorted(of_group.items())]
    none = np.zeros(0, np.int64)
    return players + [
        Player(name, none) for name, there in ((TEXT, messages), (SEQUENCE, events)) if there
    ]


def _reader(model: RiskModel, frame: FeatureFrame) -> Reader:
    readers = [_component(component, frame) for component in model.components]

    def read(values: NDArray[np.float32], rows: Rows, events: Rows, messages: Rows) -> Floats:
        said = [reader(values, rows, events, messages) for reader in readers]
        return model.calibration.apply(model.mixed(said))

    return read


def _component(component: SingleModel, frame: FeatureFrame) -> Reader:
    if component.kind == NET:
        net = cast("ChurnNet", component)
        _, pooled = net.encode(frame)
        return lambda values, rows, events, messages: net.encoded_log_odds(
            net.prepare(values), pooled[events]
        )
    if isinstance(component, SequenceTrees):
        trees = component
        _, vectors = trees.encode(frame)
        return lambda values, rows, events, messages: trees.encoded_log_odds(
            values, vectors[events]
        )
    if isinstance(component, TextModel):
        score = component.log_odds(frame)
        return lambda values, rows, events, messages: score[messages]
    bare = replace(frame, sequences=no_sequences(len(frame)), messages=None)
    return lambda values, rows, events, messages: component.log_odds(
        replace(bare.take(rows), values=values)
    )

"""A model for tables without a time axis: every user is scored by a model that has not seen him.

Users are dealt into K folds by a salted hash of their id. Member k was fitted, chosen and
calibrated on the other folds only and scores fold k: those it was measured on, and new users whose
hash falls there. So risks in service are as honest as those of the test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import FeatureFrame
from engine.models.base import Arrays, Config
from engine.models.blend import Prediction, RiskModel

FOLD_SALT = "cross-fit-1"
"""One salt for all models of a workspace: a challenger and the champion then share their folds, and
both can be compared on rows that neither has seen."""


def fold_of(user_ids: NDArray[Any], folds: int, salt: str = FOLD_SALT) -> NDArray[np.int64]:
    """(N,) the fold of each user: the first 8 bytes of sha256 over "salt|user", modulo `folds`."""
    digests = (hashlib.sha256(f"{salt}|{user}".encode()).digest() for user in user_ids)
    numbers = (int.from_bytes(digest[:8], "big") % folds for digest in digests)
    return np.fromiter(numbers, dtype=np.int64, count=len(user_ids))


@dataclass(frozen=True)
class CrossFitted:
    """K members, one a fold; each is a whole calibrated `RiskModel`."""

    kind: ClassVar[str] = "cross_fit"

    members: tuple[RiskModel, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)  # JSON
    salt: str = FOLD_SALT

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature columns, in order; the same for all members."""
        return self.members[0].columns

    @property
    def reads_sequences(self) -> bool:
        """Whether a frame without events would be scored otherwise."""
        return any(member.reads_sequences for member in self.members)

    @property
    def reads_messages(self) -> bool:
        """Whether a frame without messages would be scored otherwise."""
        return any(member.reads_messages for member in self.members)

    def parts(self, frame: FeatureFrame) -> Iterator[tuple[NDArray[np.int64], RiskModel]]:
        """The rows of each fold that occurs in `frame`, and the member that may speak of them."""
        fold = fold_of(frame.user_ids, len(self.members), self.salt)
        for number, member in enumerate(self.members):
            rows = np.flatnonzero(fold == number)
            if len(rows):
                yield rows, member

    def predict(self, frame: FeatureFrame) -> Prediction:
        """Risk and calibrated log-odds of every row. Raises `ModelError` on other columns."""
        risk, log_odds = np.zeros(len(frame)), np.zeros(len(frame))
        for rows, member in self.parts(frame):
            said = member.predict(frame.take(rows))
            risk[rows], log_odds[rows] = said.risk, said.log_odds
        return Prediction(risk, log_odds)

    def state(self) -> tuple[Arrays, Config]:
        """All arrays, prefixed by their member, and the JSON that joins them."""
        arrays: Arrays = {}
        members = []
        for number, member in enumerate(self.members):
            own, config = member.state()
            arrays |= {f"member.{number}.{name}": value for name, value in own.items()}
            members.append(config)
        return arrays, {
            "kind": self.kind,
            "salt": self.salt,
            "members": members,
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_state(
        cls, arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]
    ) -> CrossFitted:
        """The model that `state` described."""
        members = []
        for number, member in enumerate(config["members"]):
            prefix = f"member.{number}."
            own = {
                name.removeprefix(prefix): value
                for name, value in arrays.items()
                if name.startswith(prefix)
            }
            members.append(RiskModel.from_state(own, member))
        return cls(tuple(members), config["metadata"], config["salt"])


ServedModel = RiskModel | CrossFitted
"""What the registry keeps and scoring asks."""


def model_from_state(arrays: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> ServedModel:
    """The model of either kind that `state` described."""
    made = CrossFitted if config["kind"] == CrossFitted.kind else RiskModel
    return made.from_state(arrays, config)


def parts(model: ServedModel, frame: FeatureFrame) -> Iterator[tuple[NDArray[np.int64], RiskModel]]:
    """Which rows of `frame` which single model speaks of: all of them, for a model of one piece."""
    if isinstance(model, CrossFitted):
        yield from model.parts(frame)
    else:
        yield np.arange(len(frame)), model

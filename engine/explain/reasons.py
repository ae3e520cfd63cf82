"""Why each user is flagged: the attribution joined with the catalogue's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.explain.attribute import PANEL_SIZE, Attribution, Attributor
from engine.explain.components import SEQUENCE, TEXT
from engine.explain.messages import phrases, wrote
from engine.explain.recent import recent_counts, stand_out
from engine.explain.usual import USUAL, Usual, above_usual
from engine.explain.words import Before, sentence
from engine.features.frame import FeatureFrame
from engine.features.spec import FeatureSpec
from engine.models.base import check_columns
from engine.models.blend import RiskModel
from engine.models.calibration import sigmoid
from engine.models.cross_fit import ServedModel, parts
from engine.types import Explanation, Reason


def explain(
    model: ServedModel,
    frame: FeatureFrame,
    specs: Iterable[FeatureSpec],
    *,
    currency: str = "CNY",
    model_id: str = "",
    panel_size: int = PANEL_SIZE,
    earlier: FeatureFrame | None = None,
) -> tuple[Explanation, ...]:
    """One explanation per row of `frame`, in its order.

    Every group with a contribution is a reason, largest first, with the value of the feature that
    speaks for it, the median of retained users of the segment, and a sentence in both languages.
    `earlier`, the same users four weeks before (see `engine.features.earlier`), adds the trend.
    `model_id` defaults to the model's own record. Raises `ModelError` when the specs lack a column
    of the model: there is no reason without words.
    """
    explainer = Explainer(
        model,
        specs,
        currency=currency,
        model_id=model_id,
        panel_size=panel_size,
        earlier=earlier,
    )
    return explainer.of(frame)


class Explainer:
    """`explain` for one frame after another: what they share is worked out once.

    A row's explanation does not depend on the rows beside it.
    """

    def __init__(
        self,
        model: ServedModel,
        specs: Iterable[FeatureSpec],
        *,
        currency: str = "CNY",
        model_id: str = "",
        panel_size: int = PANEL_SIZE,
        earlier: FeatureFrame | None = None,
    ) -> None:
        if earlier is not None:
            check_columns("earlier features", model.columns, earlier.columns)
        self._earlier = earlier
        self._model = model
        self._specs = {spec.name: spec for spec in specs}
        self._currency = currency
        self._model_id = model_id or str(model.metadata.get("model_id", ""))
        self._panel_size = panel_size
        self._attributors: dict[int, Attributor] = {}
        for column in model.columns:
            if column not in self._specs:
                raise ModelError(
                    "no_words",
                    f"The feature catalogue has no words for the column {column!r}",
                    why="Every reason is shown as a sentence",
                    next_step="Train a model on the present features",
                )

    def of(self, frame: FeatureFrame) -> tuple[Explanation, ...]:
        """One explanation per row of `frame`, in its order."""
        found: dict[int, Explanation] = {}
        for rows, member in parts(self._model, frame):
            own = self._explained(member, frame.take(rows))
            found |= dict(zip(rows.tolist(), own, strict=True))
        return tuple(found[row] for row in range(len(frame)))

    def _explained(self, model: RiskModel, frame: FeatureFrame) -> tuple[Explanation, ...]:
        shares = self._attributor(model).of(frame)
        usual = self._model.metadata.get(USUAL, {})
        writer = _Writer(model, frame, shares, self._specs, self._currency, self._earlier, usual)
        risk = sigmoid(shares.log_odds)
        cutoffs = frame.cutoffs.astype("datetime64[s]").astype(object)
        return tuple(
            Explanation(
                user_id=str(frame.user_ids[row]),
                risk=float(risk[row]),
                log_odds=float(shares.log_odds[row]),
                baseline_log_odds=float(shares.baseline_log_odds[row]),
                reasons=writer.reasons(row),
                remainder=float(shares.remainder[row]),
                segment=str(frame.segments[row]),
                model_id=self._model_id,
                cutoff=cast(datetime, cutoffs[row]),
            )
            for row in range(len(frame))
        )

    def _attributor(self, model: RiskModel) -> Attributor:
        if id(model) not in self._attributors:
            specs = [self._specs[name] for name in model.columns]
            self._attributors[id(model)] = Attributor(
                model,
                {spec.name: spec.group for spec in specs},
                directions={spec.name: spec.direction for spec in specs},
                panel_size=self._panel_size,
            )
        return self._attributors[id(model)]


class _Writer:
    """Reasons of one frame; holds what its rows share."""

    def __init__(
        self,
        model: RiskModel,
        frame: FeatureFrame,
        shares: Attribution,
        specs: Mapping[str, FeatureSpec],
        currency: str,
        earlier: FeatureFrame | None,
        usual: Usual,
    ) -> None:
        self._above_usual = above_usual(shares.contributions, shares.groups, usual)
        self._earlier = earlier
        self._before = None if earlier is None else _places(frame.user_ids, earlier.user_ids)
        self._shares = shares
        self._values = frame.values
        self._columns = [specs[name] for name in frame.columns]
        self._currency = currency
        panel = model.panel
        place = {name: panel.position_of(name) for name in np.unique(frame.segments.astype(str))}
        self._place = [place[str(segment)] for segment in frame.segments]
        self._medians = panel.medians
        self._stayed = [
            dict(zip(panel.kinds, row.tolist(), strict=True)) for row in panel.recent_kinds
        ]
        self._kinds = frame.sequences.kinds
        self._counts = recent_counts(frame) if SEQUENCE in shares.groups else None
        self._phrases: list[str] = []
        if TEXT in shares.groups:
            text = shares.contributions[:, shares.groups.index(TEXT)]
            self._phrases = phrases(model, frame, text > 0)
        self._total = np.abs(shares.contributions).sum(axis=1) + np.abs(shares.remainder)

    def reasons(self, row: int) -> tuple[Reason, ...]:
        """The reasons of one row, by absolute contribution, largest first."""
        contributions = self._shares.contributions[row]
        order = np.argsort(-np.abs(contributions), kind="stable")
        return tuple(
            self._reason(row, group, float(contributions[group]))
            for group in order.tolist()
            if contributions[group] != 0
        )

    def _reason(self, row: int, group: int, contribution: float) -> Reason:
        name = self._shares.groups[group]
        share = contribution / float(self._total[row])
        above = _known(self._above_usual[row, group])
        column = int(self._shares.leading[row, group])
        if column < 0 and name == TEXT:
            words = wrote(self._phrases[row], raises=contribution > 0)
            return Reason(name, TEXT, contribution, share, None, None, words, None, above)
        if column < 0:
            assert self._counts is not None
            words = stand_out(
                self._counts[row],
                self._kinds,
                self._stayed[self._place[row]],
                raises=contribution > 0,
            )
            return Reason(name, SEQUENCE, contribution, share, None, None, words, None, above)
        spec = self._columns[column]
        value = _known(self._values[row, column])
        comparison = _known(self._medians[self._place[row], column])
        before = self._was(row, column)
        words = sentence(spec, value, comparison, currency=self._currency, before=before)
        earlier = None if before is None else before.value
        return Reason(
            name, spec.name, contribution, share, value, comparison, words, earlier, above
        )

    def _was(self, row: int, column: int) -> Before | None:
        if self._earlier is None or self._before is None:
            return None
        place = self._before[row]
        if place < 0:
            return Before(was_user=False, value=None)
        return Before(was_user=True, value=_known(self._earlier.values[place, column]))


def _places(user_ids: NDArray[np.object_], ascending: NDArray[np.object_]) -> NDArray[np.int64]:
    """(N,) where each user stands in `ascending` (M,); -1: nowhere."""
    if not len(ascending):
        return np.full(len(user_ids), -1)
    place = np.minimum(np.searchsorted(ascending, user_ids), len(ascending) - 1)
    return np.where(ascending[place] == user_ids, place, -1)


def _known(value: np.floating[Any]) -> float | None:
    return float(value) if np.isfinite(value) else None

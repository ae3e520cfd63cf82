"""Whether a partner helps a model: asked on rows that taught neither of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.features.frame import LabelledFrame
from engine.models.calibration import log_loss
from engine.training.calibrate import fit_calibration
from engine.types import Words

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PartnerTrial:
    """Calibrated log loss of a model with and without its partner, and of the difference."""

    loss: float
    with_partner: float
    standard_error: float  # of the paired difference

    @property
    def wins(self) -> bool:
        """By more than one standard error."""
        return self.loss - self.with_partner > self.standard_error

    def words(self, partner: Words, *, asked_for: bool = False) -> Words:
        """What the card says of `partner`; `asked_for`: it is used whatever it is worth."""
        if self.wins:
            zh, en = "有帮助，已采用", "helps and is used"
        elif asked_for:
            zh, en = "没有明显帮助，按指定仍采用", "does not clearly help; it is used as asked for"
        else:
            zh, en = "没有明显帮助，未采用", "does not clearly help and is not used"
        gain, error = self.loss - self.with_partner, self.standard_error
        return Words(
            f"{partner.zh}{zh}：校准后对数损失降低 {gain:.4f}（标准误 {error:.4f}）。",
            f"{partner.en} {en}: calibrated log loss is lower by {gain:.4f} "
            f"(standard error {error:.4f}).",
        )


def partner_trial(parts: Sequence[tuple[LabelledFrame, Floats, Floats]]) -> PartnerTrial:
    """Each part: its rows (N,), the log-odds without the partner and those with it.

    A part is calibrated by itself: only the order of users within it and their spread count.
    """
    without, together, weight = (
        np.concatenate(values)
        for values in zip(
            *((_losses(rows, a), _losses(rows, b), rows.weight) for rows, a, b in parts),
            strict=True,
        )
    )
    difference = without - together
    mean = float(np.average(difference, weights=weight))
    spread = float(np.sqrt(np.average((difference - mean) ** 2, weights=weight)))
    return PartnerTrial(
        float(np.average(without, weights=weight)),
        float(np.average(together, weights=weight)),
        spread / max(1, len(difference)) ** 0.5,
    )


def _losses(rows: LabelledFrame, log_odds: Floats) -> Floats:
    calibration = fit_calibration(log_odds, rows.label, rows.weight)
    return log_loss(calibration.apply(log_odds), rows.label)

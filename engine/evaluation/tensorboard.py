"""TensorBoard logs of training and evaluation: an extra, one run of the board a model.

The board plots scalars over whole steps. So a curve is a scalar whose step is the place on its
horizontal axis in thousandths, and a test cutoff has the ordinal of its day as its step.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.errors import StorageError, UsageError
from engine.evaluation.curves import Curves
from engine.types import Evaluation, ModelCard

METRICS = (
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "ece",
    "lift_at_10",
    "profit",
    "concordance",
)
"""Attributes of `Metrics` that are logged."""


def available() -> bool:
    """Whether the extra is installed; asked without importing it."""
    return importlib.util.find_spec("tensorboard") is not None


class TensorBoardLog:
    """A run in `folder`; a context manager, so that what was logged is on disk at its end.

    Raises `UsageError` when the extra is not installed, `StorageError` when the disk refuses.
    """

    def __init__(self, folder: Path, run: str) -> None:
        if not available():
            raise UsageError(
                "no_tensorboard",
                "TensorBoard is not installed",
                next_step="pip install 'retention-workbench[tensorboard]'",
            )
        from torch.utils.tensorboard import SummaryWriter

        try:
            self._writer: Any = SummaryWriter(str(folder / run))
        except OSError as error:
            raise StorageError(
                "log_not_written",
                f"The TensorBoard log could not be written to {folder}: {error.strerror}",
                next_step="Choose another folder",
            ) from error

    def __enter__(self) -> TensorBoardLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def progress(self, detail: Mapping[str, object]) -> None:
        """The losses of an epoch, where `detail` of a training step has them."""
        epoch, train, valid = (detail.get(name) for name in ("epoch", "train_loss", "valid_loss"))
        if not isinstance(epoch, int) or not isinstance(train, float):
            return
        # The last fit has no rows to validate on: it is a curve of its own.
        held_out = isinstance(valid, float) and math.isfinite(valid)
        self._scalar("loss/train" if held_out else "loss_of_the_refit/train", train, epoch)
        if held_out:
            self._scalar("loss/validation", valid, epoch)

    def card(self, card: ModelCard) -> None:
        """The test of a trained model, its peers, and what the gate said."""
        self.evaluation(Evaluation(card.test, card.by_cutoff, card.calibration))
        for peer in card.peers:
            for name in METRICS:
                self._scalar(f"{name}/{peer.model}", getattr(peer, name), 0)
        if card.verdict is not None:
            said = "\n\n".join(f"{words.en} / {words.zh}" for words in card.verdict.statements)
            self._writer.add_text("gate", said)

    def evaluation(self, found: Evaluation) -> None:
        """The metrics of all test rows, of each cutoff, and reliability before and after."""
        for name in METRICS:
            self._scalar(f"{name}/test", getattr(found.metrics, name), 0)
            for one in found.by_cutoff:
                day = one.cutoffs[0].toordinal()
                self._scalar(f"{name}/by_cutoff", getattr(one, name), day)
        if found.calibration is not None:
            for moment in ("before", "after"):
                bins = getattr(found.calibration, moment)
                self._curve(f"reliability/{moment}", bins.risk, bins.rate)

    def curves(self, found: Curves) -> None:
        """ROC, precision over recall, and lift."""
        self._curve("curve/roc", found.false_positive_rate, found.true_positive_rate)
        self._curve("curve/precision_recall", found.recall, found.precision)
        self._curve("curve/lift", found.contacted, found.caught)

    def _curve(self, tag: str, across: Any, up: Any) -> None:
        # Of the points that share a step the last is kept: the board would draw a vertical line.
        points = {round(1000 * float(x)): float(y) for x, y in zip(across, up, strict=True)}
        for step, value in sorted(points.items()):
            self._scalar(tag, value, step)

    def _scalar(self, tag: str, value: object, step: int) -> None:
        if isinstance(value, float | int) and math.isfinite(value):
            self._writer.add_scalar(tag, value, step)

"""The TensorBoard log says what the card says; read back with the board's own reader."""

from __future__ import annotations

import importlib.util
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from engine.calibrated import CalibrationCheck
from engine.errors import UsageError
from engine.evaluation.curves import curves, reliability
from engine.evaluation.metrics import metrics
from engine.evaluation.tensorboard import TensorBoardLog, available
from engine.types import Evaluation

pytestmark = pytest.mark.slow


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_losses_metrics_and_curves_are_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    rng = np.random.default_rng(1)
    risk = rng.random(400)
    label = (rng.random(400) < risk).astype(float)
    day = datetime(2026, 1, 4)
    found = metrics("blend", label, risk, cutoffs=(day,), capacity=0.1)
    check = CalibrationCheck("linear", reliability(label, risk**2), reliability(label, risk))
    with TensorBoardLog(tmp_path, "one") as log:
        log.progress({"epoch": 1, "of": 2})  # a step within an epoch
        log.progress({"epoch": 1, "train_loss": 0.7, "valid_loss": 0.6})
        log.progress({"epoch": 1, "train_loss": 0.65, "valid_loss": float("nan")})
        log.evaluation(Evaluation(found, (found,), check))
        log.curves(curves(label, risk))
    said = _scalars(tmp_path / "one")
    assert said["loss/train"] == [(1, pytest.approx(0.7))]
    assert said["loss/validation"] == [(1, pytest.approx(0.6))]
    assert said["loss_of_the_refit/train"] == [(1, pytest.approx(0.65))]
    assert said["roc_auc/test"] == [(0, pytest.approx(found.roc_auc))]
    assert said["log_loss/by_cutoff"] == [(day.toordinal(), pytest.approx(found.log_loss))]
    assert len(said["reliability/before"]) == len(said["reliability/after"]) == 10
    steps, caught = zip(*said["curve/lift"], strict=True)
    assert (steps[0], steps[-1], caught[-1]) == (0, 1000, 1)
    assert list(caught) == sorted(caught)
    assert "profit/test" not in said  # nobody's value is known


def test_without_the_extra_the_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not available()
    with pytest.raises(UsageError, match=r"pip install 'retention-workbench\[tensorboard\]'"):
        TensorBoardLog(tmp_path, "one")

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from torch.nn import functional

from engine.features.frame import EventTimes
from engine.models.nets.config import HORIZONS_DAYS, NetConfig
from engine.models.nets.hazard import bin_targets, by_horizon, hazard_loss

EVENTS: tuple[Literal["leave", "return"], ...] = ("leave", "return")


def _times(
    event: Literal["leave", "return"], day: list[float], observed: list[float], horizon: int = 30
) -> EventTimes:
    return EventTimes(event, horizon, np.array(day, np.float32), np.array(observed, np.float32))


@pytest.mark.parametrize("event", EVENTS)
def test_one_bin_has_the_loss_and_the_gradient_of_cross_entropy(
    event: Literal["leave", "return"],
) -> None:
    label = np.array([1, 0, 1, 0, 0], np.float32)
    seen = label == 1 if event == "leave" else label == 0
    times = _times(event, np.where(seen, 4.0, np.inf).tolist(), [30.0] * 5)
    target, counts = bin_targets(times, (30,))
    assert np.array_equal(target[:, 0], label)
    torch.manual_seed(1)
    logits = torch.randn(5, 3).requires_grad_()
    ours = hazard_loss(
        by_horizon(logits.unsqueeze(2), event), torch.tensor(target), torch.tensor(counts)
    ).mean()
    (gradient,) = torch.autograd.grad(ours, logits)
    every = functional.binary_cross_entropy_with_logits(
        logits, torch.tensor(label).unsqueeze(1).expand_as(logits), reduction="none"
    )
    plain = every.mean(dim=1).mean()
    (expected,) = torch.autograd.grad(plain, logits)
    assert torch.equal(ours, plain)
    assert torch.equal(gradient, expected)


@pytest.mark.parametrize("event", EVENTS)
def test_risk_by_horizon_is_the_product_of_the_bins(event: Literal["leave", "return"]) -> None:
    torch.manual_seed(2)
    bins = 4 * torch.randn(50, 2, 5, dtype=torch.float64)
    risk = torch.sigmoid(by_horizon(bins, event))
    hazard = torch.sigmoid(bins)
    expected = 1 - (1 - hazard).cumprod(2) if event == "leave" else hazard.cumprod(2)
    assert torch.allclose(risk, expected, atol=1e-12)
    rises = risk.diff(dim=2)
    assert bool((rises >= 0).all() if event == "leave" else (rises <= 0).all())


@pytest.mark.parametrize("event", EVENTS)
def test_extreme_bins_stay_finite_with_their_gradient(event: Literal["leave", "return"]) -> None:
    bins = torch.tensor([[-90.0, -90.0], [90.0, 90.0], [-90.0, 90.0]]).requires_grad_()
    found = by_horizon(bins, event)
    (gradient,) = torch.autograd.grad(found.sum(), bins)
    assert torch.isfinite(found).all()
    assert torch.isfinite(gradient).all()


def test_an_event_ends_the_bins_of_its_row() -> None:
    times = _times("leave", [0.0, 7.0, 29.0, np.inf, -3.0], [30.0] * 5)
    target, counts = bin_targets(times, (7, 14, 30))
    assert target.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert counts.tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 0, 0]]


def test_a_return_in_the_grace_is_one_in_the_last_bin() -> None:
    target, counts = bin_targets(_times("return", [33.0, np.inf], [30.0, 30.0]), (7, 14, 30))
    assert target.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert counts.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_censored_rows_keep_the_bins_that_the_data_cover() -> None:
    # The third row's event lies in a bin that is covered in part: it says nothing yet.
    times = _times("return", [np.inf, 3.0, 9.0, np.inf], [14.0, 14.0, 10.0, 0.0])
    _, counts = bin_targets(times, (7, 14, 30))
    assert counts.tolist() == [[1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_bins_end_at_the_horizon_of_the_rule() -> None:
    net = NetConfig(bins=HORIZONS_DAYS)
    assert net.for_labels("leave", 30).bins == (7, 14, 30)
    assert net.for_labels("leave", 45).bins == (7, 14, 30, 45)
    assert net.for_labels("return", 5).bins == (5,)
    assert net.for_labels("return", 365).bins == (7, 14, 30, 60, 90, 365)

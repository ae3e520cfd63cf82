from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from engine.explain.gradients import integrated_gradients


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(
            nn.Linear(7, 24), nn.ReLU(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1)
        )

    def forward(self, numbers: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        return 3 * self.layers(torch.cat([numbers, pooled], dim=1)).squeeze(1)


@pytest.fixture(scope="module")
def inputs() -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [
        rng.normal(size=shape).astype(np.float32) for shape in ((20, 4), (20, 3), (5, 4), (5, 3))
    ]


def test_equals_captum(inputs: list[np.ndarray]) -> None:
    head = Head()
    numbers, pooled, panel_numbers, panel_pooled = inputs
    ours = integrated_gradients(head, numbers, pooled, panel_numbers, panel_pooled)
    method = IntegratedGradients(head)
    expected = []
    for b in range(5):
        expected.append(
            method.attribute(
                (torch.from_numpy(numbers), torch.from_numpy(pooled)),
                baselines=(
                    torch.from_numpy(panel_numbers[b : b + 1]),
                    torch.from_numpy(panel_pooled[b : b + 1]),
                ),
                n_steps=200,
            )
        )
    by_number = np.mean([parts[0].detach().numpy() for parts in expected], axis=0)
    by_pooled = np.mean([parts[1].detach().numpy().sum(axis=1) for parts in expected], axis=0)
    assert ours.numbers == pytest.approx(by_number, abs=0.02)
    assert ours.pooled == pytest.approx(by_pooled, abs=0.02)


def test_completeness_and_baseline(inputs: list[np.ndarray]) -> None:
    head = Head()
    ours = integrated_gradients(head, *inputs)
    with torch.inference_mode():
        risk = head(torch.from_numpy(inputs[0]), torch.from_numpy(inputs[1])).numpy()
        base = head(torch.from_numpy(inputs[2]), torch.from_numpy(inputs[3])).numpy().mean()
    assert ours.baseline == pytest.approx(base, abs=1e-5)
    missing = np.abs(ours.numbers.sum(axis=1) + ours.pooled - (risk - base))
    assert (missing <= np.maximum(0.0101 * np.abs(risk - base), 0.0051)).all()


def test_a_linear_head_is_exact() -> None:
    weight = torch.tensor([2.0, -1.0])
    numbers = np.array([[1.0, 3.0]], np.float32)
    panel = np.array([[0.0, 1.0], [0.0, 0.0]], np.float32)
    ours = integrated_gradients(
        lambda n, p: n @ weight + 5 * p[:, 0],
        numbers,
        np.array([[2.0]], np.float32),
        panel,
        np.zeros((2, 1), np.float32),
    )
    assert ours.numbers[0] == pytest.approx([2.0, -2.5], abs=1e-5)
    assert ours.pooled[0] == pytest.approx(10, abs=1e-5)


def test_a_head_with_a_cliff_gets_more_points(inputs: list[np.ndarray]) -> None:
    """Eight points cannot integrate a steep step to 1 %; the doubling must."""
    steep = lambda n, p: torch.sigmoid(12 * (n.sum(dim=1) + p.sum(dim=1)))  # noqa: E731
    ours = integrated_gradients(steep, *inputs)
    with torch.inference_mode():
        value = steep(torch.from_numpy(inputs[0]), torch.from_numpy(inputs[1])).numpy()
    missing = np.abs(ours.numbers.sum(axis=1) + ours.pooled - (value - ours.baseline))
    assert np.quantile(missing, 0.9) < 0.011


def test_rows_do_not_depend_on_the_batch(
    inputs: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = integrated_gradients(Head(), *inputs)
    monkeypatch.setattr("engine.explain.gradients.BATCH", 100)
    split = integrated_gradients(Head(), *inputs)
    assert split.numbers == pytest.approx(together.numbers, abs=1e-5)
    assert split.pooled == pytest.approx(together.pooled, abs=1e-5)

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.explain.gradients import integrated_gradients
from engine.models.nets.config import NetConfig
from engine.models.nets.fusion import FusionModule
from engine.models.nets.head import Head

WIDTH = 7
EACH = np.arange(WIDTH)


def smooth() -> Head:
    torch.manual_seed(1)
    first, *rest = nn.Sequential(
        nn.Linear(WIDTH, 24), nn.ReLU(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1)
    )
    above = nn.Sequential(*rest)
    return Head(first.weight.detach(), first.bias.detach(), lambda sums: 3 * above(sums).squeeze(1))


def sum_then(above: Callable[[Tensor], Tensor]) -> Head:
    return Head(torch.ones(1, WIDTH), torch.zeros(1), above)


@pytest.fixture(scope="module")
def users() -> NDArray[np.float32]:
    return np.random.default_rng(2).normal(size=(20, WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def panel() -> NDArray[np.float32]:
    return np.random.default_rng(3).normal(size=(5, WIDTH)).astype(np.float32)


def oracle(
    head: Head, inputs: NDArray[np.float32], panel: NDArray[np.float32]
) -> NDArray[np.float32]:
    method = IntegratedGradients(head)
    shares = [
        method.attribute(
            torch.from_numpy(inputs), baselines=torch.from_numpy(other[None]), n_steps=200
        )
        for other in panel
    ]
    found: NDArray[np.float32] = torch.stack(shares).mean(dim=0).detach().numpy()
    return found


def test_equals_captum(users: NDArray[np.float32], panel: NDArray[np.float32]) -> None:
    head = smooth()
    ours = integrated_gradients(head, users, panel, EACH, WIDTH)
    assert ours.shares == pytest.approx(oracle(head, users, panel), abs=0.02)


@pytest.mark.parametrize("bins", [(), (7, 14, 30)])
def test_equals_captum_over_the_pieces_of_a_net(
    bins: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("TOLERANCE", "SMALLEST"):
        monkeypatch.setattr(f"engine.explain.gradients.{limit}", 1e-4)
    torch.manual_seed(4)
    config = NetConfig(pool="none", members=3, number_pieces=4, layer=16, bins=bins, dropout=0)
    module = FusionModule(config, numbers=5, kinds=1, topics=1).eval()
    rng = np.random.default_rng(5)
    numbers = [torch.from_numpy(rng.normal(size=(n, 5)).astype(np.float32)) for n in (12, 3)]
    with torch.no_grad():
        module.output *= 40
        users, panel = (module.inputs(part, torch.zeros(len(part), 0)).numpy() for part in numbers)
    owner = np.repeat(np.arange(5), 4)
    ours = integrated_gradients(module.head(), users, panel, owner, 5)
    expected = oracle(module.head(), users, panel).reshape(12, 5, 4).sum(axis=2)
    assert np.abs(expected).max() > 0.3
    assert ours.shares == pytest.approx(expected, abs=0.01)


def test_completeness_and_baseline(users: NDArray[np.float32], panel: NDArray[np.float32]) -> None:
    head = smooth()
    ours = integrated_gradients(head, users, panel, EACH, WIDTH)
    with torch.inference_mode():
        risk, base = (head(torch.from_numpy(part)).numpy() for part in (users, panel))
    wanted = risk - base.mean()
    assert ours.baseline == pytest.approx(base.mean(), abs=1e-5)
    missing = np.abs(ours.shares.sum(axis=1) - wanted)
    assert (missing <= np.maximum(0.0101 * np.abs(wanted), 0.0051)).all()


def test_a_linear_head_is_exact() -> None:
    ours = integrated_gradients(
        Head(torch.tensor([[2.0, -1.0, 5.0]]), torch.zeros(1), lambda sums: sums[:, 0]),
        np.array([[1.0, 3.0, 2.0]], np.float32),
        np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]], np.float32),
        np.array([0, 1, 0]),
        2,
    )
    assert ours.shares[0] == pytest.approx([12.0, -2.5], abs=1e-5)


def test_an_input_that_equals_the_panels_has_no_share(users: NDArray[np.float32]) -> None:
    same = users.copy()
    same[:, 2] = 0.3
    ours = integrated_gradients(smooth(), same, same[:4], EACH, WIDTH)
    assert not ours.shares[:, 2].any()
    assert ours.shares[:, [0, 1, 3, 4, 5, 6]].all()


def test_a_head_with_a_cliff_gets_more_points(
    users: NDArray[np.float32], panel: NDArray[np.float32]
) -> None:
    """Eight points cannot integrate a steep step to 1 %; the doubling must."""
    steep = sum_then(lambda sums: torch.sigmoid(12 * sums[:, 0]))
    ours = integrated_gradients(steep, users, panel, EACH, WIDTH)
    with torch.inference_mode():
        value = steep(torch.from_numpy(users)).numpy()
    missing = np.abs(ours.shares.sum(axis=1) - (value - ours.baseline))
    assert np.quantile(missing, 0.9) < 0.011


def test_rows_do_not_depend_on_the_batch(
    users: NDArray[np.float32], panel: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = integrated_gradients(smooth(), users, panel, EACH, WIDTH)
    monkeypatch.setattr("engine.explain.gradients.BATCH", 100)
    split = integrated_gradients(smooth(), users, panel, EACH, WIDTH)
    assert split.shares == pytest.approx(together.shares, abs=1e-5)

"""Pareto/NBD against integrals taken the long way, and against the published parameters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gamma

from benchmarks.peers.orders import data_folder, day_number, read_orders
from benchmarks.peers.pareto import ParetoNbd, fit_pareto_nbd
from benchmarks.quality.protocols import CDNOW
from engine.models.btyd import PurchaseHistory, purchase_history

MODEL = ParetoNbd(0.8, 6.0, 0.7, 9.0)


def _history(*rows: tuple[float, float, float]) -> PurchaseHistory:
    x, t_x, length = np.array(rows, dtype=np.float64).T
    return PurchaseHistory(x, t_x, length)


def _by_rates(x: float, t_x: float, length: float, t: float) -> tuple[float, float]:
    """Likelihood and P(any purchase in t), summed over both rates instead of over time."""
    # The priors are endless at 0: by the fourth roots of the rates they are not.
    nodes, weights = np.polynomial.legendre.leggauss(300)
    root = (nodes + 1) * 0.75
    step = weights * 0.75 * 4 * root**3
    rate, leaving = (root**4)[:, None], (root**4)[None, :]
    prior = step[:, None] * gamma.pdf(rate, MODEL.r, scale=1 / MODEL.alpha)
    prior = prior * step[None, :] * gamma.pdf(leaving, MODEL.s, scale=1 / MODEL.beta)
    both = rate + leaving
    alive = np.exp(-both * length)
    seen = rate**x * (alive + leaving / both * (np.exp(-both * t_x) - alive))
    bought = rate**x * alive * rate / both * -np.expm1(-both * t)
    likelihood = float((prior * seen).sum())
    return likelihood, float((prior * bought).sum()) / likelihood


@pytest.mark.parametrize("row", [(0.0, 0.0, 20.0), (3.0, 12.0, 20.0), (5.0, 20.0, 20.0)])
def test_likelihood_and_chance_agree_with_the_integral_over_the_rates(
    row: tuple[float, float, float],
) -> None:
    history = _history(row)
    likelihood, any_purchase = _by_rates(*row, t=13.0)
    assert np.exp(MODEL.log_likelihood(history)[0]) == pytest.approx(likelihood, rel=1e-5)
    assert MODEL.probability_any(history, 13.0)[0] == pytest.approx(any_purchase, rel=1e-5)


def test_a_purchase_grows_likelier_with_the_window_and_stays_a_chance() -> None:
    history = _history((0, 0, 1), (0, 0, 100), (40, 99, 100), (40, 20, 100), (300, 400, 400))
    risks = [MODEL.probability_any(history, t) for t in (0.5, 13.0, 39.0)]
    assert np.all(np.diff(risks, axis=0) > 0)
    assert np.all((np.array(risks) > 0) & (np.array(risks) < 1))
    assert risks[1][2] > risks[1][3]  # silent for eighty weeks after buying weekly


@pytest.mark.data
@pytest.mark.slow
def test_the_parameters_of_cdnow_are_the_published_ones() -> None:
    if not data_folder().exists():
        pytest.skip(f"no data sets at {data_folder()}; set RETENTION_DATA")
    past = read_orders("cdnow").before(CDNOW.test)
    _, history = purchase_history(past.customer, past.day, day_number(CDNOW.test) - 1)
    found = fit_pareto_nbd(history)
    assert (found.r, found.alpha, found.s, found.beta) == pytest.approx(
        (0.597, 11.586, 0.522, 8.828), rel=2e-3
    )

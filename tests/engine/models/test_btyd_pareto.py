"""Pareto/NBD against published figures, numerical integrals and simulated worlds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from engine.errors import DataError
from engine.models.btyd import PurchaseHistory
from engine.models.btyd_pareto import ParetoNbd, _gauss, fit_pareto_nbd
from tests.engine.models.conftest import Cdnow

TRUTH = ParetoNbd(r=0.8, alpha=6.0, s=0.7, beta=9.0)


def _history(*rows: tuple[float, float, float]) -> PurchaseHistory:
    x, t_x, length = np.array(rows, dtype=np.float64).T
    return PurchaseHistory(x, t_x, length)


def _simulate(truth: ParetoNbd, n: int, seed: int, horizon: float) -> tuple[PurchaseHistory, ...]:
    """Histories of n customers up to a length of their own, and purchases in `horizon` after it."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(truth.r, 1 / truth.alpha, n)
    leaves = rng.exponential(1, n) / rng.gamma(truth.s, 1 / truth.beta, n)
    length = rng.uniform(20, 40, n)
    x, t_x, later = np.zeros(n), np.zeros(n), np.zeros(n)
    clock, alive = np.zeros(n), np.ones(n, dtype=bool)
    while alive.any():
        clock = np.where(alive, clock + rng.exponential(1, n) / rate, clock)
        alive &= clock <= np.minimum(leaves, length + horizon)
        before = alive & (clock <= length)
        x[before] += 1
        t_x[before] = clock[before]
        later[alive & (clock > length)] += 1
    return PurchaseHistory(x, t_x, length), later


@pytest.mark.parametrize("parameters", [(0.6, 11.0, 0.5, 8.0), (0.6, 8.0, 0.5, 11.0), (2, 5, 1, 5)])
def test_the_likelihood_is_the_integral_over_the_moment_of_leaving(
    parameters: tuple[float, float, float, float],
) -> None:
    r, alpha, s, beta = parameters
    history = _history((0, 0, 39), (3, 20, 39), (12, 38, 39), (80, 5, 39))

    def integral(x: float, t_x: float, length: float) -> float:
        def density(y: float) -> float:
            shift = (alpha + t_x) / (alpha + y)  # scaled, so that it stays in reach of a float
            return shift ** (r + x) * (beta + y) ** -(s + 1)

        left = s * quad(density, t_x, length)[0]
        stayed = ((alpha + t_x) / (alpha + length)) ** (r + x) * (beta + length) ** -s
        return float(np.log(left + stayed) - (r + x) * np.log(alpha + t_x))

    model = ParetoNbd(*parameters)
    rows = zip(history.repeats, history.last, history.length, strict=True)
    expected = np.array([integral(*row) for row in rows])
    # What does not depend on the moment of leaving cancels in differences of equal x.
    for longer in (45.0, 60.0):
        later = PurchaseHistory(history.repeats, history.last, np.full(4, longer))
        moved = np.array(
            [integral(x, t, longer) for x, t in zip(later.repeats, later.last, strict=True)]
        )
        np.testing.assert_allclose(
            model.log_likelihood(later) - model.log_likelihood(history), moved - expected, atol=1e-8
        )


def test_all_histories_of_a_short_time_add_up_to_one() -> None:
    """Sum over x and integral over t_x of the likelihood: x = 0 has no t_x, the rest is counted
    with the x - 1 earlier purchases anywhere before t_x, of which there are t_x^(x-1)/(x-1)!."""
    length = 1.5
    total = float(np.exp(TRUTH.log_likelihood(_history((0, 0, length)))[0]))
    grid, weight = np.polynomial.legendre.leggauss(40)
    t_x, weight = (grid + 1) * length / 2, weight * length / 2
    factorial = 1.0
    for x in range(1, 25):
        factorial *= max(1, x - 1)
        history = PurchaseHistory(np.full(40, float(x)), t_x, np.full(40, length))
        density = np.exp(TRUTH.log_likelihood(history)) * t_x ** (x - 1) / factorial
        total += float(weight @ density)
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_recovers_the_parameters_of_a_simulated_world() -> None:
    history, _ = _simulate(TRUTH, 12_000, seed=1, horizon=10)
    fitted = fit_pareto_nbd(history)
    assert fitted.r == pytest.approx(TRUTH.r, rel=0.12)
    assert fitted.alpha == pytest.approx(TRUTH.alpha, rel=0.12)
    # Rate and speed of leaving trade against each other; their quotient is what forty weeks tell.
    assert fitted.s / fitted.beta == pytest.approx(TRUTH.s / TRUTH.beta, rel=0.25)
    assert fitted.log_likelihood(history).sum() > TRUTH.log_likelihood(history).sum()


def test_forecasts_agree_with_the_simulated_future_in_every_class() -> None:
    """Within each number of repeats, forecast and future differ by sampling error only."""
    history, later = _simulate(TRUTH, 60_000, seed=2, horizon=10)
    p_any = TRUTH.probability_any(history, 10)
    for low, high in [(0, 0), (1, 1), (2, 3), (4, 8), (9, 1000)]:
        rows = (history.repeats >= low) & (history.repeats <= high)
        n = rows.sum()
        assert n > 300
        error = 4 * np.sqrt(np.mean(p_any[rows] * (1 - p_any[rows])) / n)
        assert p_any[rows].mean() == pytest.approx((later[rows] > 0).mean(), abs=error)


def test_forecasts_are_ordered_as_they_must_be() -> None:
    history, _ = _simulate(TRUTH, 2_000, seed=4, horizon=1)
    alive = TRUTH.probability_alive(history)
    short, long = TRUTH.probability_any(history, 5), TRUTH.probability_any(history, 50)
    assert np.all((short > 0) & (short < long) & (long < alive) & (alive < 1))
    assert np.all(TRUTH.probability_any(history, 0) == 0)


def test_a_thousand_purchases_and_a_purchase_on_the_last_day_are_no_trouble() -> None:
    busy = _history((1_000, 39, 39), (1_000, 38.9, 39), (1_000, 1, 39), (0, 0, 0))
    for parameters in ((0.6, 11, 0.5, 8), (0.01, 0.1, 3, 50), (5, 0.5, 0.02, 0.001)):
        model = ParetoNbd(*parameters)
        risk = model.probability_any(busy, 13)
        assert np.isfinite(model.log_likelihood(busy)).all()
        assert ((risk >= 0) & (risk <= 1)).all()
        assert risk[0] > risk[2]
    assert model.probability_alive(busy)[[0, 3]] == pytest.approx([1, 1])


def test_where_scipy_has_no_answer_the_continued_fraction_has() -> None:
    """Values of mpmath.hyp2f1(1, b, c, z)."""
    b, c = np.array([245.0, 100.0, 0.5, 80.6]), np.array([163_001.0, 501.0, 61.0, 82.1])
    z = np.array([0.999, 0.99999, 0.999, 0.9])
    expected = [1.00150382249429, 1.24999686717587, 1.00839474273722, 8.68559275683963]
    np.testing.assert_allclose(_gauss(b, c, z), expected, rtol=1e-12)


def test_nobody_came_back() -> None:
    with pytest.raises(DataError, match="2 customers, none with a repeat purchase"):
        fit_pareto_nbd(_history((0, 0, 10), (0, 0, 12)))


@pytest.mark.slow
@pytest.mark.data
def test_published_parameters_on_the_cdnow_master_file(cdnow: Cdnow) -> None:
    """All 23,570 customers, observed until the end of week 39: r .597, alpha 11.586, s .522,
    beta 8.828 (computed independently)."""
    fitted = fit_pareto_nbd(cdnow[1])
    assert fitted.r == pytest.approx(0.597, abs=5e-4)
    assert fitted.alpha == pytest.approx(11.586, abs=2e-3)
    assert fitted.s == pytest.approx(0.522, abs=5e-4)
    assert fitted.beta == pytest.approx(8.828, abs=2e-3)

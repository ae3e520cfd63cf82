"""BG/NBD against published figures, against simulated worlds, and on input it must refuse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from engine.errors import DataError
from engine.models.btyd import (
    BetaGeometric,
    PurchaseHistory,
    _log_likelihood,
    fit_bg_nbd,
    purchase_history,
)
from tests.engine.models.conftest import Cdnow

PUBLISHED = BetaGeometric(r=0.243, alpha=4.414, a=0.793, b=2.426)
"""Fader, Hardie & Lee (2005), table 2: the 1/10 sample of CDNOW, in weeks."""

TRUTH = BetaGeometric(r=0.6, alpha=5.0, a=0.9, b=2.5)


def _history(*rows: tuple[float, float, float]) -> PurchaseHistory:
    x, t_x, length = np.array(rows, dtype=np.float64).T
    return PurchaseHistory(x, t_x, length)


def _simulate(
    truth: BetaGeometric, n: int, seed: int, horizon: float
) -> tuple[PurchaseHistory, np.ndarray]:
    """Histories of n customers up to a length of their own, and purchases in `horizon` after it."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(truth.r, 1 / truth.alpha, n)
    leave = rng.beta(truth.a, truth.b, n)
    length = rng.uniform(20, 40, n)
    x, t_x, later = np.zeros(n), np.zeros(n), np.zeros(n)
    clock, alive = np.zeros(n), np.ones(n, dtype=bool)
    while alive.any():
        clock = np.where(alive, clock + rng.exponential(1, n) / rate, clock)
        alive &= clock <= length + horizon
        before = alive & (clock <= length)
        x[before] += 1
        t_x[before] = clock[before]
        later[alive & (clock > length)] += 1
        alive &= rng.random(n) >= leave
    return PurchaseHistory(x, t_x, length), later


def test_the_paper_s_worked_customer() -> None:
    """x = 2, t_x = 30.43, T = 38.86: 1.226 purchases expected in 39 weeks (Fader et al. 2005)."""
    customer = _history((2, 30.43, 38.86))
    assert PUBLISHED.expected_purchases(customer, 39)[0] == pytest.approx(1.226, abs=5e-4)


def test_recovers_the_parameters_of_a_simulated_world() -> None:
    history, _ = _simulate(TRUTH, 40_000, seed=1, horizon=10)
    fitted = fit_bg_nbd(history)
    assert fitted.r == pytest.approx(TRUTH.r, rel=0.05)
    assert fitted.alpha == pytest.approx(TRUTH.alpha, rel=0.07)
    assert fitted.a / (fitted.a + fitted.b) == pytest.approx(0.9 / 3.4, rel=0.05)
    assert fitted.log_likelihood(history) > TRUTH.log_likelihood(history)


def test_forecasts_agree_with_the_simulated_future_in_every_class() -> None:
    """Within each number of repeats, forecast and future differ by sampling error only."""
    history, later = _simulate(TRUTH, 60_000, seed=2, horizon=10)
    p_any = TRUTH.probability_any(history, 10)
    expected = TRUTH.expected_purchases(history, 10)
    for low, high in [(0, 0), (1, 1), (2, 3), (4, 8), (9, 1000)]:
        rows = (history.repeats >= low) & (history.repeats <= high)
        n = rows.sum()
        assert n > 300
        any_error = 4 * np.sqrt(np.mean(p_any[rows] * (1 - p_any[rows])) / n)
        assert p_any[rows].mean() == pytest.approx((later[rows] > 0).mean(), abs=any_error)
        mean_error = 4 * later[rows].std() / np.sqrt(n)
        assert expected[rows].mean() == pytest.approx(later[rows].mean(), abs=mean_error)


def test_gradient_is_the_derivative_of_the_likelihood() -> None:
    history, _ = _simulate(TRUTH, 300, seed=3, horizon=1)
    error = check_grad(
        lambda p: _log_likelihood(p, history)[0].sum(),
        lambda p: _log_likelihood(p, history)[1].sum(axis=0),
        np.array([0.4, 3.0, 0.8, 2.0]),
    )
    assert error < 1e-2


def test_forecasts_are_ordered_as_they_must_be() -> None:
    history, _ = _simulate(TRUTH, 2_000, seed=4, horizon=1)
    short, long = TRUTH.probability_any(history, 5), TRUTH.probability_any(history, 50)
    assert np.all((short > 0) & (short < long) & (long < 1))
    assert np.all(long <= TRUTH.probability_alive(history))
    assert np.all(TRUTH.probability_any(history, 0) == 0)
    # At least one purchase is never likelier than the number expected.
    assert np.all(TRUTH.expected_purchases(history, 5) >= short - 1e-12)


def test_one_time_buyers_are_alive_for_certain_yet_may_stay_silent() -> None:
    once = _history((0, 0, 30))
    assert PUBLISHED.probability_alive(once)[0] == 1
    assert PUBLISHED.probability_any(once, 13)[0] < 0.1


def test_expected_purchases_pass_a_equal_one_without_a_jump() -> None:
    history = _history((3, 10, 20), (0, 0, 20))
    at, beside = (BetaGeometric(0.5, 4, a, 2.0).expected_purchases(history, 8) for a in (1, 1.001))
    assert np.isfinite(at).all()
    assert at == pytest.approx(beside, rel=2e-3)


def test_unit_of_time_changes_alpha_only() -> None:
    weeks, _ = _simulate(TRUTH, 5_000, seed=5, horizon=1)
    days = PurchaseHistory(weeks.repeats, weeks.last * 7, weeks.length * 7)
    by_week, by_day = fit_bg_nbd(weeks), fit_bg_nbd(days)
    assert by_day.alpha == pytest.approx(7 * by_week.alpha, rel=1e-4)
    assert (by_day.r, by_day.a, by_day.b) == pytest.approx(
        (by_week.r, by_week.a, by_week.b), rel=1e-4
    )
    assert by_day.probability_any(days, 70) == pytest.approx(
        by_week.probability_any(weeks, 10), rel=1e-4
    )


def test_history_merges_days_and_ignores_the_future_and_the_order_of_rows() -> None:
    who = np.array(["b", "a", "a", "a", "b", "a", "c"])
    day = np.array([4, 0, 14, 14, 5, 30, 29])
    shuffled = np.random.default_rng(0).permutation(len(who))
    for rows in (slice(None), shuffled):
        names, history = purchase_history(who[rows], day[rows], 28)
        assert names.tolist() == ["a", "b"]
        assert history.repeats.tolist() == [1, 1]
        assert history.last.tolist() == [2, pytest.approx(1 / 7)]
        assert history.length.tolist() == [4, pytest.approx(24 / 7)]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ((1, 9, 8), "customer 1: 1 repeats, last at 9, length 8. expected 0 <= last <= length"),
        ((0, 3, 8), "customer 1: 0 repeats, last at 3, length 8. expected 0 <= last <= length"),
        ((2, float("nan"), 8), "customer 1: 2 repeats, last at nan, length 8."),
    ],
)
def test_an_impossible_history_is_named(row: tuple[float, float, float], sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        _history((1, 2, 3), row)
    assert caught.value.sentence.startswith(sentence)


def test_nobody_came_back() -> None:
    with pytest.raises(DataError) as caught:
        fit_bg_nbd(_history((0, 0, 10), (0, 0, 12)))
    assert caught.value.sentence == (
        "2 customers, none with a repeat purchase. "
        "BG/NBD learns who leaves from those who came back at least once. "
        "Take a longer observation."
    )


@pytest.mark.data
def test_published_parameters_on_the_cdnow_master_file(cdnow: Cdnow) -> None:
    """All 23,570 customers, observed until the end of week 39: r .2516, alpha 4.789, a .7234,
    b 2.161 (computed independently; the 1/10 sample of the paper is no regular slice of it)."""
    names, history = cdnow
    assert len(names) == 23_570
    fitted = fit_bg_nbd(history)
    assert fitted.r == pytest.approx(0.2516, abs=5e-5)
    assert fitted.alpha == pytest.approx(4.789, abs=5e-4)
    assert fitted.a == pytest.approx(0.7234, abs=5e-5)
    assert fitted.b == pytest.approx(2.161, abs=5e-4)

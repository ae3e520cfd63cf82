"""Drift: what the past did is usual, what it never did is not, and nothing depends on units."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from engine.monitor.drift import bin_edges, divergence, jensen_shannon, measure_drift, psi
from engine.monitor.report import Drift
from engine.types import Words

CUTOFFS = [datetime(2026, 1, 4) + timedelta(days=14 * n) for n in range(8)]
STEADY, SEASONAL = range(2)


def season(number: int) -> float:
    return float(np.sin(number))


def rows(seed: int, number: int, *, steady: float = 0.0, n: int = 1_500) -> np.ndarray:
    """A steady column, and one that goes up and down with the season."""
    rng = np.random.default_rng(seed)
    both = rng.standard_normal((n, 2)) + np.array([steady, season(number)])
    both[rng.random(n) < 0.1, STEADY] = np.nan
    return both.astype(np.float32)


def drift(now: np.ndarray, weights: tuple[float, float] = (0.5, 0.5), past: int = 8) -> Drift:
    columns = {
        name: (place, Words(name, name), weights[place])
        for place, name in enumerate(("steady", "seasonal"))
    }
    known = {cutoff: rows(n, n) for n, cutoff in enumerate(CUTOFFS[:past])}
    return measure_drift(known, now, columns, seed=1)


@pytest.mark.parametrize("seed", range(20, 26))
def test_a_present_like_the_past_shows_no_drift(seed: int) -> None:
    found = drift(rows(seed, 3))
    assert found.verdict == "none"
    assert not any(one.shifted for one in found.columns)


def test_the_same_move_is_usual_in_a_seasonal_column_and_unusual_in_a_steady_one() -> None:
    found = {one.column: one for one in drift(rows(30, 2, steady=season(2))).columns}
    assert found["steady"].shifted
    assert not found["seasonal"].shifted
    assert found["steady"].psi_limit < found["seasonal"].psi_limit


def test_what_breaks_in_a_column_that_matters_is_strong_and_named_first() -> None:
    broken = rows(31, 3)
    broken[:, STEADY] = np.nan
    found = drift(broken, (0.9, 0.1))
    assert found.verdict == "strong"
    assert found.columns[0].column == "steady"
    assert "beyond" in found.columns[0].words.en


def test_a_column_without_weight_raises_no_verdict() -> None:
    broken = rows(31, 3)
    broken[:, STEADY] = np.nan
    assert drift(broken, (0.0, 1.0)).verdict == "none"


def test_two_cutoffs_tell_nothing_and_say_so() -> None:
    found = drift(rows(32, 3), past=2)
    assert (found.verdict, found.columns) == ("none", ())
    assert "Only 2 past cutoffs" in found.words.en


def test_risks_that_shifted_are_some_drift() -> None:
    risks = [np.random.default_rng(n).beta(1, 8, 1_000) for n in range(4)]
    known = {cutoff: rows(n, n) for n, cutoff in enumerate(CUTOFFS)}
    columns = {"steady": (STEADY, Words("", ""), 1.0)}
    shifted = np.random.default_rng(9).beta(2, 4, 1_000)
    found = measure_drift(known, rows(33, 3), columns, past_risk=risks, risk=shifted, seed=1)
    assert found.verdict == "some"
    assert found.risk is not None
    assert found.risk.shifted


def test_units_do_not_matter() -> None:
    past = [rows(n, n)[:, SEASONAL] for n in range(5)]
    now = rows(40, 1)[:, SEASONAL]
    one = divergence(past, now, seed=3)
    other = divergence([1000 * values + 7 for values in past], 1000 * now + 7, seed=3)
    assert one.psi == pytest.approx(other.psi, rel=0.05)
    assert one.psi_limit == pytest.approx(other.psi_limit, rel=0.05)


def test_a_common_value_has_a_bin_of_its_own() -> None:
    values = np.array([0.0] * 60 + list(range(1, 41)), dtype=np.float32)
    edges = bin_edges(values)
    places = np.searchsorted(edges, values, side="right")
    assert len(set(places[values == 0])) == 1
    assert not set(places[values == 0]) & set(places[values > 0])


def test_psi_and_jensen_shannon_are_their_formulas() -> None:
    one, other = np.array([0.5, 0.5]), np.array([0.75, 0.25])
    assert psi(one, other) == pytest.approx(0.25 * np.log(3))
    assert psi(one, one) == jensen_shannon(one, one) == 0
    apart = jensen_shannon(np.array([1 - 1e-12, 1e-12]), np.array([1e-12, 1 - 1e-12]))
    assert apart == pytest.approx(1, abs=1e-9)  # one bit

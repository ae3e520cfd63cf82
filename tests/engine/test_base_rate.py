"""The base rate in service: it moves every risk alike, and only by what is more than chance."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.base_rate import prior_shift_at, rate_of, shrunk_shift
from engine.calibrated import BaseRate
from engine.data.summary import churn_rule
from engine.features.labels import labels
from engine.models.calibration import Calibration, sigmoid
from engine.outreach.log import contacts
from engine.places import Places
from engine.registry import Registry
from engine.scoring import score
from engine.settings import load_settings
from engine.store.lease import lease
from engine.training.calibrate import fit_calibration

DAY = datetime(2026, 3, 1)


def _rate(rate: float, rows: float = 1e9) -> BaseRate:
    return BaseRate(DAY, rate, rows)


def test_the_shift_solves_the_base_rate_equation() -> None:
    """Bayes: of rows with the same raw score, odds change as the odds of the base rates do."""
    rng = np.random.default_rng(5)
    label = (rng.random(60_000) < 0.4).astype(float)
    raw = rng.normal(2 * label - 1, 1.0)  # the exact log-odds are 2 · raw + log-odds of the rate
    at_forty = fit_calibration(raw, label)
    fewer = np.flatnonzero((label == 0) | (rng.random(60_000) < 0.25))
    then = rate_of(DAY, label, np.ones(len(label)))
    now = rate_of(DAY, label[fewer], np.ones(len(fewer)))
    moved = at_forty.moved(shrunk_shift(then, now))
    assert sigmoid(moved.apply(raw[fewer])).mean() == pytest.approx(now.rate, abs=0.005)
    assert moved.scale == at_forty.scale


@given(st.floats(0.02, 0.98), st.floats(0.02, 0.98), st.floats(100, 1e6), st.floats(100, 1e6))
def test_fewer_rows_move_less_and_never_the_other_way(
    then: float, now: float, rows: float, more: float
) -> None:
    whole = np.log(now / (1 - now)) - np.log(then / (1 - then))
    few, many = sorted((rows, rows + more))
    small = shrunk_shift(_rate(then, few), _rate(now, few))
    large = shrunk_shift(_rate(then, many), _rate(now, many))
    assert abs(small) <= abs(large) <= abs(whole) + 1e-12
    assert small * whole >= 0
    assert large * whole >= 0


def test_equal_rates_move_nothing() -> None:
    assert shrunk_shift(_rate(0.3), _rate(0.3)) == 0
    assert shrunk_shift(_rate(0.3, 200), _rate(0.33, 200)) == 0


@given(
    st.lists(st.floats(-8, 8), min_size=2, max_size=30),
    st.floats(-3, 3),
    st.floats(0.05, 5),
)
def test_the_order_of_users_stays(raw: list[float], shift: float, scale: float) -> None:
    scores = np.array(raw)
    before, after = Calibration(scale, 0.2), Calibration(scale, 0.2).moved(shift)
    np.testing.assert_array_equal(
        np.argsort(before.apply(scores), kind="stable"),
        np.argsort(after.apply(scores), kind="stable"),
    )
    np.testing.assert_allclose(after.apply(scores) - before.apply(scores), shift, atol=1e-9)


def test_repeated_weights_are_repeated_rows() -> None:
    label = np.array([0.0, 1.0, 1.0, 0.0])
    assert rate_of(DAY, label, np.ones(4)) == BaseRate(DAY, 0.5, 4.0)
    weighted = rate_of(DAY, label, np.array([3.0, 1.0, 1.0, 1.0]))
    assert weighted.rate == pytest.approx(1 / 3)
    assert weighted.rows == pytest.approx(36 / 12)


@pytest.mark.slow
def test_a_run_keeps_the_shift_and_moves_every_user_by_it(
    sample_workspace: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(sample_workspace, tmp_path / "moved"))
    places, settings = Places(folder), load_settings(folder)
    with lease(places.ledger, write=True) as connection:
        connection.execute("DELETE FROM score")
        connection.execute("DELETE FROM scoring_run")
    registry = Registry(places.models, places.ledger)
    champion = registry.champion_id()
    assert champion is not None
    with lease(places.behaviour) as connection:
        rule = churn_rule(connection)
        found = connection.execute("SELECT as_of FROM load_run").fetchone()
        assert found is not None
        as_of = found[0]
        expected = prior_shift_at(
            connection, rule, as_of, registry.load(champion), contacts(places.ledger)
        )
        assert expected is not None
        assert (
            expected.newest.cutoff
            + timedelta(days=rule.lead_days + rule.horizon_days + rule.grace_days)
            <= as_of
        )
        _, churned = labels(connection, rule, expected.newest.cutoff)
    assert expected.newest.rate == pytest.approx(churned.mean(), abs=0.02)

    def run(follow: bool) -> dict[str, float]:
        risk = settings.risk.model_copy(update={"follow_base_rate": follow})
        made = score(
            places,
            settings.model_copy(update={"risk": risk}),
            as_of=None,
            now=DAY,
            progress=lambda stage, done: None,
        )
        assert (made.prior_shift == expected) if follow else made.prior_shift is None
        with lease(places.ledger) as connection:
            rows = connection.execute(
                "SELECT user_id, log_odds FROM score WHERE scoring_run_id = ?",
                [made.scoring_run_id],
            ).fetchall()
        return dict(rows)

    still, moved = run(False), run(True)
    for user, log_odds in still.items():
        assert moved[user] - log_odds == pytest.approx(expected.shift, abs=1e-6)

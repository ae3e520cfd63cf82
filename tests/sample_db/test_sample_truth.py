"""The truth: calibrated against what happened, silent after leaving, as hard as life."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import sample_db
from sample_db import check, truth
from sample_db.behaviour import Sessions, sessions
from sample_db.mechanism import CAUSES, TEMPLATES, Mechanism
from sample_db.people import make_people
from sample_db.seasons import Calendar
from sample_db.world import History, live

SEED = 11


@pytest.fixture(scope="module")
def history() -> History:
    calendar = Calendar.ending(date(2026, 10, 31), 15)
    return live(make_people(1500, SEED, calendar), calendar, SEED, Mechanism())


@pytest.fixture(scope="module")
def visits(history: History) -> Sessions:
    return sessions(history, SEED)


@pytest.fixture(scope="module")
def gone(history: History, visits: Sessions) -> np.ndarray:
    seen = visits.seen(history.calendar.days, history.people.count)
    return truth.posterior(history, seen, 0.98)


@pytest.fixture(scope="module")
def known(history: History, visits: Sessions, gone: np.ndarray) -> truth.Hazard:
    seen = visits.seen(history.calendar.days, history.people.count)
    return truth.hazard(history, seen, visits.late, gone)


@pytest.fixture(scope="module")
def really_gone(history: History) -> np.ndarray:
    """(days, users): has left and not come back, at the start of the day."""
    days = 7 * history.calendar.simulated_weeks
    away = np.zeros((days, history.people.count), dtype=np.int8)
    for day, user in zip(history.departures["day"], history.departures["user"], strict=True):
        away[day:, user] += 1
    for day, user in zip(history.returns["day"], history.returns["user"], strict=True):
        away[day:, user] -= 1
    return away


def test_who_has_left_uses_nothing(history: History, really_gone: np.ndarray) -> None:
    assert set(np.unique(really_gone)) == {0, 1}
    active = history.active.reshape(-1, history.people.count)
    assert not (active & (really_gone == 1)).any()
    assert really_gone.sum() > 1000


def test_nobody_uses_anything_before_signing_up(history: History) -> None:
    active = history.active.reshape(-1, history.people.count)
    days = np.arange(len(active))[:, None]
    assert not (active & (days < history.people.signup_day)).any()


def test_the_posterior_of_having_left_is_calibrated(
    known: truth.Hazard, really_gone: np.ndarray
) -> None:
    left = really_gone[7 * known.week, known.user]
    for low, high in ((0.0, 0.02), (0.02, 0.2), (0.2, 0.8), (0.8, 1.01)):
        rows = (known.p_gone >= low) & (known.p_gone < high)
        stated, actual = known.p_gone[rows].mean(), left[rows].mean()
        # Rows of one user repeat, so the binomial error is taken three times and then some.
        assert abs(stated - actual) < 5 * (stated * (1 - stated) / rows.sum()) ** 0.5 + 0.01


def test_the_true_risk_is_calibrated_by_tenths(known: truth.Hazard) -> None:
    edges = np.quantile(known.p_churn, np.linspace(0, 1, 11)[1:-1])
    tenth = np.searchsorted(edges, known.p_churn)
    for i in range(10):
        rows = tenth == i
        stated, actual = known.p_churn[rows].mean(), known.label[rows].mean()
        assert abs(stated - actual) < 5 * (stated * (1 - stated) / rows.sum()) ** 0.5 + 0.012


def test_the_projection_needs_little_recalibration(known: truth.Hazard) -> None:
    scale, shift = known.calibration
    assert 0.85 < scale < 1.15
    assert abs(shift) < 0.25


def test_the_oracle_ignores_what_happens_after_the_cutoff(
    history: History, visits: Sessions, gone: np.ndarray
) -> None:
    week, users = 40, history.people.count
    before = visits.day < 7 * week
    cut = Sessions(visits.user[before], visits.day[before], visits.known_day[before])
    seen = cut.seen(history.calendar.days, users)
    again = truth.posterior(history, seen, 0.98)
    np.testing.assert_array_equal(again[: week + 1], gone[: week + 1])


def test_shares_name_a_cause_and_leave_room_for_harmless_silence(known: truth.Hazard) -> None:
    total = known.shares.sum(axis=0)
    assert (known.shares >= 0).all()
    assert (total <= 1 + 1e-6).all()
    assert 0.4 < total.mean() < 0.95


def test_stated_causes_match_the_causes_drawn(known: truth.Hazard, history: History) -> None:
    """Among the leavers, the mean of the shares is near the frequency of the causes."""
    drawn = np.bincount(history.departures["cause"], minlength=len(CAUSES))
    drawn = drawn / drawn.sum()
    stated = (known.shares * known.p_churn).sum(axis=1)
    stated = stated / stated.sum()
    assert np.abs(stated - drawn).max() < 0.06


def test_contact_harms_sleeping_dogs_and_helps_on_average_the_others(
    history: History, known: truth.Hazard, gone: np.ndarray
) -> None:
    week = history.calendar.weeks - 8
    users = known.user[known.week == week]
    p = truth.effects(history, week, users, gone[week], known.calibration)
    dog = history.people.sleeping_dog[users]
    assert set(p) == {"nothing", *TEMPLATES}
    for template in TEMPLATES:
        gain = p["nothing"] - p[template]
        assert (gain[dog] <= 0).all()
        assert gain[dog].mean() < -0.01
        assert gain[~dog].mean() > 0
    exhausted = known.shares[CAUSES.index("content_exhausted")][known.week == week] > 0.5
    rows = exhausted & ~dog
    better = p["content_recommendation"][rows].mean()
    assert better < p["payment_failed"][rows].mean()


def test_nothing_sent_is_the_risk_itself(
    history: History, known: truth.Hazard, gone: np.ndarray
) -> None:
    week = history.calendar.weeks
    rows = known.week == week
    p = truth.effects(history, week, known.user[rows], gone[week], known.calibration)
    np.testing.assert_allclose(p["nothing"], known.p_churn[rows])


def test_roc_auc_agrees_with_scikit_learn_on_ties() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 400)
    score = (rng.random(400) + 0.3 * label).round(1).astype(np.float64)
    assert check.roc_auc(label, score) == pytest.approx(roc_auc_score(label, score))


def test_the_truth_on_file_follows_the_rule_in_sql(tmp_path: Path) -> None:
    sample_db.generate(tmp_path, users=300, months=8, seed=5)
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE ok AS FROM '{tmp_path / 'events.parquet'}' "
            "WHERE event_id NOT LIKE '%-x%'"
        )
        hazard = f"'{tmp_path / 'truth' / 'hazard.parquet'}'"
        eligible = connection.execute(
            f"""
            SELECT count(*) FROM (
                (SELECT user_id, cutoff FROM {hazard}) EXCEPT
                (SELECT user_id, cutoff FROM ok, (SELECT DISTINCT cutoff FROM {hazard})
                 WHERE known_at < cutoff AND occurred_at >= cutoff - INTERVAL 28 DAY))
            """
        ).fetchall()[0][0]
        missed = connection.execute(
            f"""
            SELECT count(*) FROM (
                (SELECT DISTINCT user_id, cutoff FROM ok, (SELECT DISTINCT cutoff FROM {hazard})
                 WHERE known_at < cutoff AND occurred_at >= cutoff - INTERVAL 28 DAY) EXCEPT
                (SELECT user_id, cutoff FROM {hazard}))
            """
        ).fetchall()[0][0]
        # The newest windows reach past the last day, which only the truth has seen.
        wrong = connection.execute(
            f"""
            SELECT count(*) FROM {hazard} h
            WHERE cutoff + INTERVAL 45 DAY <= TIMESTAMP '2026-11-01' AND (label = 1) <> NOT EXISTS (
                FROM ok e WHERE e.user_id = h.user_id AND occurred_at >= cutoff + INTERVAL 7 DAY
                AND occurred_at < cutoff + INTERVAL 35 DAY)
            """
        ).fetchall()[0][0]
    assert (eligible, missed, wrong) == (0, 0, 0)


@pytest.mark.slow
def test_the_world_is_as_hard_as_life(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="the measure of difficulty needs LightGBM")
    sample_db.generate(tmp_path, users=4000)
    found = {row.name: row.value for row in check.measure(tmp_path)}
    assert 0.08 <= found["base rate among the eligible"] <= 0.18
    assert 0.85 <= found["ROC-AUC, true hazard"] <= 0.92
    assert 0.58 <= found["share of the attainable excess"] <= 0.82
    assert found["CNY per user: discount to the tenth with the highest risk"] < 0

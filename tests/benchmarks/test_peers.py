"""The peers: point-in-time columns, protocols, and the baselines that they must reproduce."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from benchmarks.peers.boosting import SMALL, Settings, lightgbm_risk, searched
from benchmarks.peers.courses import KINDS, read_enrolments
from benchmarks.peers.folds import by_cutoff, by_group, out_of_fold, stratified
from benchmarks.peers.learners import QUICK, catboost, learners, logistic
from benchmarks.peers.orders import Orders, data_folder, day_number, read_orders
from benchmarks.peers.rfm import log_rfm, rfm
from benchmarks.peers.shops import Protocol, carried_over, peer_risks
from benchmarks.quality.protocols import CDNOW, ONLINE_RETAIL

CUTOFF = date(2020, 3, 1)


def _orders(*rows: tuple[int, date, float]) -> Orders:
    customer, day, amount = zip(*sorted(rows), strict=True)
    ones = np.ones(len(rows))
    return Orders(
        np.array(customer),
        np.array([day_number(d) for d in day]),
        np.array(amount, dtype=np.float64),
        ones,
        0 * ones,
    )


def _random_orders(seed: int, customers: int = 60) -> Orders:
    rng = np.random.default_rng(seed)
    rows = {
        (int(rng.integers(customers)), date(2019, 1, 1) + timedelta(days=int(rng.integers(600))))
        for _ in range(900)
    }
    return _orders(*[(who, day, float(rng.gamma(2, 20))) for who, day in sorted(rows)])


def test_columns_by_hand() -> None:
    orders = _orders(
        (1, date(2020, 1, 1), 10.0),
        (1, date(2020, 2, 10), 30.0),
        (1, date(2020, 2, 28), 20.0),
        (2, date(2019, 3, 10), 5.0),
    )
    columns = rfm(orders, np.array([1, 2]), CUTOFF, season=True)
    first = columns.loc[1].to_dict()
    assert first["recency"] == 2
    assert first["age"] == 60
    assert first["frequency"] == 3
    assert first["amount"] == 60
    assert first["amount_last"] == 20
    assert first["gap_mean"] == (40 + 18) / 2
    assert first["gap_last"] == 18
    assert first["frequency_30"] == 2
    assert first["amount_90"] == 60
    second = columns.loc[2].to_dict()
    assert second["frequency_180"] == 0
    assert second["frequency_last_year"] == 1
    assert np.isnan(second["gap_mean"])


def test_what_happens_from_the_cutoff_on_changes_no_column() -> None:
    orders = _random_orders(1)
    later = orders.day >= day_number(CUTOFF)
    assert later.any()
    changed = replace(orders, amount=np.where(later, 1e6, orders.amount))
    who = orders.buyers(CUTOFF - timedelta(days=365), CUTOFF)
    before = rfm(orders, who, CUTOFF, season=True)
    assert before.equals(rfm(changed, who, CUTOFF, season=True))
    assert np.isfinite(log_rfm(orders, who, CUTOFF)).all()


def test_population_and_label_windows_are_half_open() -> None:
    protocol = Protocol("x", 10, 20, (date(2020, 2, 1),), CUTOFF, season=False)
    orders = _orders(
        (1, CUTOFF - timedelta(days=20), 1.0),
        (1, CUTOFF, 1.0),
        (2, CUTOFF - timedelta(days=21), 1.0),
        (3, CUTOFF - timedelta(days=1), 1.0),
        (3, CUTOFF + timedelta(days=10), 1.0),
    )
    who = protocol.population(orders, CUTOFF)
    assert who.tolist() == [1, 3]
    assert protocol.churned(orders, who, CUTOFF).tolist() == [0.0, 1.0]


def test_a_protocol_refuses_a_label_from_after_the_test_cutoff() -> None:
    with pytest.raises(ValueError, match=r"labels of \[datetime.date\(2020, 2, 21\)\]"):
        Protocol("x", 10, 20, (date(2020, 2, 20), date(2020, 2, 21)), CUTOFF, season=False)


def test_every_label_of_the_two_protocols_is_closed_at_the_test_cutoff() -> None:
    for protocol in (CDNOW, ONLINE_RETAIL):
        newest = max(protocol.train) + timedelta(days=protocol.horizon_days)
        assert newest == protocol.test


def test_lightgbm_finds_a_signal_and_is_reproducible() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3_000, 4))
    label = (rng.random(3_000) < 1 / (1 + np.exp(-2 * values[:, 2]))).astype(np.float64)
    settings = Settings(40, 0.1, 8)
    risk = lightgbm_risk(values[:2000], label[:2000], values[2000:], settings, seeds=(0, 1))
    assert roc_auc_score(label[2000:], risk) > 0.78
    again = lightgbm_risk(values[:2000], label[:2000], values[2000:], settings, seeds=(0, 1))
    np.testing.assert_array_equal(risk, again)


@pytest.mark.slow
def test_the_search_keeps_what_is_best_on_the_judging_rows() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(1_500, 5))
    label = ((values[:, 0] * values[:, 1] > 0) ^ (rng.random(1_500) < 0.1)).astype(np.float64)
    splits = stratified(values, label)
    found = searched(values, label, splits, trials=2, seed=0)
    # The label is a product of two columns: four leaves of a hundred rows learn it slowly.
    assert found != replace(SMALL, trees=found.trees)
    risk = lightgbm_risk(values[:1000], label[:1000], values[1000:], found, seeds=(0,))
    assert roc_auc_score(label[1000:], risk) > 0.8


def test_what_judges_had_not_closed_when_it_taught() -> None:
    cutoffs = [date(2020, 1, 1) + timedelta(days=30 * step) for step in range(6)]
    rows, users = np.repeat(np.arange(6), 10), np.tile(np.arange(10), 6)
    splits = by_cutoff(cutoffs, rows, users, timedelta(days=60))
    assert [sorted(set(rows[judge])) for _, judge in splits] == [[3], [4], [5]]
    assert [rows[teach].max() for teach, _ in splits] == [1, 2, 3]
    short = by_cutoff(cutoffs, rows, users, timedelta(days=365))
    for teach, judge in short:
        assert not set(users[teach]) & set(users[judge])
    for teach, judge in by_group(users):
        assert not set(users[teach]) & set(users[judge])


@pytest.mark.slow
def test_every_learner_finds_a_signal_out_of_fold() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(900, 3))
    label = (rng.random(900) < 1 / (1 + np.exp(-2 * values[:, 1]))).astype(np.float64)
    values[rng.random(900) < 0.05, 0] = np.nan
    fold = np.arange(900) % 3
    for name, learner in learners(QUICK, stratified).items():
        risk = out_of_fold(values, label, fold, learner)
        assert ((risk >= 0) & (risk <= 1)).all(), name
        assert roc_auc_score(label, risk) > 0.75, name


def test_catboost_gets_a_word_as_one_column() -> None:
    rng = np.random.default_rng(3)
    level = rng.integers(0, 3, 400)
    values = np.column_stack([rng.normal(size=400), *(level == n for n in range(3))])
    label = (rng.random(400) < np.array([0.1, 0.5, 0.9])[level]).astype(np.float64)
    risk = catboost(20, (slice(1, 4),))(values, label, values)
    assert roc_auc_score(label, risk) > 0.75


@pytest.mark.slow
def test_peers_see_nothing_of_the_test_labels() -> None:
    orders = _random_orders(2, customers=200)
    train = (date(2019, 8, 1), date(2019, 11, 1))
    protocol = Protocol("x", 60, 300, train, date(2020, 1, 1), season=False)
    later = orders.day >= day_number(protocol.test)
    cut = Orders(*(getattr(orders, name)[~later] for name in Orders.__slots__))
    full, blind = (peer_risks(seen, protocol, effort=QUICK) for seen in (orders, cut))
    assert full.label.mean() < blind.label.mean() == 1
    for name, risk in full.risks.items():
        np.testing.assert_array_equal(risk, blind.risks[name], err_msg=name)


@pytest.mark.slow
def test_a_longer_window_is_carried_over_and_the_buying_models_say_it_themselves() -> None:
    orders = _random_orders(4, customers=200)
    protocol = Protocol("x", 60, 300, (date(2019, 8, 1),), date(2020, 1, 1), season=False)
    names = frozenset({"recency", "BG/NBD", "Pareto/NBD", "logistic log-RFM"})
    short = peer_risks(orders, protocol, effort=QUICK, only=names)
    long = carried_over(orders, protocol, short, windows=3)
    assert set(short.risks) == set(long.risks) == names
    np.testing.assert_array_equal(
        long.risks["logistic log-RFM"], short.risks["logistic log-RFM"] ** 3
    )
    assert (long.label <= short.label).all()
    for name in ("BG/NBD", "Pareto/NBD"):
        assert (long.risks[name] <= short.risks[name]).all()
        assert (long.risks[name] >= short.risks[name] ** 3).all()  # some may have left for good


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    ("protocol", "n", "figures"),
    [
        # (AUC, average precision of buyers for CDNOW and of churners otherwise, log loss), measured
        # by others with columns and settings of their own on the same protocol.
        (
            CDNOW,
            23_570,
            {
                "recency": (0.7635, 0.4510, None),
                "BG/NBD": (0.7646, 0.5069, 0.3885),
                "Pareto/NBD": (0.7717, 0.5100, 0.3908),
                "logistic log-RFM": (0.7781, 0.5111, 0.3818),
                "LightGBM RFM": (0.7772, 0.5109, 0.3810),
            },
        ),
        (
            ONLINE_RETAIL,
            4_317,
            {
                "recency": (0.7080, 0.6612, None),
                "BG/NBD": (0.7650, 0.7140, 0.5999),
                "logistic log-RFM": (0.7759, 0.7421, 0.6071),
                "LightGBM RFM": (0.7723, 0.7289, 0.6023),
                "LightGBM RFM + season": (0.7739, 0.7391, 0.5684),
            },
        ),
    ],
    ids=["cdnow", "online-retail"],
)
def test_peers_are_as_good_as_elsewhere(
    protocol: Protocol, n: int, figures: dict[str, tuple[float, float, float | None]]
) -> None:
    """A crippled peer would flatter us."""
    if not data_folder().exists():
        pytest.skip(f"no data sets at {data_folder()}; set RETENTION_DATA")
    peers = peer_risks(read_orders(protocol.case), protocol, only=frozenset(figures))
    assert len(peers.customers) == n
    stayed = protocol is CDNOW
    for name, (auc, precision, loss) in figures.items():
        risk = peers.risks[name]
        assert roc_auc_score(peers.label, risk) >= auc - 0.004, name
        found = (
            average_precision_score(1 - peers.label, 1 - risk)
            if stayed
            else average_precision_score(peers.label, risk)
        )
        assert found >= precision - 0.006, name
        if loss is not None:
            assert log_loss(peers.label, risk) <= loss + 0.005, name


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    ("days", "by_course", "summer"), [(30, 0.8688, 0.8844), (14, 0.7677, 0.7766)]
)
def test_logistic_regression_on_courses_is_as_good_as_elsewhere(
    days: int, by_course: float, summer: float
) -> None:
    if not data_folder().exists():
        pytest.skip(f"no data sets at {data_folder()}; set RETENTION_DATA")
    rows = read_enrolments("test", days)
    assert len(rows.label) == 28_360
    aucs = []
    for teach, judge in by_group(rows.course, 5):
        risk = logistic(rows.values[teach], rows.label[teach], rows.values[judge])
        aucs.append(roc_auc_score(rows.label[judge], risk))
    assert np.mean(aucs) >= by_course - 0.002
    winter = ~rows.summer
    risk = logistic(rows.values[winter], rows.label[winter], rows.values[rows.summer])
    assert roc_auc_score(rows.label[rows.summer], risk) >= summer - 0.002


@pytest.mark.slow
@pytest.mark.data
def test_a_courses_columns_know_nothing_of_later_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not data_folder().exists():
        pytest.skip(f"no data sets at {data_folder()}; set RETENTION_DATA")
    source = data_folder() / "mooc_xuetangx"
    before = read_enrolments("test", 14).values
    folder = tmp_path / "mooc_xuetangx"
    folder.mkdir()
    shutil.copy(source / "enrollments.csv.gz", folder)
    # From day 14 on the counts are others; the days stay, by which an enrolment is found.
    counts = ", ".join(
        f"CASE WHEN date < start + INTERVAL 14 DAY THEN event_{kind} ELSE 999 END AS event_{kind}"
        for kind in KINDS
    )
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT course, enrollment_id, date, "
            f"{counts} FROM (SELECT *, min(date) OVER (PARTITION BY course) AS start "
            f"FROM read_parquet('{source / 'daily_events.parquet'}'))) "
            f"TO '{folder / 'daily_events.parquet'}' (FORMAT parquet)"
        )
    monkeypatch.setenv("RETENTION_DATA", str(tmp_path))
    np.testing.assert_array_equal(read_enrolments("test", 14).values, before)

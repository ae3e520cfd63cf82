from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from engine.effects.honest_labels import (
    HELD_OUT,
    TREATED_BEFORE,
    TREATED_INSIDE,
    UNTREATED,
    Contacts,
    honest_labels,
)
from engine.errors import DataError
from engine.types import LabelCounts

DAY = timedelta(days=1)
CUTOFF = np.datetime64("2026-03-01T00:00:00", "us")


def contacts(*rows: tuple[str, float, float | None, str, float], draws: list[str] | None = None):  # type: ignore[no-untyped-def]
    """Rows of (user, day decided, day sent, arm, propensity); days count from the cutoff."""

    def instant(day: float | None) -> np.datetime64:
        if day is None:
            return np.datetime64("NaT", "us")
        return CUTOFF + np.timedelta64(round(day * 86_400_000_000), "us")

    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), (), ()]
    return Contacts(
        np.array(columns[0], dtype=object),
        np.array([instant(d) for d in columns[1]], dtype="datetime64[us]"),
        np.array([instant(d) for d in columns[2]], dtype="datetime64[us]"),
        np.array(columns[3], dtype=object),
        np.array(columns[4], dtype=float),
        None if draws is None else np.array(draws, dtype=object),
    )


def judge(users: list[str], log: Contacts, days: float = 37):  # type: ignore[no-untyped-def]
    cutoffs = np.full(len(users), CUTOFF).astype("datetime64[s]")
    return honest_labels(np.array(users, dtype=object), cutoffs, log, window=days * DAY)


def test_each_rule() -> None:
    log = contacts(
        ("inside", 3, 3.1, "care", 0.9),
        ("before", -5, -5, "care", 0.9),
        ("held", 2, None, "holdout", 0.1),
        ("suppressed", 2, None, "care", 0.9),
        ("both", 2, None, "holdout", 0.1),
        ("both", 9, 9, "care", 0.9),
        ("after", 40, 40, "care", 0.9),
        ("held before", -1, None, "holdout", 0.1),
    )
    users = ["inside", "before", "held", "suppressed", "both", "after", "held before", "unknown"]
    honest = judge(users, log)
    assert honest.status.tolist() == [
        TREATED_INSIDE, TREATED_BEFORE, HELD_OUT, UNTREATED, TREATED_INSIDE, UNTREATED, UNTREATED,
        UNTREATED,
    ]  # fmt: skip
    assert honest.training_mask.tolist() == [False, True, True, True, False, True, True, True]
    assert honest.weight.tolist() == pytest.approx([0, 1, 10, 1, 0, 1, 1, 1])
    assert honest.counts == LabelCounts(4, 1, 2, 1, 2)
    assert honest.verifiable
    assert honest.words.en == (
        "4 rows untreated, 1 held out, 1 contacted before the cutoff; 2 contacted inside the "
        "window and left out of training."
    )
    assert honest.words.zh == (
        "未干预 4 行，对照 1 行，此前干预过 1 行；窗口内干预 2 行，不参与训练。"
    )


@pytest.mark.parametrize(
    ("day", "status"),
    [
        (0, TREATED_INSIDE),
        (-1e-6 / 86_400, TREATED_BEFORE),
        (37 - 1e-6 / 86_400, TREATED_INSIDE),
        (37, UNTREATED),
    ],
)
def test_the_window_is_half_open_to_the_microsecond(day: float, status: int) -> None:
    assert judge(["u"], contacts(("u", day, day, "care", 0.9))).status.tolist() == [status]


def test_one_draw_counts_once_and_two_multiply() -> None:
    rows = (("u", 1, None, "holdout", 0.5), ("u", 8, None, "holdout", 0.5))
    assert judge(["u"], contacts(*rows)).weight[0] == pytest.approx(2)
    same = judge(["u"], contacts(*rows, draws=["global", "global"]))
    other = judge(["u"], contacts(*rows, draws=["spring", "summer"]))
    assert same.weight[0] == pytest.approx(2)
    assert other.weight[0] == pytest.approx(4)


def test_one_cutoff_may_be_given_for_all_rows() -> None:
    log = contacts(("u", 1, 1, "care", 0.9), ("v", 2, None, "holdout", 0.1))
    users = np.array(["u", "v"], dtype=object)
    alone = honest_labels(users, CUTOFF.astype("datetime64[s]").item(), log, 37 * DAY)
    assert alone.status.tolist() == judge(["u", "v"], log).status.tolist()


def test_weights_are_clipped() -> None:
    assert judge(["u"], contacts(("u", 1, None, "holdout", 0.001))).weight[0] == 20


def test_no_log_and_no_rows() -> None:
    honest = judge(["a", "b"], contacts())
    assert honest.training_mask.all()
    assert honest.counts == LabelCounts(untreated=2)
    assert judge([], contacts(("u", 1, 1, "care", 0.9))).counts == LabelCounts()


def test_contact_without_holdout_is_said() -> None:
    honest = judge(["u"], contacts(("u", 1, 1, "care", 1.0)))
    assert not honest.verifiable
    assert honest.words.zh.endswith("没有对照组，被触达人群的得分无法验证。")


def test_a_holdout_without_probability_is_refused() -> None:
    with pytest.raises(DataError) as raised:
        judge(["u"], contacts(("u", 1, None, "holdout", 0.0)))
    assert raised.value.sentence == (
        "The held-out user 'u' has the propensity 0.0. A logged draw has a probability above 0 and "
        "at most 1. Mend that row of the intervention log and load it again."
    )


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_equals_the_rule_written_row_by_row(seed: int) -> None:
    rng = np.random.default_rng(seed)
    users = rng.integers(0, 6, 15).astype(str).astype(object)
    cutoffs = CUTOFF.astype("datetime64[s]") + rng.integers(0, 60, 15) * np.timedelta64(1, "D")
    rows = []
    for _ in range(12):
        day = int(rng.integers(-20, 80))
        held = rng.random() < 0.4
        sent = None if held or rng.random() < 0.2 else day
        rows.append((str(rng.integers(0, 6)), day, sent, "holdout" if held else "care", 0.25))
    log = contacts(*rows)
    honest = honest_labels(users, cutoffs, log, window=14 * DAY)
    for i in range(15):
        mine = [r for r in rows if r[0] == users[i]]
        day = (cutoffs[i] - CUTOFF.astype("datetime64[s]")) / np.timedelta64(1, "D")
        if any(r[2] is not None and day <= r[2] < day + 14 for r in mine):
            expected = TREATED_INSIDE
        elif any(r[3] == "holdout" and day <= r[1] < day + 14 for r in mine):
            expected = HELD_OUT
        elif any(r[2] is not None and r[2] < day for r in mine):
            expected = TREATED_BEFORE
        else:
            expected = UNTREATED
        assert honest.status[i] == expected


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def test_retraining_on_treated_users_stays_calibrated() -> None:
    """Rounds of: score, treat the top fifth less a holdout, retrain on what came of it."""
    rng = np.random.default_rng(8)
    n, rounds = 20_000, 4
    ratios = {"naive": 1.0, "honest": 1.0}
    for way in ratios:
        score_of = lambda x: x[:, 0]  # noqa: E731  (before there is a model: the raw feature)
        for _ in range(rounds):
            features = rng.normal(size=(n, 2))
            truth = _sigmoid(1.2 * features[:, 0] + 0.6 * features[:, 1] - 1.5)
            score = score_of(features)
            targeted = score >= np.quantile(score, 0.8)
            held = targeted & (rng.random(n) < 0.1)
            treated = targeted & ~held
            label = (rng.random(n) < np.where(treated, 0.55 * truth, truth)).astype(float)
            ids = np.arange(n).astype(str).astype(object)
            contacted = np.flatnonzero(targeted)
            decided = np.full(len(contacted), CUTOFF + np.timedelta64(1, "D"))
            log = Contacts(
                ids[contacted],
                decided,
                np.where(held[contacted], np.datetime64("NaT", "us"), decided),
                np.where(held[contacted], "holdout", "care").astype(object),
                np.where(held[contacted], 0.1, 0.9),
            )
            honest = judge(list(ids), log)
            if way == "naive":
                rows, weight = np.ones(n, dtype=bool), np.ones(n)
            else:
                rows, weight = honest.training_mask, honest.weight
            ranking = LogisticRegression().fit(features[rows], label[rows])
            z = ranking.decision_function(features)[:, None]
            calibrated = LogisticRegression(C=1e6).fit(z[rows], label[rows], weight[rows])
            score_of = lambda x, r=ranking, c=calibrated: c.predict_proba(  # noqa: E731
                r.decision_function(x)[:, None]
            )[:, 1]
        fresh = rng.normal(size=(50_000, 2))
        truth = _sigmoid(1.2 * fresh[:, 0] + 0.6 * fresh[:, 1] - 1.5)
        predicted = score_of(fresh)
        zone = predicted >= np.quantile(predicted, 0.8)
        ratios[way] = float(predicted[zone].mean() / truth[zone].mean())
    assert ratios["naive"] < 0.85
    assert 0.9 <= ratios["honest"] <= 1.1

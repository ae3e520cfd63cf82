"""The report on labels: its counts are those of the labels, its verdict follows from the counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from engine.errors import DataError, UsageError
from engine.features.label_report.count import count_labels, total
from engine.features.label_report.report import label_report
from engine.features.label_report.types import CutoffLabels, LabelCount
from engine.features.label_report.variants import Grid, compared_at, variants_of
from engine.features.label_report.verdict import findings, smallest_class
from engine.features.label_report.words import rule_words
from engine.features.labels import labels
from engine.settings import TrainingSettings
from engine.timeline import ChurnRule, plan_cutoffs

Tables = Mapping[str, pd.DataFrame]

AS_OF = datetime(2026, 6, 24)
FIRST = datetime(2025, 3, 1)
TRAINING = TrainingSettings(cutoffs=4, cutoff_every_days=21, test_cutoffs=2)


def counted(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule, cutoff: datetime
) -> tuple[int, int, int]:
    """Eligible, churned, and churned with an event in the horizon after the window: by hand."""
    users, label = labels(connection, rule, cutoff)
    gone = set(users[label > 0])
    after = rule.matures_at(cutoff)
    back = connection.execute(
        "SELECT DISTINCT user_id FROM events WHERE occurred_at >= ? AND occurred_at < ?",
        [after, after + rule.horizon],
    ).fetchall()
    return len(users), len(gone), len(gone & {row[0] for row in back})


@pytest.mark.parametrize("grace_days", [0, 5])
def test_counts_are_those_of_the_labels(
    connection: duckdb.DuckDBPyConnection, cutoff: datetime, grace_days: int
) -> None:
    rule = ChurnRule("inactive", 9, 2, active_within_days=20, grace_days=grace_days)
    found = count_labels(connection, rule, cutoff, as_of=AS_OF)
    assert (found.eligible, found.churned, found.came_back) == counted(connection, rule, cutoff)
    assert found.came_back
    assert found.base_rate == found.churned / found.eligible
    assert found.came_back_share == found.came_back / found.churned
    early = count_labels(connection, rule, cutoff, as_of=rule.matures_at(cutoff))
    assert (early.came_back, early.came_back_share) == (None, None)


def test_reactivation_before_and_after_the_cutoff(
    open_world: Callable[..., duckdb.DuckDBPyConnection], cutoff: datetime
) -> None:
    day = timedelta(days=1)
    terms = pd.DataFrame(
        [
            ("a", -400, -300), ("a", -30, 5),  # came back once, leaves, stays away
            ("b", -90, 5), ("b", 25, 60),  # leaves and comes back within a horizon
            ("c", -90, 5), ("c", 61, 90),  # … too late for that
            ("d", -90, 300),  # stays
        ],
        columns=["user_id", "start", "end"],
    )  # fmt: skip
    terms["subscription_id"] = [f"s{n}" for n in range(len(terms))]
    terms["started_at"] = [cutoff + day * n for n in terms.pop("start")]
    terms["ends_at"] = [cutoff + day * n for n in terms.pop("end")]
    terms["known_at"] = terms["started_at"]
    users = pd.DataFrame({"user_id": list("abcd"), "signed_up_at": cutoff - 500 * day})
    acts = [
        ("a", -200), ("a", -3), ("b", -3), ("b", 45), ("c", -3), ("c", 60), ("d", -3), ("d", 9)
    ]  # fmt: skip
    events = pd.DataFrame(
        {
            "event_id": [f"e{n}" for n in range(len(acts))],
            "user_id": [user for user, _ in acts],
            "occurred_at": [cutoff + day * days for _, days in acts],
            "known_at": [cutoff + day * days for _, days in acts],
            "kind": "app_open",
        }
    )
    payments = events.rename(columns={"event_id": "payment_id"}).drop(columns="kind")
    payments["amount"], payments["status"] = 9.0, "succeeded"
    world = {"users": users, "subscriptions": terms, "events": events, "payments": payments}
    connection = open_world(world)
    for kind in ("lapsed", "inactive", "no_payment"):
        rule = ChurnRule(kind, horizon_days=30, active_within_days=30)  # type: ignore[arg-type]
        found = count_labels(connection, rule, cutoff, as_of=cutoff + 60 * day)
        assert (found.eligible, found.churned) == (4, 3)
        assert (found.returned, found.came_back) == (1, 1)


def loaded(connection: duckdb.DuckDBPyConnection, rule: ChurnRule) -> None:
    report = {"tables": [], "as_of": AS_OF.isoformat(), "mapping": "m", "seconds": 0.0}
    connection.execute(
        "INSERT INTO load_run BY NAME SELECT $now AS loaded_at, $now AS as_of, $first AS first_at, "
        "'m' AS mapping, 'f' AS fingerprint, 'CNY' AS currency, 'UTC' AS timezone, "
        "$rule AS churn_rule, $report AS report",
        {
            "now": AS_OF,
            "first": FIRST,
            "rule": json.dumps(asdict(rule)),
            "report": json.dumps(report),
        },
    )


@pytest.mark.slow
def test_the_report_speaks_of_the_cutoffs_that_training_uses(
    connection: duckdb.DuckDBPyConnection, rule: ChurnRule
) -> None:
    loaded(connection, rule)
    report = label_report(connection, TRAINING, grid=Grid(horizon_days=(14,), lead_days=(0, 7)))
    plan = plan_cutoffs(rule, first_at=FIRST, as_of=AS_OF, cutoffs=4, every_days=21, test_cutoffs=2)
    assert [one.cutoff for one in report.cutoffs] == list(plan.all)
    assert [one.phase for one in report.cutoffs] == [
        *["train"] * len(plan.train), "validate", "calibrate", *["test"] * len(plan.test)
    ]  # fmt: skip
    assert report.total == total(one.count for one in report.cutoffs)
    for one in report.cutoffs:
        users, label = labels(connection, rule, one.cutoff)
        assert (one.count.eligible, one.count.churned) == (len(users), int(label.sum()))
    present = [one for one in report.variants if one.present]
    assert len({one.count for one in present}) == 1
    assert present[0].training_cutoffs == len(plan.train)
    again = total(
        count_labels(connection, rule, cutoff, as_of=AS_OF) for cutoff in report.compared_at
    )
    assert present[0].count == again
    horizons = [v.rule.horizon_days for v in report.variants if v.parameter == "horizon_days"]
    assert horizons == [14, 28]
    # A longer window is no easier to stay away from; a running term is no easier to keep.
    short, long = (
        v.count for v in report.variants if v.parameter == "horizon_days" and v.count is not None
    )
    assert short.eligible == long.eligible
    if rule.kind == "lapsed":
        assert short.churned <= long.churned
    else:
        assert short.churned >= long.churned


def test_a_table_without_a_time_axis_has_no_report(
    open_world: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    connection = open_world(
        {
            "users": pd.DataFrame({"user_id": ["a"], "attributes": ['{"x": 1}']}),
            "outcomes": pd.DataFrame({"user_id": ["a"], "label": [1]}),
        }
    )
    loaded(connection, ChurnRule("label", 30))
    with pytest.raises(DataError) as raised:
        label_report(connection, TRAINING, grid=Grid())
    assert raised.value.code == "no_time_axis"


def test_variants_hold_the_present_value_and_change_one_parameter() -> None:
    rule = ChurnRule("no_payment", 90, 7, active_within_days=365, grace_days=3)
    found = variants_of(rule, Grid())
    for parameter, variant in found:
        changed = {name for name, value in asdict(variant).items() if value != getattr(rule, name)}
        allowed = {"horizon_days", "active_within_days"} if parameter == "usual" else {parameter}
        assert changed <= allowed
    for parameter in ("horizon_days", "grace_days", "active_within_days", "lead_days"):
        assert (parameter, rule) in found
    assert variants_of(ChurnRule("label", 30), Grid()) == ()
    assert not [p for p, _ in variants_of(replace(rule, kind="lapsed"), Grid()) if "active" in p]


def test_what_has_no_say_in_a_rule_cannot_be_varied() -> None:
    for kind, grid in (("label", Grid(horizon_days=(9,))), ("lapsed", Grid((), (), (9,)))):
        with pytest.raises(UsageError, match=f"under the churn rule '{kind}'"):
            variants_of(ChurnRule(kind, 30), grid)  # type: ignore[arg-type]


def test_variants_are_compared_where_all_are_mature() -> None:
    rules = [ChurnRule("inactive", days) for days in (10, 40)]
    cutoffs = [FIRST + timedelta(days=10 * n) for n in range(10)]
    for reach, expected in ((130, [0, 4, 9]), (75, [0, 2, 3]), (50, [0, 1]), (20, [0])):
        found = compared_at(rules, cutoffs, FIRST + timedelta(days=reach))
        assert [(cutoff - FIRST).days // 10 for cutoff in found] == expected


def cutoffs_of(*counts: tuple[str, int, int]) -> tuple[CutoffLabels, ...]:
    return tuple(
        CutoffLabels(
            FIRST,
            phase,
            LabelCount(eligible, churned, churned / eligible, 0, None, None),  # type: ignore[arg-type]
        )
        for phase, eligible, churned in counts
    )


@pytest.mark.parametrize(
    ("counts", "share", "codes"),
    [
        ([("train", 5000, 800), ("test", 5000, 820)], 0.1, ["good"]),
        ([("train", 50_000, 300), ("test", 50_000, 310)], 0.1, ["too_rare"]),
        ([("train", 5000, 3800), ("test", 5000, 3900)], None, ["too_common"]),
        ([("train", 5000, 800), ("test", 500, 99)], 0.1, ["few"]),
        ([("train", 5000, 800), ("test", 5000, 820)], 0.6, ["undone"]),
        ([("train", 5000, 800), ("test", 5000, 1700)], 0.1, ["drifting"]),
    ],
)
def test_the_verdict_follows_from_the_counts(
    counts: list[tuple[str, int, int]], share: float | None, codes: list[str]
) -> None:
    cutoffs = cutoffs_of(*counts)
    whole = replace(total(one.count for one in cutoffs), came_back_share=share)
    for kind in ("inactive", "lapsed", "label"):
        found = findings(ChurnRule(kind, 30), cutoffs, whole)  # type: ignore[arg-type]
        assert [one.code for one in found] == codes
        assert all(one.words.zh and one.words.en and one.advice.zh for one in found)


def test_the_smallest_class_is_looked_for_phase_by_phase() -> None:
    cutoffs = cutoffs_of(("train", 900, 60), ("train", 900, 60), ("test", 200, 110))
    assert smallest_class(cutoffs) == (90, "test")


def test_chance_between_small_cutoffs_is_no_drift() -> None:
    rng = np.random.default_rng(3)
    counts = [("train", 100, int(rng.binomial(100, 0.15))) for _ in range(6)]
    cutoffs = cutoffs_of(*counts)
    codes = [one.code for one in findings(ChurnRule("inactive", 30), cutoffs, total(
        one.count for one in cutoffs
    ))]  # fmt: skip
    assert "drifting" not in codes


def test_every_parameter_is_said_in_words() -> None:
    plain = ChurnRule("inactive", 28, 7, active_within_days=30)
    changes: dict[str, Any] = {
        "grace_days": 5,
        "kinds": ("lesson_finished",),
        "include_trials": True,
        "include_paused": True,
        "minimum_history_days": 90,
        "minimum_payments": 2,
        "active_within_days": 31,
        "horizon_days": 29,
        "lead_days": 8,
    }
    for name, value in changes.items():
        changed: Any = {name: value}
        assert rule_words(replace(plain, **changed)) != rule_words(plain)
    paid = ChurnRule("no_payment", 28)
    assert rule_words(replace(paid, refunds_undo=False)) != rule_words(paid)
    assert rule_words(replace(paid, statuses=("succeeded", "failed"))) != rule_words(paid)

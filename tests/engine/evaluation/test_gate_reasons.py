"""What is said of a model's reasons, and when the gate says no because of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation.gate import gate
from engine.evaluation.reasons import FEWEST, checks, reasons_hold
from engine.faithfulness import Faithfulness, Stability
from engine.settings import ReasonSettings
from engine.store.codec import from_text, to_text

LIMITS = ReasonSettings()
GOOD = Faithfulness(
    users=300,
    complete=299,
    worst_remainder=0.012,
    tested=298,
    lowered=291,
    drops=(0.7, 0.9, 1.0),
    random_lowered=112,
    random_drops=(0.0, 0.01, 0.02),
    stability=Stability("first_fit", 0.78, 296, 288, 295),
)


def test_reasons_that_hold() -> None:
    passed, words = reasons_hold(GOOD, LIMITS)
    assert passed
    assert words.en == (
        "The reasons hold: Of 298 users, for 291 the risk falls when the first reason is taken "
        "away (when one at random is: for 112)."
    )
    assert "298 位用户中，去除首要原因后风险下降的有 291 位" in words.zh


@pytest.mark.parametrize(
    ("found", "said", "unsaid"),
    [
        (replace(GOOD, lowered=240), "without the first reason for 81%", "add up"),
        (replace(GOOD, complete=200), "add up to the risk for 67%", "without the first"),
        (
            replace(GOOD, stability=Stability("other_fold", 0.2, 290, 60, 100)),
            "first three of another model for 34%",
            "add up",
        ),
    ],
)
def test_reasons_that_fail_are_named_with_their_limit(
    found: Faithfulness, said: str, unsaid: str
) -> None:
    passed, words = reasons_hold(found, LIMITS)
    assert not passed
    assert said in words.en
    assert unsaid not in words.en
    assert "下限" in words.zh


def test_a_limit_is_kept_at_its_value() -> None:
    found = replace(GOOD, tested=300, lowered=270)
    assert reasons_hold(found, LIMITS)[0]
    assert not reasons_hold(replace(found, lowered=269), LIMITS)[0]
    assert reasons_hold(replace(found, lowered=0), ReasonSettings(least_lowered=0.0))[0]


def test_a_handful_of_users_proves_nothing() -> None:
    few = replace(GOOD, users=30, complete=30, tested=FEWEST - 1, lowered=0, stability=None)
    passed, words = reasons_hold(few, LIMITS)
    assert passed
    assert "only 19 users" in words.en


def test_the_gate_says_no_because_of_the_reasons() -> None:
    rng = np.random.default_rng(1)
    risk = rng.random(2_000)
    label = (rng.random(2_000) < risk).astype(np.float64)

    def judged(found: Faithfulness):  # type: ignore[no-untyped-def]
        return gate(
            label,
            np.arange(2_000),
            challenger=risk,
            champion=None,
            baseline=None,
            seed=1,
            reasons=reasons_hold(found, LIMITS),
        )

    assert judged(GOOD).wins
    refused = judged(replace(GOOD, lowered=100))
    assert not refused.wins
    assert refused.statements[0].en == "Do not promote this model yet."
    assert any(words.en.startswith("The reasons fail") for words in refused.statements)


def test_every_check_has_a_line_in_both_languages() -> None:
    lines = checks(GOOD)
    assert len(lines) == 4
    for check in lines:
        assert check.line.zh != check.line.en
        assert check.name.en in check.line.en
    assert "288 of 296 users the same first reason" in lines[-1].found.en
    assert len(checks(replace(GOOD, stability=None))) == 3
    assert checks(None)[0].name.en == "Not measured"


def test_the_figures_survive_storage() -> None:
    assert from_text(Faithfulness, to_text(GOOD)) == GOOD
    alone = replace(GOOD, stability=None)
    assert from_text(Faithfulness, to_text(alone)) == alone

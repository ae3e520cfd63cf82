"""Each parameter of a churn rule, on worlds small enough to know the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.features.labels import eligible, eligible_sql, labels, stayed
from engine.features.views import reads, views
from engine.store.codec import from_json
from engine.timeline import ChurnRule

Open = Callable[..., duckdb.DuckDBPyConnection]

DAY = timedelta(days=1)
LAPSED = ChurnRule("lapsed", horizon_days=30, lead_days=7)
PAYS = ChurnRule("no_payment", horizon_days=30, active_within_days=30)
ACTS = ChurnRule("inactive", horizon_days=30, active_within_days=30)


class World:
    """Users, terms, payments and events, given in days from the cutoff."""

    def __init__(self, cutoff: datetime) -> None:
        self.cutoff = cutoff
        self.terms: list[dict[str, object]] = []
        self.payments: list[dict[str, object]] = []
        self.events: list[dict[str, object]] = []
        self.signed_up: dict[str, datetime] = {}

    def day(self, days: float | None) -> datetime | None:
        return None if days is None else self.cutoff + days * DAY

    def term(
        self,
        user: str,
        start: float,
        end: float | None,
        *,
        trial: bool = False,
        paused: float | None = None,
        resumes: float | None = None,
        cancelled: float | None = None,
        plan: str = "monthly",
    ) -> None:
        self.terms.append(
            {
                "subscription_id": f"s{len(self.terms)}",
                "user_id": user,
                "plan": plan,
                "started_at": self.day(start),
                "ends_at": self.day(end),
                "known_at": self.day(start),
                "trial": trial,
                "paused_at": self.day(paused),
                "resumes_at": self.day(resumes),
                "cancelled_at": self.day(cancelled),
            }
        )

    def pay(
        self,
        user: str,
        day: float,
        status: str = "succeeded",
        *,
        amount: float = 10.0,
        product: str | None = None,
        known: float | None = None,
    ) -> None:
        self.payments.append(
            {
                "payment_id": f"p{len(self.payments)}",
                "user_id": user,
                "occurred_at": self.day(day),
                "known_at": self.day(day if known is None else known),
                "amount": amount,
                "status": status,
                "product": product,
            }
        )

    def act(self, user: str, day: float, kind: str = "app_open") -> None:
        self.events.append(
            {
                "event_id": f"e{len(self.events)}",
                "user_id": user,
                "occurred_at": self.day(day),
                "known_at": self.day(day),
                "kind": kind,
            }
        )

    def open(self, connect: Open) -> duckdb.DuckDBPyConnection:
        rows = [*self.terms, *self.payments, *self.events]
        names = sorted({str(row["user_id"]) for row in rows})
        users = pd.DataFrame(
            {
                "user_id": names,
                "signed_up_at": [
                    self.signed_up.get(name, self.cutoff - 1000 * DAY) for name in names
                ],
            }
        )
        times = ("started_at", "ends_at", "known_at", "paused_at", "resumes_at", "cancelled_at")
        terms = pd.DataFrame(self.terms)
        for name in times if len(terms) else ():
            terms[name] = pd.to_datetime(terms[name])
        return connect(
            {
                "users": users,
                "subscriptions": terms,
                "payments": pd.DataFrame(self.payments),
                "events": pd.DataFrame(self.events),
            }
        )


def churned(connection: duckdb.DuckDBPyConnection, rule: ChurnRule, at: datetime) -> dict[str, int]:
    user_ids, label = labels(connection, rule, at)
    assert list(user_ids) == list(eligible(connection, rule, at))
    return dict(zip(user_ids, label.astype(int).tolist(), strict=True))


@pytest.fixture
def world(cutoff: datetime) -> World:
    return World(cutoff)


# --- grace ------------------------------------------------------------------------------------


def test_the_grace_after_the_window_still_counts_as_staying(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    for user, day in (("in_window", 29.9), ("in_grace", 34.9), ("too_late", 35)):
        world.act(user, -1)
        world.act(user, day)
        world.pay(user, -1)
        world.pay(user, day)
    connection = world.open(open_world)
    for rule in (ACTS, PAYS):
        assert churned(connection, rule, cutoff) == {"in_window": 0, "in_grace": 1, "too_late": 1}
        kind = replace(rule, grace_days=5)
        assert churned(connection, kind, cutoff) == {"in_window": 0, "in_grace": 0, "too_late": 1}
        assert kind.matures_at(cutoff) == cutoff + 35 * DAY


def test_who_is_in_grace_at_the_cutoff_is_not_gone_yet(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    world.term("renews", -40, -3)
    world.term("renews", 1, 90)
    world.term("waits", -40, -3)
    world.term("out_of_grace", -40, -5)
    world.term("given_back", -40, 20)
    world.pay("given_back", -3, "refunded", product="monthly")
    connection = world.open(open_world)
    rule = replace(LAPSED, grace_days=5)
    assert churned(connection, rule, cutoff) == {"renews": 0, "waits": 1}
    assert churned(connection, LAPSED, cutoff) == {}


# --- several subscriptions, changes of plan, coming back --------------------------------------


def test_whoever_keeps_one_of_several_subscriptions_has_not_lapsed(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    world.term("keeps_one", -50, 5)
    world.term("keeps_one", -20, 90, plan="sport")
    world.term("loses_both", -50, 5)
    world.term("loses_both", -20, 20, plan="sport")
    world.term("changes_plan", -50, 10)
    world.term("changes_plan", 8, 400, plan="annual")  # before the old term is over
    world.term("renews_early", -50, 10)
    world.term("renews_early", 10, 40)
    world.terms[-1]["known_at"] = world.day(-5)
    assert churned(world.open(open_world), LAPSED, cutoff) == {
        "keeps_one": 0,
        "loses_both": 1,
        "changes_plan": 0,
        "renews_early": 0,
    }


def test_who_left_and_came_back_is_eligible_again(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    world.term("back", -400, -300)
    world.term("back", -20, 90)
    world.term("away", -400, -300)
    world.act("back", -200)
    world.act("back", -2)
    world.act("away", -200)
    connection = world.open(open_world)
    assert churned(connection, LAPSED, cutoff) == {"back": 0}
    assert list(eligible(connection, ACTS, cutoff)) == ["back"]


# --- pauses -----------------------------------------------------------------------------------


def pauses(world: World) -> None:
    for user in ("paused", "open_pause", "resumed", "pauses_later", "short_pause", "cancelled"):
        world.act(user, -10)
        world.pay(user, -10)
    world.term("paused", -50, 20, paused=-5, resumes=60)
    world.term("open_pause", -50, 20, paused=-5)
    world.term("resumed", -50, 20, paused=-9, resumes=-4)
    world.term("pauses_later", -50, 20, paused=10, resumes=60)
    world.term("short_pause", -50, 20, paused=10, resumes=15)
    world.term("cancelled", -50, 20, paused=10, cancelled=12)


@pytest.mark.parametrize("rule", [ACTS, PAYS, replace(LAPSED, lead_days=0)])
def test_a_paused_user_is_neither_active_nor_gone(
    open_world: Open, world: World, cutoff: datetime, rule: ChurnRule
) -> None:
    pauses(world)
    connection = world.open(open_world)
    left = {"resumed": 1, "pauses_later": 0, "short_pause": 1, "cancelled": 1}
    assert churned(connection, rule, cutoff) == left
    paused = {"paused": 0, "open_pause": 0}
    assert churned(connection, replace(rule, include_paused=True), cutoff) == {**left, **paused}


def test_a_second_running_subscription_outweighs_a_pause(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    world.act("reader", -1)
    world.term("reader", -50, 20, paused=-5)
    world.term("reader", -50, 20, plan="sport")
    connection = world.open(open_world)
    assert list(eligible(connection, ACTS, cutoff)) == ["reader"]
    assert list(eligible(connection, LAPSED, cutoff)) == ["reader"]


def test_the_end_of_a_pause_that_lies_ahead_says_nothing_at_the_cutoff(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    pauses(world)
    connection = world.open(open_world)
    rules = [
        replace(rule, include_paused=included)
        for rule in (ACTS, PAYS, LAPSED)
        for included in (False, True)
    ]
    before = [list(eligible(connection, rule, cutoff)) for rule in rules]
    connection.execute(
        "UPDATE subscriptions SET resumes_at = $1 + INTERVAL 1 DAY WHERE resumes_at >= $1 "
        "OR (resumes_at IS NULL AND paused_at < $1)",
        [cutoff],
    )
    connection.execute("UPDATE subscriptions SET paused_at = NULL WHERE paused_at >= $1", [cutoff])
    assert [list(eligible(connection, rule, cutoff)) for rule in rules] == before


# --- trials -----------------------------------------------------------------------------------


def test_trial_users_are_left_out_unless_they_are_asked_for(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    for user in ("tries", "converts", "pays_too", "tried_once"):
        world.act(user, -1)
        world.act(user, 3)
    world.term("tries", -5, 9, trial=True)
    world.term("converts", -5, 9, trial=True)
    world.term("converts", 9, 90)
    world.term("pays_too", -5, 9, trial=True)
    world.term("pays_too", -50, 90, plan="sport")
    world.term("tried_once", -90, -60, trial=True)
    connection = world.open(open_world)
    assert list(eligible(connection, ACTS, cutoff)) == ["pays_too", "tried_once"]
    assert churned(connection, LAPSED, cutoff) == {"pays_too": 0}
    asked = replace(LAPSED, include_trials=True)
    assert churned(connection, asked, cutoff) == {"tries": 1, "converts": 0, "pays_too": 0}
    assert len(eligible(connection, replace(ACTS, include_trials=True), cutoff)) == 4


# --- whom the rule speaks of ------------------------------------------------------------------


def test_minimum_history_and_minimum_payments(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    for user, age, payments in (("new", 89, 3), ("old", 90, 3), ("seldom", 400, 2)):
        world.signed_up[user] = cutoff - age * DAY
        for number in range(payments):
            world.pay(user, -1 - number)
        world.pay(user, -0.5, known=1)  # not known yet
        world.act(user, -1)
    world.term("old", -9, 90)
    connection = world.open(open_world)
    for rule in (ACTS, PAYS):
        asked = replace(rule, minimum_history_days=90)
        assert list(eligible(connection, asked, cutoff)) == ["old", "seldom"]
        asked = replace(rule, minimum_payments=3)
        assert list(eligible(connection, asked, cutoff)) == ["new", "old"]
    both = replace(LAPSED, minimum_history_days=90, minimum_payments=3)
    assert list(eligible(connection, both, cutoff)) == ["old"]


def test_only_the_kinds_that_were_named_are_activity(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    for user, past, future in (
        ("learns", "lesson_finished", "lesson_finished"),
        ("looks", "app_open", "lesson_finished"),
        ("stops", "lesson_finished", "app_open"),
    ):
        world.act(user, -1, past)
        world.act(user, 1, future)
    connection = world.open(open_world)
    rule = replace(ACTS, kinds=("lesson_finished", "'; DROP TABLE users; --"))
    assert churned(connection, rule, cutoff) == {"learns": 0, "stops": 1}
    assert set(churned(connection, ACTS, cutoff).values()) == {0}


def test_statuses_that_were_named_count_as_payments(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    world.pay("tries", -1, "failed")
    world.pay("tries", 1, "failed")
    connection = world.open(open_world)
    assert churned(connection, PAYS, cutoff) == {}
    assert churned(connection, replace(PAYS, statuses=("succeeded", "failed")), cutoff) == {
        "tries": 0
    }


# --- refunds ----------------------------------------------------------------------------------


def test_a_refund_undoes_its_payment(open_world: Open, world: World, cutoff: datetime) -> None:
    for user in ("kept", "given_back", "in_part", "one_of_two", "both", "much_later", "seldom"):
        world.pay(user, -20)
        world.pay(user, 5)
    world.pay("given_back", 6, "refunded")
    world.pay("in_part", 6, "refunded", amount=4)
    world.pay("one_of_two", 5.5)
    world.pay("one_of_two", 6, "refunded")
    world.pay("both", 5.5)
    world.pay("both", 6, "refunded")
    world.pay("both", 7, "refunded")
    world.pay("much_later", 31, "refunded")  # the label is final by then
    world.pay("seldom", -10, "refunded")
    connection = world.open(open_world)
    assert churned(connection, PAYS, cutoff) == {
        "kept": 0,
        "given_back": 1,
        "in_part": 0,
        "one_of_two": 0,
        "both": 1,
        "much_later": 0,
    }
    assert set(churned(connection, replace(PAYS, refunds_undo=False), cutoff).values()) == {0}


@pytest.mark.slow
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.integers(1, 29), st.booleans(), st.sampled_from([5.0, 9.0])), max_size=12)
)
def test_refunds_are_taken_from_the_newest_payment_of_the_same_amount(
    open_world: Open, cutoff: datetime, steps: list[tuple[int, bool, float]]
) -> None:
    """Against a stack for each amount."""
    world = World(cutoff)
    world.pay("a", -1, amount=3)
    stacks: dict[float, int] = {}
    for place, (_, refund, amount) in enumerate(steps):
        world.pay("a", 1 + place, "refunded" if refund else "succeeded", amount=amount)
        stacks[amount] = max(0, stacks.get(amount, 0) + (-1 if refund else 1))
    expected = 0 if sum(stacks.values()) else 1
    assert churned(world.open(open_world), PAYS, cutoff) == {"a": expected}


def test_a_refunded_renewal_ends_the_membership(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    for user, day in (("keeps", None), ("gives_back", 12), ("after_the_window", 38)):
        world.term(user, -25, 5)
        world.term(user, 5, 95)
        if day is not None:
            world.pay(user, day, "refunded", product="monthly")
    connection = world.open(open_world)
    left = {"keeps": 0, "gives_back": 1, "after_the_window": 0}
    assert churned(connection, LAPSED, cutoff) == left
    ignored = replace(LAPSED, refunds_undo=False)
    assert set(churned(connection, ignored, cutoff).values()) == {0}


# --- the statement itself ---------------------------------------------------------------------


def test_staying_is_told_by_what_was_known_before_the_given_instant(
    open_world: Open, world: World, cutoff: datetime
) -> None:
    world.pay("late", -1)
    world.pay("late", 3, known=40)
    connection = world.open(open_world)
    for told, expected in ((40, frozenset()), (41, frozenset({"late"}))):
        found = stayed(
            connection, PAYS, cutoff, ["late", "nobody"], told_before=cutoff + told * DAY
        )
        assert found == expected


def test_no_word_of_a_rule_is_taken_for_a_view() -> None:
    for kind in ("inactive", "no_payment", "lapsed", "label"):
        for included in (False, True):
            rule = ChurnRule(
                kind,  # type: ignore[arg-type]
                horizon_days=30,
                kinds=("a",),
                refunds_undo=included,
                include_trials=included,
                minimum_history_days=1,
                minimum_payments=1,
            )
            assert not reads(eligible_sql(rule)) & views().keys()


def test_rules_kept_by_older_versions_stay_readable() -> None:
    old = {"kind": "lapsed", "horizon_days": 30, "lead_days": 7, "active_within_days": 30}
    assert from_json(ChurnRule, {**old, "grace_days": 0}) == LAPSED
    rule = replace(ACTS, kinds=("a", "b"))
    assert from_json(ChurnRule, {**asdict(rule), "kinds": ["a", "b"], "statuses": ["failed"]}) == (
        replace(rule, statuses=("failed",))
    )

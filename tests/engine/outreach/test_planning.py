"""Plans: every candidate is accounted for, with the probability of its arm."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from engine.effects.assignment import holdout_layer, unit_interval
from engine.errors import StateError, TemplateError, UsageError
from engine.outreach.audit import append, verify
from engine.outreach.plans import cancel, plans
from engine.outreach.preview import preview, suggestions
from engine.outreach.rows import new_id
from engine.outreach.suppressions import suppress
from engine.store.lease import lease
from engine.types import Offer

EVERYTHING = "SELECT * FROM intervention ORDER BY position"


def gates(summary: Any) -> dict[str, int]:
    """Gate -> how many it took away, checked to add up."""
    left = summary.gates[0].remaining
    for gate in summary.gates[1:]:
        left -= gate.removed
        assert gate.remaining == left
    assert summary.gates[-1].gate == "to_send"
    assert left == summary.to_send
    return {gate.gate: gate.removed for gate in summary.gates}


def stop(world: Any, user_id: str, scope: Any, reason: Any) -> None:
    suppress(world.ledger, user_id, scope=scope, reason=reason, operator="lin", now=world.now)


def test_a_plan_accounts_for_everyone(world: Any) -> None:
    summary = world.plan(world.candidates())
    assert summary.status == "pending_approval"
    assert summary.to_send + summary.held_out == len(world.users)
    assert world.statuses(summary.plan_id) == {
        "pending_approval": summary.to_send,
        "held_out": summary.held_out,
    }
    assert gates(summary) == {"selected": 0, "holdout": summary.held_out, "to_send": 0}
    assert plans(world.ledger) == (summary,)


def test_the_holdout_is_the_salted_hash_and_its_probability_is_logged(world: Any) -> None:
    world.plan(world.candidates(), holdout=None)
    rows = world.sql(
        "SELECT user_id, arm, propensity, p_by_arm, draw, salt_epoch FROM intervention"
    )
    salt = holdout_layer("epoch-1")
    assert len(rows) == len(world.users)
    for user_id, arm, propensity, p_by_arm, draw, epoch in rows:
        held = unit_interval(salt, user_id) < 0.1
        assert arm == ("holdout" if held else "treat")
        assert propensity == pytest.approx(0.1 if held else 0.9)
        assert json.loads(p_by_arm) == pytest.approx({"treat": 0.9, "holdout": 0.1})
        assert (draw, epoch) == (salt, "epoch-1")


def test_members_of_the_global_holdout_stay_out_of_a_larger_one(world: Any) -> None:
    held: dict[float, set[object]] = {}
    for share in (0.1, 0.5):
        summary = world.plan(world.candidates(), holdout=share, seed=int(share * 10))
        rows = world.sql(
            "SELECT user_id, propensity FROM intervention WHERE arm = 'holdout' AND plan_id = ?",
            summary.plan_id,
        )
        held[share] = {row[0] for row in rows}
        assert [row[1] for row in rows] == pytest.approx([share] * len(rows))
    assert held[0.1] < held[0.5]
    assert 18 <= len(held[0.5]) <= 42  # 60 users at one half: within 4 standard deviations


def test_another_salt_draws_another_holdout(world: Any) -> None:
    world.set(holdout=0.4)
    first = world.plan(world.candidates())
    world.set(salt="epoch-2")
    second = world.plan(world.candidates(), seed=2)
    sql = "SELECT user_id FROM intervention WHERE plan_id = ? AND arm = 'holdout'"
    assert set(world.sql(sql, first.plan_id)) != set(world.sql(sql, second.plan_id))


def test_the_order_of_the_candidates_does_not_move_anyone_between_arms(world: Any) -> None:
    forth = world.plan(world.candidates())
    back = world.plan(world.candidates()[::-1], seed=5)
    sql = "SELECT user_id, arm FROM intervention WHERE plan_id = ? ORDER BY user_id"
    assert world.sql(sql, forth.plan_id) == world.sql(sql, back.plan_id)


def test_the_row_holds_the_facts_of_the_decision(world: Any) -> None:
    summary = world.plan(world.candidates("u001"), holdout=0)
    [row] = world.sql(
        "SELECT model_id, scoring_run_id, cutoff, risk, value, reason_groups, features_sha256, "
        "template_id, locale, operator, arm, propensity, eligible_set_size, action_set, "
        "decided_at, window_start, window_end, channel, offer_percent, expected_cost "
        "FROM intervention"
    )
    assert row == (
        "m1", "r1", datetime(2026, 10, 1), 0.6, 120.0, '["fading_use"]', "f" * 64,
        "care_check_in", "zh", "lin", "treat", 1.0, 1,
        '["care_check_in", "unused_value", "content_recommendation"]', world.now,
        world.now + timedelta(days=7), world.now + timedelta(days=35), "email", 0.0, 0.02,
    )  # fmt: skip
    assert summary.worst_case_cost == 0.02


def test_what_is_said_of_the_user_is_kept_without_the_name(world: Any) -> None:
    world.plan(world.candidates("u001"), holdout=0)
    [(kept,)] = world.sql("SELECT variables FROM intervention")
    assert "林晓1" not in kept
    assert "u001@" not in kept


# --- gates --------------------------------------------------------------------------------------


def test_each_gate_stops_its_user_and_the_first_one_counts(world: Any) -> None:
    world.change("UPDATE users SET email = NULL WHERE user_id = 'u001'")
    world.change("UPDATE users SET email = 'no address' WHERE user_id = 'u002'")
    world.change("UPDATE users SET marketing_consent = FALSE WHERE user_id IN ('u003', 'u004')")
    world.change("UPDATE users SET marketing_consent = NULL WHERE user_id = 'u005'")
    world.change(
        "INSERT INTO messages VALUES ('m1', 'u006', ?, ?, 'ticket', 'help', NULL, 'open', NULL)",
        world.now - timedelta(days=2),
        world.now - timedelta(days=2),
    )
    world.change("UPDATE users SET email = 'u008@example.com' WHERE user_id = 'u007'")
    stop(world, "u003", "all", "erased")
    stop(world, "u009", "all", "do_not_contact")
    stop(world, "u010", "marketing", "unsubscribed")
    stop(world, "u011", "all", "complaint")
    stop(world, "u012", "all", "hard_bounce")
    chosen = world.candidates(*[f"u{number:03d}" for number in range(1, 14)], "nobody")
    summary = world.plan(chosen, holdout=0)
    assert gates(summary) == {
        "selected": 0, "erased": 1, "unknown_user": 1, "do_not_contact": 1, "complaint": 1,
        "hard_bounce": 1, "no_address": 1, "invalid_address": 1, "unsubscribed": 1, "no_consent": 2,
        "open_ticket": 1, "duplicate_address": 1, "holdout": 0, "to_send": 0,
    }  # fmt: skip
    assert summary.to_send == 2
    stopped = world.sql(
        "SELECT i.user_id, s.status, s.reason, i.arm, i.propensity FROM intervention AS i "
        "JOIN intervention_status AS s USING (intervention_id) WHERE s.status <> 'pending_approval'"
    )
    assert len(stopped) == 12
    assert {row[1:2] + row[3:] for row in stopped} == {("suppressed", "none", 1.0)}
    assert dict(row[:3:2] for row in stopped)["u003"] == "erased"


def test_a_lifted_suppression_stops_no_more(world: Any) -> None:
    stop(world, "u001", "marketing", "unsubscribed")
    world.now += timedelta(hours=1)
    stop(world, "u001", "marketing", "lifted")
    assert world.plan(world.candidates("u001"), holdout=0).to_send == 1


@pytest.mark.parametrize(("region", "sent"), [("CN", 0), ("EU", 0), ("US", 1), ("other", 1)])
def test_silence_is_consent_only_where_the_law_says_so(world: Any, region: str, sent: int) -> None:
    world.set(region=region)
    world.change("UPDATE users SET marketing_consent = NULL WHERE user_id = 'u001'")
    assert world.plan(world.candidates("u001"), holdout=0).to_send == sent


def test_people_who_share_an_address_share_an_arm(world: Any) -> None:
    world.change("UPDATE users SET email = 'home@example.com' WHERE user_id IN ('u001', 'u002')")
    world.set(holdout=0.5)
    arms = {}
    for order in (("u001", "u002"), ("u002", "u001")):
        summary = world.plan(world.candidates(*order), seed=len(arms))
        rows = dict(
            world.sql("SELECT user_id, arm FROM intervention WHERE plan_id = ?", summary.plan_id)
        )
        assert rows[order[1]] == "none"
        arms[order[0]] = rows[order[0]]
    assert arms["u001"] == arms["u002"]


def test_a_notice_skips_consent_unsubscription_and_holdout_but_no_erasure(world: Any) -> None:
    world.set(holdout=0.9)
    world.change(
        "INSERT INTO payments SELECT 'p' || user_id, user_id, ?::TIMESTAMP, ?::TIMESTAMP, 200, "
        "'CNY', 'failed', NULL, NULL FROM users WHERE user_id < 'u006'",
        world.now - timedelta(days=3),
        world.now - timedelta(days=3),
    )
    world.change("UPDATE users SET marketing_consent = FALSE WHERE user_id = 'u001'")
    stop(world, "u002", "marketing", "unsubscribed")
    stop(world, "u003", "all", "erased")
    summary = world.plan(
        world.candidates("u001", "u002", "u003", "u004", "u030"), template_id="payment_failed"
    )
    assert gates(summary) == {
        "selected": 0, "erased": 1, "not_applicable": 1, "holdout": 0, "to_send": 0
    }  # fmt: skip
    assert world.sql(
        "SELECT DISTINCT arm, propensity, message_class FROM intervention WHERE arm <> 'none'"
    ) == [("treat", 1.0, "transactional")]


def test_cool_downs_count_what_was_sent_and_keep_the_arm(world: Any) -> None:
    first = world.plan(world.candidates("u001", "u002"), holdout=0)
    world.approve(first.plan_id)
    world.send(first.plan_id)
    later = world.now + timedelta(days=13)
    summary = world.plan(world.candidates("u001", "u002", "u003"), holdout=0, now=later, seed=2)
    assert gates(summary)["cooldown"] == 2
    assert world.sql(
        "SELECT i.arm, s.status, count(*) FROM intervention AS i JOIN intervention_status AS s "
        "USING (intervention_id) WHERE plan_id = ? GROUP BY ALL ORDER BY 2", summary.plan_id
    ) == [("treat", "capped", 2), ("treat", "pending_approval", 1)]  # fmt: skip
    much_later = world.now + timedelta(days=14)
    assert world.plan(world.candidates("u001"), holdout=0, now=much_later, seed=3).to_send == 1


def test_zero_days_of_cool_down_cap_nothing(world: Any) -> None:
    world.set(cooldown_days=0)
    first = world.plan(world.candidates("u001"), holdout=0)
    world.approve(first.plan_id)
    world.send(first.plan_id)
    assert world.plan(world.candidates("u001"), holdout=0, seed=2).to_send == 1


def test_an_offer_is_not_repeated_within_its_cool_down(world: Any) -> None:
    asked = {"holdout": 0, "template_id": "discount", "offer": Offer(percent=10)}
    first = world.plan(world.candidates("u001"), **asked)
    world.approve(first.plan_id)
    world.send(first.plan_id)
    later = world.now + timedelta(days=60)
    assert (
        gates(world.plan(world.candidates("u001"), now=later, seed=2, **asked))["offer_cooldown"]
        == 1
    )
    assert world.plan(world.candidates("u001"), holdout=0, now=later, seed=3).to_send == 1


def test_the_budget_bounds_the_worst_case_best_candidates_first(world: Any) -> None:
    asked = {"holdout": 0, "template_id": "discount", "offer": Offer(percent=10)}
    world.change("UPDATE subscriptions SET price = 1000 WHERE user_id = 'u002'")
    chosen = world.candidates("u001", "u002", "u003", "u004")
    summary = world.plan(chosen, budget=50.0, **asked)
    assert gates(summary)["budget"] == 2
    assert summary.worst_case_cost == pytest.approx(40.04)  # 10 % of 200, twice, and two contacts
    sent = world.sql(
        "SELECT user_id FROM intervention JOIN intervention_status USING (intervention_id) "
        "WHERE status = 'pending_approval' ORDER BY position"
    )
    assert sent == [("u001",), ("u003",)]


# --- templates and offers -----------------------------------------------------------------------


def test_auto_takes_what_answers_the_first_reason_and_is_true(world: Any) -> None:
    world.plan(world.candidates("u001", groups=("term_ending",)), holdout=0)
    world.plan(world.candidates("u002", groups=("payment_failure",)), holdout=0, seed=2)
    world.plan(world.candidates("u003", groups=("price",)), holdout=0, seed=3)
    world.plan(
        world.candidates("u004", groups=("price",)), holdout=0, seed=4, offer=Offer(percent=10)
    )
    assert world.sql("SELECT user_id, template_id, offer_percent FROM intervention ORDER BY 1") == [
        ("u001", "membership_ending", 0.0),
        ("u002", "care_check_in", 0.0),  # no payment of theirs failed
        ("u003", "unused_value", 0.0),  # no offer was given
        ("u004", "discount", 10.0),
    ]


def test_the_offer_is_only_with_templates_that_carry_it(world: Any) -> None:
    summary = world.plan(world.candidates("u001"), holdout=0, offer=Offer(percent=20))
    assert summary.worst_case_cost == 0.02


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"offer": Offer(percent=31)},
         "An offer of 31 % is outside 0 to 30 %. The limit is outreach.max_percent in "
         "retention.toml. Give a smaller offer, or raise the limit."),
        ({"template_id": "discount"},
         "The template 'discount' promises a discount and no offer was given. Give a percentage, "
         "for instance --offer 15."),
        ({"holdout": 1.0},
         "A holdout of 1 is no share. It lies between 0 and 1, for instance 0.1. Give another "
         "share."),
    ],
)  # fmt: skip
def test_requests_that_cannot_be_met(world: Any, request_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        world.plan(world.candidates("u001"), **request_)
    assert raised.value.sentence == sentence
    assert world.sql("SELECT count(*) FROM plan") == [(0,)]


def test_an_unknown_template_leaves_no_plan(world: Any) -> None:
    with pytest.raises(UsageError, match="no template 'dicount'"):
        world.plan(world.candidates("u001"), template_id="dicount")


# --- plans and campaigns ------------------------------------------------------------------------


def test_a_dry_run_shows_the_same_and_writes_nothing(world: Any) -> None:
    tables = ("campaign", "plan", "plan_event", "intervention", "delivery_event", "audit")
    dry = world.plan(world.candidates(), dry_run=True)
    assert dry.status == "dry_run"
    for table in tables:
        assert world.sql(f"SELECT count(*) FROM {table}") == [(0,)]
    real = world.plan(world.candidates())
    assert real.gates == dry.gates
    assert real.worst_case_cost == dry.worst_case_cost


def test_the_same_arguments_give_the_same_rows(world: Any, tmp_path: Any) -> None:
    from engine.store.migrate import migrate

    world.plan(world.candidates(), campaign="a")
    first = world.sql(EVERYTHING)
    world.ledger.unlink()
    migrate(world.ledger)
    world.plan(world.candidates(), campaign="a")
    assert world.sql(EVERYTHING) == first


def test_a_named_campaign_takes_a_user_once(world: Any) -> None:
    world.plan(world.candidates("u001", "u002"), campaign="autumn", holdout=0)
    again = world.plan(
        world.candidates("u001", "u002", "u003"), campaign="autumn", holdout=0, seed=2
    )
    assert gates(again)["already_in_campaign"] == 2
    assert world.sql("SELECT count(*), count(DISTINCT campaign_id) FROM intervention") == [(3, 1)]


def test_unnamed_campaigns_have_names_of_their_own(world: Any) -> None:
    names = [world.plan(world.candidates("u001"), seed=seed).campaign for seed in range(3)]
    assert names == ["2026-10-01 auto", "2026-10-01 auto (2)", "2026-10-01 auto (3)"]


def test_a_candidate_named_twice_and_a_limit(world: Any) -> None:
    chosen = world.candidates("u001", "u001", "u002", "u003")
    summary = world.plan(chosen, holdout=0, limit=2)
    assert summary.to_send == 2
    assert world.sql("SELECT user_id, position FROM intervention ORDER BY position") == [
        ("u001", 1), ("u002", 2)
    ]  # fmt: skip


def test_nobody_to_write_to_is_a_plan_too(world: Any) -> None:
    summary = world.plan([])
    assert (summary.to_send, summary.held_out) == (0, 0)


def test_approval_and_cancelling_keep_to_the_order(world: Any) -> None:
    summary = world.plan(world.candidates("u001", "u002"), holdout=0)
    assert world.approve(summary.plan_id).status == "approved"
    with pytest.raises(StateError, match="is approved and cannot be approved"):
        world.approve(summary.plan_id)
    cancelled = cancel(world.ledger, summary.plan_id, operator="lin", now=world.now)
    assert cancelled.status == "cancelled"
    assert world.statuses(summary.plan_id) == {"cancelled": 2}
    with pytest.raises(StateError, match="is cancelled and cannot be sent"):
        world.send(summary.plan_id)
    with pytest.raises(UsageError, match="no plan 'nope'"):
        world.approve("nope")


def test_every_command_leaves_a_row_in_the_audit_and_the_chain_holds(world: Any) -> None:
    summary = world.plan(world.candidates("u001"), holdout=0)
    world.approve(summary.plan_id)
    world.send(summary.plan_id)
    assert world.sql("SELECT action, operator FROM audit ORDER BY seq") == [
        ("plan", "lin"), ("approve", "boss"), ("send", "lin")
    ]  # fmt: skip
    with lease(world.ledger) as connection:
        assert verify(connection) == ()


@pytest.mark.parametrize(
    ("tampering", "problem"),
    [
        (
            "UPDATE audit SET operator = 'other' WHERE seq = 2",
            "row 2 (approve by other) was altered",
        ),
        ("UPDATE audit SET detail = '{}' WHERE seq = 1", "row 1 (plan by lin) was altered"),
        ("DELETE FROM audit WHERE seq = 2", "row 2 is missing"),
        ("DELETE FROM audit WHERE seq = 1", "row 1 is missing"),
        ("UPDATE audit SET row_hash = repeat('0', 64) WHERE seq = 3", "row 3 (send by lin)"),
        ("UPDATE audit SET prev_hash = repeat('1', 64) WHERE seq = 3", "row 3 does not continue"),
    ],
)
def test_the_chain_shows_a_change(world: Any, tampering: str, problem: str) -> None:
    with lease(world.ledger, write=True) as connection:
        for operator, action in (("lin", "plan"), ("boss", "approve"), ("lin", "send")):
            append(
                connection,
                operator=operator,
                action=action,
                subject="p1",
                detail={"n": 1},
                now=world.now,
            )
        assert verify(connection) == ()
        connection.execute(tampering)
        assert any(problem in found for found in verify(connection))


def test_ids_are_version_7_and_sort_by_time() -> None:
    rng = np.random.default_rng(1)
    start = datetime(2026, 1, 1)
    ids = [new_id(start + timedelta(seconds=n), rng) for n in range(100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 100
    assert {(word[14], word[19] in "89ab") for word in ids} == {("7", True)}


# --- one user -----------------------------------------------------------------------------------


def show(world: Any, template_id: str, user_id: str, **changes: Any) -> Any:
    arguments = {"locale": None, "offer": Offer(), "now": world.now} | changes
    return preview(
        world.behaviour, template_id, user_id, world.settings, library=world.library, **arguments
    )


def test_a_preview_speaks_of_the_real_user(world: Any) -> None:
    message = show(world, "content_recommendation", "u001")
    assert "林晓1，您好" in message.text
    assert "心理学" in message.text
    assert message.text.count("心理课") >= 1
    opened = {"心理课 1", "心理课 2", "心理课 3", "心理课 4"}
    assert not any(title in message.text for title in opened)
    assert "您的年度会员将于2026年10月26日到期" in show(world, "membership_ending", "u001").text
    assert show(world, "care_check_in", "u000").locale == "en"
    assert show(world, "care_check_in", "u000", locale="zh").locale == "zh"


def test_a_preview_promises_what_is_offered(world: Any) -> None:
    text = show(world, "discount", "u001", offer=Offer(percent=15, valid_days=10)).text
    assert "立减 15%" in text
    assert "2026年10月11日" in text
    with pytest.raises(TemplateError, match="'discount' needs 'offer_percent'"):
        show(world, "discount", "u001")


def test_a_preview_of_nobody(world: Any) -> None:
    with pytest.raises(UsageError, match="no user 'u999'"):
        show(world, "care_check_in", "u999")


@pytest.mark.parametrize(
    ("plan", "locale", "written"),
    [("annual", "zh", "您的年度会员将于"), ("Annual", "en", "Annual membership ends on"),
     ("黑金卡", "zh", "您的黑金卡将于"), ("黑金卡", "en", "黑金卡 ends on")],
)  # fmt: skip
def test_codes_of_plans_are_put_into_words(
    world: Any, plan: str, locale: str, written: str
) -> None:
    world.change("UPDATE subscriptions SET plan = ? WHERE user_id = 'u001'", plan)
    assert show(world, "membership_ending", "u001", locale=locale).subject.startswith(written)


def test_who_does_not_want_tailored_messages_gets_general_ones(world: Any) -> None:
    world.change("UPDATE users SET personalisation_allowed = FALSE WHERE user_id = 'u001'")
    assert "您常看" not in show(world, "content_recommendation", "u001").text
    with pytest.raises(TemplateError, match="needs 'lessons_left'"):
        show(world, "unused_value", "u001")


def test_facts_of_the_future_are_not_said(world: Any) -> None:
    before = show(world, "content_recommendation", "u001"), show(world, "unused_value", "u001")
    later = world.now + timedelta(hours=1)
    world.change(
        "INSERT INTO events SELECT 'late' || event_id, user_id, ?, ?, 'lesson_started', 'c11', 60, "
        "NULL, 'ios' FROM events", later, later,
    )  # fmt: skip
    world.change(
        "INSERT INTO payments VALUES ('p', 'u001', ?, ?, 200, 'CNY', 'failed', NULL, NULL)",
        later,
        later,
    )
    assert (
        show(world, "content_recommendation", "u001"),
        show(world, "unused_value", "u001"),
    ) == before
    with pytest.raises(TemplateError, match="needs 'failed_on'"):
        show(world, "payment_failed", "u001")


def test_suggestions_put_the_answer_first_and_leave_out_what_is_untrue(world: Any) -> None:
    found = suggestions(
        world.behaviour, "u001", ["content_exhausted"], world.settings, offer=Offer(),
        now=world.now, library=world.library,
    )  # fmt: skip
    assert found[0] == "content_recommendation"
    assert {"payment_failed", "discount"}.isdisjoint(found)
    assert set(found) == {
        "content_recommendation", "care_check_in", "membership_ending", "unused_value"
    }  # fmt: skip


def test_a_user_with_a_name_only_can_still_be_asked_how_it_goes(world: Any) -> None:
    for table in ("events", "contents", "subscriptions"):
        world.change(f"DELETE FROM {table}")
    world.change("UPDATE users SET name = NULL, locale = NULL WHERE user_id = 'u001'")
    message = show(world, "care_check_in", "u001")
    assert message.text.startswith("您好：")
    found = suggestions(
        world.behaviour, "u001", ["history"], world.settings, offer=Offer(), now=world.now
    )
    assert found == ("care_check_in",)

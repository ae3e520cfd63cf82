"""After the sending: outcomes, past logs, and what effects and labels are read from."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from engine.effects.honest_labels import HELD_OUT, TREATED_INSIDE, UNTREATED, honest_labels
from engine.errors import DataError
from engine.export import write_table
from engine.outreach import log
from engine.outreach.history import COLUMNS, import_history
from engine.outreach.outcomes import close_outcomes
from engine.store.lease import lease
from engine.timeline import ChurnRule
from engine.types import Words


def sent(world: Any, *user_ids: str, **request: Any) -> str:
    summary = world.plan(world.candidates(*user_ids), **request)
    world.approve(summary.plan_id)
    world.send(summary.plan_id)
    return str(summary.plan_id)


def extend(world: Any, days: int, rule: ChurnRule | None = None) -> None:
    """The data now reach `days` past the decision."""
    world.change("UPDATE load_run SET as_of = ?", world.now + timedelta(days=days))
    if rule:
        world.change("UPDATE load_run SET churn_rule = ?", json.dumps(asdict(rule)))


def event(world: Any, user_id: str, day: float, known_after: float = 0) -> None:
    moment = world.now + timedelta(days=day)
    world.change(
        "INSERT INTO events VALUES (?, ?, ?, ?, 'app_open', NULL, NULL, NULL, NULL)",
        f"x{user_id}{day}", user_id, moment, moment + timedelta(days=known_after),
    )  # fmt: skip


def close(world: Any, **arguments: Any) -> Any:
    return close_outcomes(
        world.ledger,
        world.behaviour,
        operator="lin",
        now=world.now + timedelta(days=60),
        **arguments,
    )


def outcomes(world: Any) -> dict[str, str]:
    return dict(
        world.sql("SELECT user_id, outcome FROM outcome JOIN intervention USING (intervention_id)")
    )


def test_outcomes_follow_the_window_to_its_edges(world: Any) -> None:
    sent(world, "u001", "u002", "u003", "u004", "u005", holdout=0)
    event(world, "u001", 6.99)  # before the window of [7, 35) days
    event(world, "u002", 7)  # its first instant
    event(world, "u003", 34.99)
    event(world, "u004", 35)  # just after it
    extend(world, 34)
    assert (close(world).closed, close(world).still_open) == (0, 5)
    extend(world, 35)
    report = close(world)
    assert (report.closed, report.retained, report.churned, report.still_open) == (5, 2, 3, 0)
    assert outcomes(world) == {
        "u001": "churned", "u002": "retained", "u003": "retained", "u004": "churned",
        "u005": "churned",
    }  # fmt: skip


def test_an_outcome_is_set_once(world: Any) -> None:
    sent(world, "u001", holdout=0)
    extend(world, 35)
    close(world)
    event(world, "u001", 20)
    assert close(world).closed == 0
    assert outcomes(world) == {"u001": "churned"}


def test_rows_that_came_later_are_not_looked_at(world: Any) -> None:
    sent(world, "u001", holdout=0)
    event(world, "u001", 30, known_after=10)
    extend(world, 60)
    assert close(world, as_of=world.now + timedelta(days=36)).churned == 1


def test_both_arms_and_the_stopped_get_outcomes_and_the_erased_are_censored(world: Any) -> None:
    world.change("UPDATE users SET marketing_consent = FALSE WHERE user_id = 'u001'")
    summary = world.plan(world.candidates(*world.users[:10]), holdout=0.5)
    world.change("DELETE FROM users WHERE user_id = 'u002'")
    extend(world, 35)
    assert close(world).closed == 10
    assert outcomes(world)["u002"] == "censored"
    assert summary.held_out > 0


def test_the_rule_decides_what_staying_is(world: Any) -> None:
    extend(world, 0, ChurnRule("no_payment", horizon_days=30))
    sent(world, "u001", "u002", holdout=0)
    paid = world.now + timedelta(days=10)
    for user_id, status in (("u001", "succeeded"), ("u002", "failed")):
        world.change(
            "INSERT INTO payments VALUES (?, ?, ?, ?, 9, 'CNY', ?, NULL, NULL)",
            f"p{user_id}", user_id, paid, paid, status,
        )  # fmt: skip
        event(world, user_id, 12)
    extend(world, 30)
    close(world)
    assert outcomes(world) == {"u001": "retained", "u002": "churned"}


def test_a_lapsed_subscription_is_churn_and_a_renewed_one_is_not(world: Any) -> None:
    extend(world, 0, ChurnRule("lapsed", horizon_days=40, grace_days=5))
    sent(world, "u001", "u002", holdout=0)  # their terms end on day 25
    renewed = world.now + timedelta(days=24)
    world.change(
        "INSERT INTO subscriptions VALUES ('n', 'u001', 'x', ?, ?, NULL, TRUE, 1, ?, "
        "NULL, NULL, NULL)",
        renewed, renewed + timedelta(days=365), renewed,
    )  # fmt: skip
    extend(world, 44)
    assert close(world).closed == 0  # the days of grace are not over
    extend(world, 45)
    close(world)
    assert outcomes(world) == {"u001": "retained", "u002": "churned"}


# --- what is read from the log ------------------------------------------------------------------


def test_campaign_counts_are_by_assignment_with_known_outcomes(world: Any) -> None:
    world.set(cooldown_days=0)
    world.plan(world.candidates(*world.users[:20]), holdout=0.4, campaign="c")
    arms = dict(world.sql("SELECT user_id, arm FROM intervention"))
    stay = {user for number, user in enumerate(sorted(arms)) if number % 3 == 0}
    for user_id in stay:
        event(world, user_id, 10)
    extend(world, 35)
    close(world)
    [counts] = log.campaign_counts(world.ledger)
    assert counts.campaign == "c"
    assert counts.planned_holdout == pytest.approx(0.4)
    assert counts.assigned_treated == counts.treated == sum(arm == "treat" for arm in arms.values())
    assert counts.held_out == sum(arm == "holdout" for arm in arms.values())
    assert counts.treated_retained == sum(arms[user] == "treat" for user in stay)
    assert counts.held_out_retained == sum(arms[user] == "holdout" for user in stay)


def test_labels_close_the_windows_that_their_date_covers(world: Any) -> None:
    users = ("u00", "u01", "u02", "u03")
    sent(world, *users, holdout=0.0)
    rule = ChurnRule("label", 30)
    extend(world, 400, rule)
    undated = close(world)
    assert (undated.closed, undated.still_open) == (0, 4)
    assert undated.words is not None
    assert "outcomes.as_of" in undated.words.en
    (end,) = world.sql("SELECT DISTINCT window_end FROM intervention")[0]
    for day, labels in ((-1, (1, 1, 1)), (3, (0, 1, None)), (40, (1, 0, 1))):
        for user_id, label in zip(users, labels, strict=False):
            if label is not None:
                world.change(
                    "INSERT INTO outcomes VALUES (?, ?, ?)", user_id, label, end + timedelta(day)
                )
    closed = close(world)
    assert closed.words is None
    # The first date behind the window decides; it does not speak of the last two.
    assert outcomes(world) == {
        "u00": "retained",
        "u01": "churned",
        "u02": "censored",
        "u03": "censored",
    }
    assert closed.closed == 4
    assert close(world).closed == 0


def test_contacts_feed_honest_labels(world: Any) -> None:
    plan_id = sent(world, *world.users[:30], holdout=0.4)
    contacts = log.contacts(world.ledger)
    assert contacts.user_ids.shape == (30,)
    assert set(contacts.arms) == {"treat", "holdout"}
    labels = honest_labels(
        np.array(world.users, dtype=np.object_), world.now, contacts, timedelta(days=35)
    )
    statuses = world.statuses(plan_id)
    assert (labels.status == TREATED_INSIDE).sum() == statuses["sent"]
    assert (labels.status == HELD_OUT).sum() == statuses["held_out"]
    assert (labels.status == UNTREATED).sum() == 30
    assert labels.weight.max() == pytest.approx(1 / 0.4)


def test_contacts_of_an_empty_ledger(world: Any) -> None:
    contacts = log.contacts(world.ledger)
    assert len(contacts.user_ids) == 0
    labels = honest_labels(
        np.array(world.users, dtype=np.object_), world.now, contacts, timedelta(days=35)
    )
    assert (labels.status == UNTREATED).all()


def test_pages_of_the_log_are_newest_first_and_can_be_searched(world: Any) -> None:
    sent(world, *world.users[:12], holdout=0.3, campaign="autumn 秋")
    page = log.page(world.ledger, "", 0, 5)
    assert (page.total, len(page.rows), page.start) == (12, 5, 0)
    rest = log.page(world.ledger, "", 5, 100)
    ids = [row.intervention_id for row in page.rows + rest.rows]
    assert ids == sorted(ids, reverse=True)
    held = log.page(world.ledger, " Held_Out ", 0, 100)
    assert {row.arm for row in held.rows} == {"holdout"}
    assert log.page(world.ledger, "秋", 0, 1).total == 12
    assert log.page(world.ledger, "u003", 0, 9).rows[0].user_id == "u003"
    for hostile in ("%", "' OR 1=1 --", "_"):
        assert log.page(world.ledger, hostile, 0, 9).total == (12 if hostile == "_" else 0)


def test_the_contacts_of_one_user(world: Any) -> None:
    sent(world, "u001", "u002", holdout=0)
    with lease(world.ledger) as ledger:
        [row] = log.contacts_of(ledger, "u001")
        assert log.contacts_of(ledger, "u050") == ()
    assert (row.status, row.sent_at, row.operator) == ("sent", world.now, "lin")
    assert row.reason_groups == ("fading_use",)
    assert row.told == Words("fading_use：9", "fading_use: 9")


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet", "xlsx"])
def test_the_exported_log_names_nobody(world: Any, tmp_path: Path, file_format: Any) -> None:
    sent(world, *world.users[:8], holdout=0.3)
    extend(world, 35)
    close(world)
    columns, rows = log.log_rows(world.ledger)
    assert {
        "log_schema_version",
        "p_assign",
        "p_by_arm",
        "arm",
        "outcome",
        "rendered_sha256",
    } <= set(columns)
    assert not {"name", "email", "address"} & set(columns)
    assert write_table(columns, rows, tmp_path / "log", file_format) == 8
    raw = (tmp_path / "log").read_bytes()
    assert b"@example.com" not in raw.replace(b"@example.com>", b"")
    assert "林晓".encode() not in raw
    columns, rows = log.audit_rows(world.ledger)
    assert [row[columns.index("action")] for row in rows] == ["plan", "approve", "send", "outcomes"]


# --- a log from elsewhere -----------------------------------------------------------------------


def past(tmp_path: Path, **changes: object) -> Path:
    """Three rows of a past campaign; `changes` replace columns of the first one."""
    start = datetime(2026, 5, 1)
    row: dict[str, object] = {
        "intervention_id": "old-1", "campaign": "spring", "user_id": "u001", "decided_at": start,
        "sent_at": start + timedelta(hours=2), "template_id": "discount", "channel": "email",
        "arm": "treat", "propensity": 0.5, "offer_percent": 20.0, "status": "sent",
        "operator": "wang", "outcome": "retained", "window_start": start + timedelta(days=7),
        "window_end": start + timedelta(days=35),
    }  # fmt: skip
    held = {"intervention_id": "old-2", "user_id": "u002", "sent_at": None, "arm": "holdout",
            "offer_percent": 0.0, "status": "held_out", "outcome": "churned"}  # fmt: skip
    rows = [row | changes, row | held, row | {"intervention_id": "old-3", "user_id": "u003",
                                              "campaign": "summer", "outcome": None}]  # fmt: skip
    path = tmp_path / "interventions.parquet"
    write_table(COLUMNS, [[entry[name] for name in COLUMNS] for entry in rows], path, "parquet")
    return path


def test_a_past_log_is_read_once(world: Any, tmp_path: Path) -> None:
    path = past(tmp_path)
    assert import_history(world.ledger, path, operator="lin", now=world.now) == 3
    assert import_history(world.ledger, path, operator="lin", now=world.now) == 0
    assert [row.campaign for row in log.page(world.ledger, "", 0, 9).rows].count("spring") == 2
    counts = {entry.campaign: entry for entry in log.campaign_counts(world.ledger)}
    assert (counts["spring"].treated_retained, counts["spring"].held_out) == (1, 1)
    assert counts["summer"].treated == 0
    contacts = log.contacts(world.ledger)
    assert list(np.isnat(contacts.sent_at[contacts.arms == "holdout"])) == [True]
    assert world.sql("SELECT action FROM audit") == [("import_history",)]


def test_a_past_log_as_csv(world: Any, tmp_path: Path) -> None:
    path = past(tmp_path)
    as_csv = tmp_path / "log.csv"
    connection = duckdb.connect()
    rows = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    write_table(COLUMNS, rows, as_csv, "csv")
    assert import_history(world.ledger, as_csv, operator="lin", now=world.now) == 3
    assert import_history(world.ledger, path, operator="lin", now=world.now) == 0


def test_a_past_offer_counts_for_the_cool_down(world: Any, tmp_path: Path) -> None:
    recent = world.now - timedelta(days=3)
    path = past(tmp_path, decided_at=recent, sent_at=recent)
    import_history(world.ledger, path, operator="lin", now=world.now)
    gates = {
        gate.gate: gate.removed for gate in world.plan(world.candidates("u001"), holdout=0).gates
    }
    assert gates["cooldown"] == 1


def test_an_open_window_of_a_past_log_is_closed_like_ours(world: Any, tmp_path: Path) -> None:
    import_history(world.ledger, past(tmp_path), operator="lin", now=world.now)
    assert close(world).closed == 1
    assert outcomes(world) == {"u001": "retained", "u002": "churned", "u003": "churned"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"propensity": 0.0}, "old-1: propensity = 0.0 is not above 0 and at most 1"),
        ({"arm": "b"}, "old-1: arm = 'b' is not one of ['holdout', 'treat']"),
        ({"user_id": None}, "old-1: user_id is empty"),
        ({"outcome": "left"}, "outcome = 'left' is not retained, churned, converted or censored"),
        ({"window_end": datetime(2026, 1, 1)}, "window_end is not after window_start"),
    ],
)
def test_a_bad_row_of_a_past_log_adds_nothing(
    world: Any, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(DataError) as raised:
        import_history(world.ledger, past(tmp_path, **changes), operator="lin", now=world.now)
    assert sentence in raised.value.sentence
    assert "nothing was added" in raised.value.sentence
    assert world.sql("SELECT count(*) FROM intervention") == [(0,)]


def test_a_file_that_is_no_log(world: Any, tmp_path: Path) -> None:
    write_table(("x",), [(1,)], tmp_path / "x.parquet", "parquet")
    with pytest.raises(DataError, match=r"x\.parquet is no intervention log.*It needs the columns"):
        import_history(world.ledger, tmp_path / "x.parquet", operator="lin", now=world.now)
    (tmp_path / "y.parquet").write_text("nothing")
    with pytest.raises(DataError, match=r"y\.parquet is no intervention log"):
        import_history(world.ledger, tmp_path / "y.parquet", operator="lin", now=world.now)
    with pytest.raises(DataError, match="does not exist"):
        import_history(world.ledger, tmp_path / "z.parquet", operator="lin", now=world.now)

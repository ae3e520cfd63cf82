"""Each reason: the row that provokes it, what is kept, and what the quarantine remembers."""

from __future__ import annotations

import json
from datetime import datetime

from engine.data.checks import BLANKING, CHECKS, REASONS
from engine.data.contract import contract
from tests.engine.data.conftest import EVENTS, TABLES, USERS, Client

EVENT_HEAD = "event_id,user_id,occurred_at,known_at,kind,duration_s,value\n"
GOOD_EVENT = "e1,u1,2026-01-05,,lesson,60,\n"

PAYMENTS = (
    "payment_id,user_id,occurred_at,amount,status\np1,u1,2026-01-05,10,succeeded\n",
    '[tables.payments]\nsource = "payments.csv"\n',
)
SUBSCRIPTIONS = (
    "subscription_id,user_id,started_at,ends_at,price,known_at\n"
    "s1,u1,2026-01-01,2026-02-01,30,2026-01-01\n",
    '[tables.subscriptions]\nsource = "subscriptions.csv"\n',
)
MESSAGES = (
    "message_id,user_id,occurred_at,channel,rating,resolved_at\n"
    "m1,u1,2026-01-05,review,4,2026-01-06\n",
    '[tables.messages]\nsource = "messages.csv"\n',
)
OUTCOMES = (
    "user_id,label,as_of\nu1,0,2026-01-05\n",
    '[tables.outcomes]\nsource = "outcomes.csv"\n',
)
SENSITIVE = (
    "user_id,gender,birth_year\nu1,f,1990\n",
    '[tables.user_sensitive]\nsource = "user_sensitive.csv"\n',
)
CONTENTS = (
    "content_id,title,minutes,price,published_at\nc1,T,10,5,2026-01-01\n",
    '[tables.contents]\nsource = "contents.csv"\n',
)


# The device column carries the case's own text, so that each row is found again by it.
EVENTS_AND_REASONS = [
    (",u1,2026-01-05,,lesson,60,", "missing_key"),
    ("  ,u1,2026-01-05,,lesson,60,", "missing_key"),
    ("e2,,2026-01-05,,lesson,60,", "missing_key"),
    ("e3,u1,,,lesson,60,", "missing_value"),
    ("e4,u1,2026-01-05,,,60,", "missing_value"),
    ("e5,u1,yesterday,,lesson,60,", "bad_type"),
    ("e6,u1,2026-02-30,,lesson,60,", "bad_type"),
    ("e7,u1,2026-01-05,soon,lesson,60,", "bad_type"),
    ("e8,u1,2026-01-05,,lesson,long,", "bad_type"),
    ("e9,u1,2026-01-05,,lesson,-1,", "out_of_range"),
    ("e10,u1,2026-01-05,,lesson,99999999,", "out_of_range"),
    ("e11,u1,2026-01-05,,lesson,nan,", "out_of_range"),
    ("e12,u1,2026-01-05,,lesson,,inf", "out_of_range"),
    ("e13,u1,1970-01-01,,lesson,60,", "out_of_range"),
    ("e14,u1,infinity,,lesson,60,", "out_of_range"),
    ("e15,u1,2026-03-01 12:00:00.000001,,lesson,60,", "future_date"),
    ("e16,u1,2026-01-05,2027-01-05,lesson,60,", "future_date"),
    ("e17,u1,2026-01-05 10:00,2026-01-05 09:59,lesson,60,", "known_before_occurred"),
    ("e18,u9,2026-01-05,,lesson,60,", "orphan_user"),
    ("e1,u1,2026-01-06,,lesson,60,", "duplicate_key"),
    # At the edge, and fit:
    ("f1,u1,2026-03-01 12:00:00,,lesson,0,", None),
    ("f2,u1,1980-01-01,,lesson,60,", None),
    ("f3,u1,2026-01-05,2026-01-05,lesson,2592000,-3", None),
    ("f4,u1,2026-01-05, ,lesson,,", None),
]


def test_each_unfit_event_is_refused_for_its_own_reason(client: Client) -> None:
    lines = [f"{row},case{n}" for n, (row, _) in enumerate(EVENTS_AND_REASONS)]
    client.write(
        "events.csv",
        EVENT_HEAD.replace("\n", ",device\n") + GOOD_EVENT.replace("\n", ",\n") + "\n".join(lines),
    )
    client.load()
    judged = {
        json.loads(row)["device"]: reason
        for row, reason in client.rows("SELECT row_json, reason FROM quarantine")
    }
    judged |= {device: None for (device,) in client.rows("SELECT device FROM events") if device}
    assert judged == {f"case{n}": reason for n, (_, reason) in enumerate(EVENTS_AND_REASONS)}
    assert client.rows("SELECT occurred_at FROM events WHERE event_id = 'e1'") == [
        (datetime(2026, 1, 5),)
    ]


OTHER_ROWS_AND_REASONS = [
    (PAYMENTS, "p2,u1,2026-01-05,-1,succeeded", "out_of_range"),
    (PAYMENTS, "p3,u1,2026-01-05,,succeeded", "missing_value"),
    (PAYMENTS, "p4,u1,2026-01-05,5,paid", "unknown_status"),
    (PAYMENTS, "p5,u1,2026-01-05,five,succeeded", "bad_type"),
    (PAYMENTS, "p6,u1,2026-01-05,0,refunded", None),
    (SUBSCRIPTIONS, "s2,u1,2026-01-05,2026-01-04,30,2026-01-01", "ends_before_start"),
    (SUBSCRIPTIONS, "s3,u1,2026-01-05,2026-02-04,-30,2026-01-01", "out_of_range"),
    (SUBSCRIPTIONS, "s4,u1,2026-04-05,2026-05-04,30,", "future_date"),
    (SUBSCRIPTIONS, "s5,u1,,2026-05-04,30,", "missing_value"),
    (SUBSCRIPTIONS, "s6,u1,2026-04-05,2026-05-05,30,2026-02-05", None),  # sold ahead
    (MESSAGES, "m2,u1,2026-01-05,fax,4,", "unknown_status"),
    (MESSAGES, "m3,u1,2026-01-05,review,11,", "out_of_range"),
    (MESSAGES, "m4,u1,2026-01-05,review,4,2026-01-04", "ends_before_start"),
    (OUTCOMES, "u2,2,2026-01-05", "out_of_range"),
    (OUTCOMES, "u1,1,2026-01-05", "duplicate_key"),
    (OUTCOMES, "u2,1,2027-01-05", "future_date"),
    (SENSITIVE, "u9,m,1990", "orphan_user"),
    (CONTENTS, ",T,1,1,2026-01-01", "missing_key"),
    (CONTENTS, "c1,T,20,1,2026-01-01", "duplicate_key"),
    (CONTENTS, "c2,T,-1,1,2026-01-01", "blanked_value"),
]


def test_each_unfit_row_of_the_other_tables_too(client: Client) -> None:
    tables = (PAYMENTS, SUBSCRIPTIONS, MESSAGES, OUTCOMES, SENSITIVE, CONTENTS)
    for text, mapped in tables:
        rows = [row for table, row, _ in OTHER_ROWS_AND_REASONS if table[1] == mapped]
        name = mapped.split(".")[1].split("]")[0]
        client.write(f"{name}.csv", text + "\n".join(rows))
    client.map(TABLES + "".join(mapped for _, mapped in tables))
    client.load()
    found = sorted(
        (",".join(value or "" for value in json.loads(row).values()), reason)
        for row, reason in client.rows("SELECT row_json, reason FROM quarantine")
    )
    assert found == sorted((row, why) for _, row, why in OTHER_ROWS_AND_REASONS if why)
    kept = client.rows(
        "SELECT payment_id FROM payments UNION ALL SELECT subscription_id FROM subscriptions "
        "UNION ALL SELECT message_id FROM messages UNION ALL SELECT content_id FROM contents "
        "UNION ALL SELECT 'o ' || user_id FROM outcomes "
        "UNION ALL SELECT 'x ' || user_id FROM user_sensitive ORDER BY ALL"
    )
    assert [row[0] for row in kept] == ["c1", "c2", "m1", "o u1", "p1", "p6", "s1", "s6", "x u1"]
    assert client.rows("SELECT minutes, price FROM contents WHERE content_id = 'c2'") == [(None, 1)]


ADDRESSES = {
    "ann@example.com": True,
    " ann@example.com ": True,
    "\u3000ann@example.com\u00a0\t": True,
    "li.lei+club@mail.example.org": True,
    "李雷@例子.公司": True,
    "ann": False,
    "ann@example": False,
    "ann@@example.com": False,
    "ann smith@example.com": False,
    "ann@example.com>": False,
    "<ann@example.com": False,
    "ann@example.com\nBcc: all@example.com": False,
    "ann@example.com\r\n": True,  # blanks around an address are trimmed
    "ann@exa\x07mple.com": False,
    "a" * 65 + "@example.com": False,
    "ann@" + "a" * 250 + ".com": False,
}


def test_a_malformed_address_is_blanked_and_the_user_kept(client: Client) -> None:
    rows = "".join(f'a{n},2026-01-03,Bo,"{address}"\n' for n, address in enumerate(ADDRESSES))
    client.write("users.csv", USERS + rows)
    users = client.load().tables[0]
    assert users.kept == users.read == 2 + len(ADDRESSES)
    stored = dict(client.rows("SELECT user_id, email FROM users WHERE user_id LIKE 'a%'"))
    assert stored == {
        f"a{n}": address.strip() if fit else None
        for n, (address, fit) in enumerate(ADDRESSES.items())
    }
    assert users.quarantined == {"bad_email": list(ADDRESSES.values()).count(False)}


def test_an_unfit_value_of_a_user_is_blanked_and_noted_once(client: Client) -> None:
    client.write(
        "users.csv",
        "user_id,signed_up_at,email,marketing_consent\n"
        "u1,2026-01-01,ann@example.com,true\n"
        "u2,next week,nonsense,maybe\n"
        "u3,2027-01-01,,no\n"
        ",2026-01-01,nonsense,maybe\n",
    )
    users = client.load().tables[0]
    assert (users.read, users.kept) == (4, 3)
    assert users.quarantined == {"bad_email": 1, "blanked_value": 2, "missing_key": 1}
    assert client.rows("SELECT user_id, email, marketing_consent FROM users ORDER BY user_id") == [
        ("u1", "ann@example.com", True),
        ("u2", None, None),
        ("u3", None, False),
    ]
    # Blanked, then filled from the first fact: a user without one stays out of every cutoff.
    assert client.rows("SELECT signed_up_at FROM users ORDER BY user_id") == [
        (datetime(2026, 1, 1),),
        (datetime(2026, 1, 6, 9, 30),),
        (None,),
    ]
    remembered = client.rows("SELECT row_json FROM quarantine WHERE reason = 'blanked_value'")
    assert json.loads(remembered[0][0])["signed_up_at"] == "next week"


def test_of_two_rows_with_a_key_the_first_known_stays(client: Client) -> None:
    client.write(
        "events.csv",
        EVENT_HEAD
        + "e1,u1,2026-01-05,2026-01-09,late,1,\n"
        + "e1,u1,2026-01-06,2026-01-07,early,1,\n"
        + "e1,u9,2026-01-01,2026-01-01,orphan,1,\n",
    )
    client.load()
    assert client.rows("SELECT kind FROM events") == [("early",)]
    assert client.quarantined() == {("events", "duplicate_key"): 1, ("events", "orphan_user"): 1}


def test_refused_users_make_their_facts_orphans(client: Client) -> None:
    client.write("users.csv", USERS + ",2026-01-01,,\n")
    client.write("events.csv", EVENTS + "e3,,2026-01-05,k,\ne4,u4,2026-01-05,k,\n")
    client.load()
    assert client.quarantined() == {
        ("users", "missing_key"): 1,
        ("events", "missing_key"): 1,
        ("events", "orphan_user"): 1,
    }


def test_a_formula_that_fails_for_a_row_refuses_that_row_alone(client: Client) -> None:
    client.map(
        TABLES.replace(
            'events.csv"',
            'events.csv"\n[tables.events.columns]\nduration_s = "60 * CAST(minutes AS DOUBLE)"\n'
            'value = "CAST(minutes AS DOUBLE)"',
        )
    )
    rows = "".join(f"e{n},u1,2026-01-05,k,{'x' if n % 3 == 0 else n}\n" for n in range(300))
    client.write(
        "events.csv", "event_id,user_id,occurred_at,kind,minutes\n" + rows + "e,u1,2026-01-05,k,\n"
    )
    events = client.load().tables[1]
    assert (events.read, events.kept, events.quarantined) == (301, 201, {"bad_type": 100})
    assert client.rows("SELECT duration_s FROM events WHERE event_id = 'e7'") == [(420.0,)]


def test_every_row_is_kept_or_refused(client: Client) -> None:
    kinds = ["", "k"]
    users = ["u1", "u2", "u9", ""]
    times = ["2026-01-05", "nope", "2027-01-01", "1970-01-01", ""]
    rows = [
        f"e{n % 40},{user},{moment},,{kind},{n % 5 - 1},"
        for n, (user, moment, kind) in enumerate(
            (user, moment, kind) for user in users for moment in times for kind in kinds * 3
        )
    ]
    client.write("events.csv", EVENT_HEAD + "\n".join(rows) + "\n")
    events = client.load().tables[1]
    assert events.read == len(rows) == events.kept + sum(events.quarantined.values())


def test_checks_name_columns_of_the_contract_and_known_reasons() -> None:
    assert set(CHECKS) == set(contract())
    for table, checks in CHECKS.items():
        assert {check.column for check in checks} <= set(contract()[table].names())
        assert {check.reason for check in checks} <= set(REASONS)
        if table in BLANKING:
            assert all(check.column not in contract()[table].key for check in checks)

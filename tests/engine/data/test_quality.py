"""The quality report: each check on data that passes and on data that do not."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from engine.data.quality.check import check
from engine.data.quality.report import QualityReport
from engine.errors import DataError
from engine.store.lease import lease
from tests.engine.data.conftest import TABLES, Client

HEAD = "user_id,signed_up_at,email,marketing_consent\n"
EVENT_HEAD = "event_id,user_id,occurred_at,kind,known_at\n"
DAYS = [date(2025, 8, 1) + timedelta(days=n) for n in range(200)]


def good(client: Client) -> None:
    """200 days, ten users with an event each day."""
    client.write(
        "users.csv",
        HEAD + "".join(f"u{n},2025-07-01,u{n}@example.com,true\n" for n in range(10)),
    )
    client.write(
        "events.csv",
        EVENT_HEAD
        + "".join(f"e{d}-{n},u{n},{day},k,\n" for d, day in enumerate(DAYS) for n in range(10)),
    )


def report(client: Client) -> QualityReport:
    client.load()
    with lease(client.database) as connection:
        return check(connection)


def failed(found: QualityReport) -> dict[str, int]:
    return {check.code: check.count for check in found.checks if check.state != "fit"}


def test_good_data_pass_everything(client: Client) -> None:
    good(client)
    found = report(client)
    assert failed(found) == {}
    assert found.quarantined == {}
    assert found.summary.users == 10
    for item in found.checks:
        assert item.words.zh != item.words.en
        assert item.words.pick("zh")


def test_nothing_loaded(tmp_path: Path) -> None:
    with duckdb.connect() as connection, pytest.raises(DataError, match="No behaviour data"):
        check(connection)


def test_refused_rows_count_and_blanked_ones_do_not(client: Client) -> None:
    good(client)
    path = client.folder / "events.csv"
    path.write_text(path.read_text() + "".join(f"x{n},nobody,2025-08-01,k,\n" for n in range(60)))
    users = client.folder / "users.csv"
    users.write_text(users.read_text().replace("u1@example.com", "u1"))
    found = report(client)
    assert failed(found) == {"refused_rows": 60, "orphans": 60}
    assert found.quarantined == {"events": {"orphan_user": 60}, "users": {"bad_email": 1}}


def test_a_gap_and_a_silent_end(client: Client) -> None:
    good(client)
    path = client.folder / "events.csv"
    hole = {str(day) for day in DAYS[50:60]}
    kept = [line for line in path.read_text().splitlines() if line.split(",")[2] not in hole]
    path.write_text("\n".join([*kept, f"late,u1,{DAYS[-1]},k,2026-02-25 10:00\n"]))
    assert failed(report(client)) == {"longest_gap": 10, "silent_at_end": 9}


def test_late_facts_and_a_short_history(client: Client) -> None:
    good(client)
    lines = [
        f"e{d},u1,{day},k,{day + timedelta(days=3 if d % 2 else 1)}"
        for d, day in enumerate(DAYS[:100])
    ]
    (client.folder / "events.csv").write_text(EVENT_HEAD + "\n".join(lines))
    found = failed(report(client))
    assert found["late_facts"] == 50
    assert found["history"] == 103  # days from the first fact to the end of what is known


def test_users_without_address_consent_or_facts(client: Client) -> None:
    good(client)
    client.write(
        "users.csv",
        HEAD
        + "".join(f"u{n},2025-07-01,Same@example.com,\n" for n in range(2))
        + "".join(f"u{n},2025-07-01,,\n" for n in range(2, 10))
        + "".join(f"v{n},,,\n" for n in range(11)),
    )
    assert failed(report(client)) == {
        "users_without_facts": 11,
        "without_email": 19,
        "without_consent": 21,
        "sharing_email": 2,
    } | {"without_sign_up": 11}


def test_payments_in_another_currency(client: Client) -> None:
    good(client)
    client.map(TABLES + '[tables.payments]\nsource = "payments.csv"\n')
    client.write(
        "payments.csv",
        "payment_id,user_id,occurred_at,amount,status,currency\n"
        "p1,u1,2025-08-05,1,succeeded,CNY\np2,u1,2025-08-05,1,succeeded,USD\n",
    )
    assert failed(report(client)) == {"other_currency": 1}  # refused: never summed
    assert client.quarantined() == {("payments", "other_currency"): 1}

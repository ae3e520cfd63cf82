"""What looks broken is not loaded: the sentence, the old data, and the way round it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from engine.data.guard import refuse_broken
from engine.data.previous import Previous
from engine.errors import DataError
from engine.settings import DataSettings
from engine.types import TableLoad
from tests.engine.data.conftest import TABLES, Client, everything

LIMITS = DataSettings()
FIRST = date(2026, 1, 1)


def days(count: int, rows: Callable[[date], int] = lambda day: 30) -> str:
    """Events of `count` days, `rows(day)` on each."""
    lines = ["event_id,user_id,occurred_at,kind"]
    for number in range(count):
        day = FIRST + timedelta(days=number)
        lines += [f"{day}-{n},u{n % 25},{day} 10:00,k" for n in range(rows(day))]
    return "\n".join(lines) + "\n"


def users(count: int = 25) -> str:
    return "user_id,signed_up_at\n" + "".join(f"u{n},2025-01-01\n" for n in range(count))


@pytest.fixture
def shop(client: Client) -> Client:
    """Thirty days of thirty events, loaded on the morning after."""
    client.write("users.csv", users())
    client.write("events.csv", days(30))
    client.load(now=datetime(2026, 1, 31, 2), limits=LIMITS)
    return client


NEXT = datetime(2026, 2, 1, 2)


def half_a_day(client: Client) -> None:
    client.write("events.csv", days(31, lambda day: 14 if day == date(2026, 1, 31) else 30))


def no_events_yesterday(client: Client) -> None:
    client.map(TABLES + '[tables.payments]\nsource = "p.csv"\n')
    client.write("p.csv", "user_id,occurred_at,amount,status\nu1,2026-01-31,5,succeeded\n")


def many_unfit(client: Client) -> None:
    client.write("events.csv", days(31).replace(" 10:00", " noon", 500))


def users_lost(client: Client) -> None:
    client.write("users.csv", users(19))
    client.write("events.csv", days(31))


def backwards(client: Client) -> None:
    client.write("events.csv", days(29))


BROKEN = {
    half_a_day: "events has 14 rows on 2026-01-31, expected were about 30 as on the 4 same "
    "weekdays before (limit 50%)",
    no_events_yesterday: "events has 0 rows on 2026-01-31, expected were about 30",
    many_unfit: "500 of 930 rows of events were refused (most often bad_type; limit 50%)",
    users_lost: "users went from 25 to 19 (limit 20% fewer)",
    backwards: "the data reach to 2026-01-30 only, before they reached 2026-01-31",
}


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_what_looks_broken_is_not_loaded_unless_accepted(
    shop: Client, damage: Callable[[Client], None]
) -> None:
    before = everything(shop)
    damage(shop)
    with pytest.raises(DataError) as raised:
        shop.load(now=NEXT, limits=LIMITS)
    assert raised.value.code == "load_looks_broken"
    assert BROKEN[damage] in str(raised.value)
    assert str(raised.value).endswith("to load them as they are: `retention load --accept`.")
    assert everything(shop) == before
    shop.load(now=NEXT, limits=LIMITS, accept=True)
    assert everything(shop) != before
    shop.load(now=NEXT, limits=LIMITS, accept=damage is many_unfit)  # accepted once is enough


def test_a_table_that_had_rows_and_has_none(client: Client) -> None:
    client.write("p.csv", "user_id,occurred_at,amount,status\nu1,2026-01-05,5,succeeded\n")
    client.map(TABLES + '[tables.payments]\nsource = "p.csv"\n')
    client.load(limits=LIMITS)
    client.map()
    with pytest.raises(DataError, match="payments had 1 rows and has none now"):
        client.load(limits=LIMITS)


def test_a_usual_day_a_day_under_way_and_a_quiet_weekday_are_loaded(shop: Client) -> None:
    shop.write("events.csv", days(31, lambda day: 15 if day == date(2026, 1, 31) else 30))
    shop.load(now=NEXT, limits=LIMITS)
    # The newest day is not over at noon: the day before it is judged.
    shop.write("events.csv", days(32, lambda day: 3 if day == date(2026, 2, 1) else 30))
    shop.load(now=datetime(2026, 2, 1, 12), limits=LIMITS)
    # Sundays are quiet.
    shop.database.unlink()
    for count in (35, 39):
        shop.write("events.csv", days(count, lambda day: 2 if day.weekday() == 6 else 30))
        shop.load(now=datetime(2026, 2, 15, 2), limits=LIMITS)


def test_a_first_load_is_judged_by_its_refused_rows_alone(client: Client) -> None:
    client.write("users.csv", users())
    client.write("events.csv", days(30, lambda day: 1 if day.day == 30 else 30))
    client.load(now=datetime(2026, 1, 31, 2), limits=LIMITS)
    client.database.unlink()
    client.write("events.csv", days(30).replace(" 10:00", " noon", 500))
    with pytest.raises(DataError, match="500 of 900 rows of events were refused"):
        client.load(limits=LIMITS)
    assert not client.database.exists()


def test_the_limits_are_the_settings() -> None:
    day = date(2026, 3, 3)
    earlier = {day - timedelta(weeks=week): 100 for week in range(1, 5)}
    previous = Previous(
        1,
        datetime(2026, 3, 3),
        datetime(2026, 3, 3),
        rows={"users": 100},
        daily={"events": earlier},
    )
    tables = [
        TableLoad("users", 80, 70),
        TableLoad("events", 100, 90, {"bad_type": 10}, refused=10),
    ]
    for share, lost, refused, complaints in (
        (0.4, 0.3, 0.1, 0),
        (0.41, 0.3, 0.1, 1),
        (0.4, 0.29, 0.1, 1),
        (0.4, 0.3, 0.09, 1),
        (1.0, 0.0, 0.0, 3),
    ):
        limits = DataSettings(
            least_day_share=share, most_users_lost_share=lost, most_refused_share=refused
        )
        found = ""
        try:
            refuse_broken(
                limits,
                previous,
                tables,
                {"events": {day: 40}},
                datetime(2026, 3, 4),
                now=datetime(2026, 3, 4),
            )
        except DataError as error:
            found = error.what
        assert found.count("limit") == complaints, found

"""The rules: two limits each, sentences in two languages, and what does not apply is left out."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.quality import rules
from engine.data.quality.figures import Daily, Figures, Hour, UserCounts
from engine.data.quality.judge import judge
from engine.data.quality.report import QualityCheck
from engine.settings import DataSettings
from engine.timeline import ChurnRule
from engine.types import DataSummary, TableLoad

AS_OF = datetime(2026, 3, 2)  # a Monday: the last whole day is a Sunday
RULE = ChurnRule("inactive", horizon_days=28, lead_days=7, active_within_days=28)
LOADED = DataSummary(
    100,
    {"users": 100, "events": 20_000},
    AS_OF - timedelta(days=200),
    AS_OF,
    AS_OF + timedelta(hours=2),
    "CNY",
    "Asia/Shanghai",
    0,
)
LIMITS = DataSettings()
NIGHT = tuple(Hour(hour, 50 if hour in range(17, 23) else 1_000, 3) for hour in range(24))
"""UTC: the quiet six hours are 1 to 7 in Shanghai."""


def daily(rows: list[int], late: int = 0) -> Daily:
    return Daily(AS_OF.date() - timedelta(days=len(rows)), tuple(rows), late)


GOOD = Figures(
    daily={"events": daily([100] * 200)},
    late_hours=(),
    hours=NIGHT,
    kinds={"search": 18_000, "mine": 300},
    columns=(),
    users=UserCounts(0, 0, 0, 0, 0),
    user_step=1,
    comparable=20_000,
    repeated=0,
    user_days=500,
    long_days=0,
    quarantine=(),
)


def checks(
    figures: Figures,
    loaded: DataSummary = LOADED,
    tables: tuple[TableLoad, ...] = (),
    limits: DataSettings = LIMITS,
) -> dict[str, QualityCheck]:
    judged = judge(
        figures, loaded, tables, rule=RULE, known_kinds=frozenset({"search"}), limits=limits
    )
    return {one.code: one for one in judged}


def test_good_figures_pass_and_stand_in_the_order_of_the_rules() -> None:
    found = checks(GOOD)
    assert {one.state for one in found.values()} == {"fit"}
    order = [rule.code for rule in rules.RULES]
    assert list(found) == sorted(found, key=order.index)
    assert "other_currency" not in found  # nothing was paid: nothing to say


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(rules.RULES))
def test_worse_is_never_judged_better(one: float, two: float, rule: rules.Rule) -> None:
    severity = ["fit", "look", "unfit"]
    detail = dict.fromkeys(
        ("sampled", "table", "names", "day", "delay", "days", "needed", "currency", "zone",
         "share"), "x"
    ) | {"start": 1, "stop": 7}  # fmt: skip
    low, high = (
        severity.index(rule.judge(value, 1, **detail).state) for value in sorted((one, two))
    )
    assert low <= high


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.code)
def test_limits_ascend_and_every_rule_says_what_to_do(rule: rules.Rule) -> None:
    assert 0 <= rule.look <= rule.unfit
    for words in (rule.sentence, rule.advice):
        assert words.zh
        assert words.en
        assert words.zh != words.en


def test_a_thin_day_is_beside_the_same_weekday_before() -> None:
    weekly = [100, 100, 100, 100, 100, 60, 60] * 30
    assert checks(replace(GOOD, daily={"events": daily(weekly)}))["fewer_rows"].state == "fit"
    half = [*weekly[:-3], 45, *weekly[-2:]]
    found = checks(replace(GOOD, daily={"events": daily(half)}))["fewer_rows"]
    assert (found.state, found.count, round(found.value, 2)) == ("unfit", 45, 0.55)
    assert "events 2026-02-27, 45 / 100" in found.words.en


def test_a_day_that_is_not_over_is_not_compared() -> None:
    rows = daily([*[100] * 199, 3])
    inside = replace(LOADED, loaded_at=AS_OF - timedelta(hours=5))
    assert checks(replace(GOOD, daily={"events": rows}))["fewer_rows"].state == "unfit"
    assert checks(replace(GOOD, daily={"events": rows}), inside)["fewer_rows"].state == "fit"


def test_twice_exported_days_are_seen() -> None:
    found = checks(replace(GOOD, daily={"events": daily([*[100] * 199, 400])}))
    assert found["more_rows"].state == "look"
    assert found["more_rows"].value == pytest.approx(4)


def test_a_table_that_stops_is_named() -> None:
    stopped = daily([*[5] * 100, *[0] * 30])
    rare = daily([*[5, 0, 0, 0, 0, 0, 0, 0] * 10, *[0] * 12])
    found = checks(replace(GOOD, daily=GOOD.daily | {"payments": stopped, "messages": rare}))
    assert found["stopped_tables"].count == 1
    assert found["stopped_tables"].words.en.endswith(": 1: payments")


@pytest.mark.parametrize(
    ("zone", "state"),
    [
        ("Asia/Shanghai", "fit"),
        ("Asia/Tokyo", "fit"),
        ("UTC", "look"),
        ("America/New_York", "look"),
    ],
)
def test_a_night_in_the_middle_of_the_day_hints_at_the_zone(zone: str, state: str) -> None:
    assert checks(GOOD, replace(LOADED, timezone=zone))["quiet_hours"].state == state


def test_among_equally_quiet_hours_the_night_counts() -> None:
    office = tuple(Hour(hour, 2_000, 3) for hour in range(1, 10))  # 9 to 18 in Shanghai
    found = checks(replace(GOOD, hours=office))["quiet_hours"]
    assert (found.state, found.value) == ("fit", 0)


def test_without_a_night_or_a_clock_the_zone_is_not_judged() -> None:
    even = tuple(Hour(hour, 1_000, 3) for hour in range(24))
    dates = tuple(replace(hour, on_the_hour=hour.rows) for hour in NIGHT)
    for hours in (even, dates, NIGHT[:1]):
        assert "quiet_hours" not in checks(replace(GOOD, hours=hours))


def test_late_facts_say_how_late() -> None:
    late = replace(
        GOOD,
        daily={"events": daily([100] * 200, late=2_500)},
        late_hours=((25, 1_000), (48, 1_000), (240, 500)),
    )
    found = checks(late)["late_facts"]
    assert (found.state, found.count, found.value) == ("look", 2_500, 0.125)
    assert "half of them by 2.0 days, 95 % within 10.0 days" in found.words.en


def test_without_a_time_axis_nothing_is_said_about_days() -> None:
    found = checks(replace(GOOD, daily={}, hours=(), kinds={}, comparable=0, user_days=0))
    assert not set(found) & {
        "longest_gap", "silent_at_end", "history", "late_facts", "users_without_facts",
        "unknown_kinds", "quiet_hours", "without_sign_up",
    }  # fmt: skip


def test_shares_of_the_last_load_are_judged() -> None:
    payments = TableLoad("payments", 100, 94, {"other_currency": 3, "orphan_user": 3}, refused=6)
    users = TableLoad("users", 100, 100, {"bad_email": 50})
    found = checks(GOOD, tables=(users, payments))
    assert (found["refused_rows"].count, found["refused_rows"].value) == (6, 0.03)
    assert (found["other_currency"].state, found["other_currency"].count) == ("look", 3)
    assert (found["orphans"].state, found["orphans"].value) == ("look", 0.03)
    assert found["duplicate_keys"].count == 0


def test_the_limits_of_a_load_are_those_of_the_report() -> None:
    payments = TableLoad("payments", 100, 94, {"orphan_user": 6}, refused=6)
    thin = replace(GOOD, daily={"events": daily([*[100] * 199, 60])})
    usual = checks(thin, tables=(payments,))
    assert (usual["fewer_rows"].state, usual["refused_rows"].state) == ("look", "look")
    strict = DataSettings(least_day_share=0.9, most_refused_share=0.05)
    found = checks(thin, tables=(payments,), limits=strict)
    assert (found["fewer_rows"].state, found["refused_rows"].state) == ("unfit", "unfit")
    assert found["fewer_rows"].limit == pytest.approx(0.1)


def test_what_chance_could_make_is_no_thin_day() -> None:
    assert (
        checks(replace(GOOD, daily={"events": daily([*[30] * 199, 18])}))["fewer_rows"].value == 0
    )


def test_the_guide_tells_every_rule_with_its_limits() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guides" / "data.md").read_text("utf-8")
    table = guide.split("## Is the data good?")[1].split("\n## ")[0]
    rows = {
        code: [cell.strip() for cell in line.split("|")]
        for line in table.splitlines()
        for code in re.findall(r"`(\w+)`", line.split("|")[1] if line.startswith("| `") else "")
    }
    assert set(rows) == {rule.code for rule in rules.RULES}
    for rule in rules.RULES:
        told = float(re.findall(r"[\d.]+", rows[rule.code][3])[0])
        assert told == pytest.approx(rule.look * (100 if "%" in rows[rule.code][3] else 1))
        if rows[rule.code][4] and "`" not in rows[rule.code][4]:
            told = float(re.findall(r"[\d.]+", rows[rule.code][4])[0])
            assert told == pytest.approx(rule.unfit * (100 if "%" in rows[rule.code][4] else 1))
        else:
            assert rule.unfit in (0.5, inf)

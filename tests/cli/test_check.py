"""`retention check`: the report as a table, as JSON, as a page; and the status that cron reads."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from retention_tui.cli import run

MAPPING = """\
[business]
name = "T"
currency = "CNY"
timezone = "Asia/Shanghai"
[churn]
rule = "inactive"
horizon_days = 14
active_within_days = 14
[tables.users]
source = "users.csv"
[tables.events]
source = "events.csv"
"""
DAYS = [date(2025, 6, 1) + timedelta(days=n) for n in range(100)]
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}[red]"


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Ten users, a hundred days, three rows in the quarantine, one of them hostile."""
    (tmp_path / "retention.toml").write_text('[workspace]\noperator = "tester"\n', "utf-8")
    (tmp_path / "mapping.toml").write_text(MAPPING, "utf-8")
    users = "".join(f"u{n},2025-05-01,N{n},u{n}@example.com,true\n" for n in range(10))
    head = "user_id,signed_up_at,name,email,marketing_consent\n"
    (tmp_path / "users.csv").write_text(head + users, "utf-8")
    events = "".join(
        f"e{d}-{n},u{n},{day} 0{n}:10:00,search,web\n"
        for d, day in enumerate(DAYS)
        for n in range(10)
    )
    bad = f'b1,nobody,2025-07-01,"{HOSTILE}",web\nb2,u1,yesterday,search,web\nb3,u2,,search,web\n'
    (tmp_path / "events.csv").write_text(
        "event_id,user_id,occurred_at,kind,device\n" + events + bad, "utf-8"
    )
    assert run(["load", "--workspace", str(tmp_path)]) == 0
    capsys.readouterr()
    return tmp_path


def call(
    folder: Path, capsys: pytest.CaptureFixture[str], *words: str, language: str = "en"
) -> tuple[int, str]:
    status = run(["check", *words, "--workspace", str(folder), "--lang", language])
    return status, capsys.readouterr().out


def facts(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    status, out = call(folder, capsys, "--json")
    assert status == 0
    return json.loads(out)


def test_the_json_has_stable_keys_and_adds_up(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = facts(folder, capsys)
    assert set(found) == {
        "summary", "verdict", "words", "checks", "tables", "columns", "quarantined", "quarantine",
        "unknown_kinds", "features",
    }  # fmt: skip
    assert found["verdict"] == "fit"
    for item in found["checks"]:
        assert set(item) == {"code", "state", "count", "value", "limit", "words", "advice"}
    events = next(table for table in found["tables"] if table["table"] == "events")
    assert (events["read"], events["rows"], events["refused"]) == (1_003, 1_000, 3)
    assert sum(events["daily"]) == 1_000
    assert sum(found["quarantined"]["events"].values()) == 3
    assert {group["reason"]: group["count"] for group in found["quarantine"]} == found[
        "quarantined"
    ]["events"]
    assert all(group["computed"] <= group["total"] for group in found["features"])
    lacking = {need for group in found["features"] for need in group["lacking"]}
    assert "payments" in lacking
    assert "events" not in lacking


def test_the_same_data_give_the_same_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert facts(folder, capsys) == facts(folder, capsys)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_table_says_what_the_json_says(
    folder: Path, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    found = facts(folder, capsys)
    status, out = call(folder, capsys, language=language)
    assert status == 0
    assert found["words"][language] in out
    for item in found["checks"]:
        assert item["words"][language] in out
    for group in found["quarantine"]:
        assert re.search(rf"events +{group['count']} +{group['reason']}", out)


def test_cron_is_told_by_strict(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(folder, capsys, "--strict")[0] == 0
    text = (folder / "mapping.toml").read_text("utf-8")
    (folder / "mapping.toml").write_text(text.replace("= 14", "= 60"), "utf-8")
    assert run(["load", "--workspace", str(folder)]) == 0
    capsys.readouterr()
    status, out = call(folder, capsys, "--json")
    assert (status, json.loads(out)["verdict"]) == (0, "unfit")
    assert call(folder, capsys, "--strict")[0] == 1


class Page(HTMLParser):
    """Collects the text; scripts and outside addresses would show as tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_holds_the_same_numbers_and_asks_nothing_of_the_outside(
    folder: Path, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    found = facts(folder, capsys)
    path = folder / "data.html"
    assert call(folder, capsys, "--report", str(path), language=language)[0] == 0
    html = path.read_text("utf-8")
    assert not re.search(r"https?:|//|<script|<link|<img|@import|url\(", html)
    page = Page(html)
    assert "svg" in page.tags
    for item in found["checks"]:
        assert item["words"][language] in page.text
    for column in found["columns"]:
        assert f"{column['table']}.{column['column']}" in page.text
    shown = next(row for group in found["quarantine"] for row in group["examples"]
                 if "script" in row)  # fmt: skip
    assert shown in page.text  # as text, whole


def test_a_page_that_cannot_be_written_leaves_the_old_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "file").write_text("old", "utf-8")
    assert call(folder, capsys, "--report", str(folder / "file" / "data.html"))[0] == 1
    assert (folder / "file").read_text("utf-8") == "old"

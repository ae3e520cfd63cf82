"""The whole loop in a real terminal, from an empty folder to a promoted challenger."""

from __future__ import annotations

import csv
import re
from email import policy
from email.parser import BytesParser
from pathlib import Path

import pytest
from tmux_terminal import Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MAKING_S = 180.0
"""The small sample promises about a minute; other work on the machine may stretch it."""
MARKED = 6
"""Users written to: enough that a holdout of a tenth never takes all of them."""


def number(pattern: str, text: str) -> int:
    """The number that `pattern` captures in `text`."""
    found = re.search(pattern, text)
    assert found is not None, f"{pattern!r} is not in:\n{text}"
    return int(found.group(1).replace(",", ""))


def test_an_empty_folder_becomes_a_measured_campaign_and_a_new_champion(
    empty_folder: Terminal,
) -> None:
    app, folder = empty_folder, empty_folder.folder
    modes_before = app.shell("stty -g")
    app.start()
    make_the_small_sample(app)
    high = filter_in_chinese(app)
    read_the_reasons(app)
    sent = write_and_send(app, folder)
    logged = read_the_log(app)
    exported = export_the_log(app, folder)
    assert len(exported) == logged
    newest = max(exported, key=lambda row: row["decided_at"])
    today = [row for row in exported if row["campaign_id"] == newest["campaign_id"]]
    assert len(today) == MARKED
    assert sum(row["status"] == "sent" for row in today) == sent
    challenger = retrain_and_promote(app)
    switch_language(app)

    app.press("q")
    assert app.wait_for_exit() == 0
    assert app.processes() == {}
    assert app.format("alternate_on") == "0"
    assert app.format("cursor_flag") == "1"
    assert app.format("mouse_any_flag") == "0"
    assert app.shell("stty -g") == modes_before

    the_command_line_agrees(app, high=high, logged=logged, champion=challenger)


def make_the_small_sample(app: Terminal) -> None:
    """First run: the function key of the small sample; the list comes by itself."""
    app.wait_for(r"s f3 .*2,000")
    app.press("F3")
    app.wait_for(r"生成示例 \[", timeout_s=20)
    app.wait_for(r"^    1 .*0\.\d\d (低|中|高|极高) ", timeout_s=MAKING_S)


def filter_in_chinese(app: Terminal) -> int:
    """Text as an input method commits it; only that band stays. Returns how many have it."""
    high = number(r" 高 ([\d,]+)  中 ", app.screen())
    app.press("/")
    app.write("等级:高")
    app.press("Enter")
    text = app.wait_for(rf"^ 1-\d+ / {high:,}\b")
    bands = re.findall(r"^ +\d+ .* \d\.\d\d (\S+)", text, re.MULTILINE)
    assert bands
    assert set(bands) == {"高"}
    return high


def read_the_reasons(app: Terminal) -> None:
    """The user's own screen: share and direction of each reason, and what happened lately."""
    name = re.search(r"^ +\d+ (\S+)", app.screen(), re.MULTILINE)
    assert name is not None
    app.press("Enter")
    text = app.wait_for(r"^ 风险原因  ")
    assert text.splitlines()[1].split()[0] == name.group(1)
    assert re.search(r" [+-]\d\.\d\d +\d+% ", text), text
    assert "最近动态" in text
    app.press("Escape")
    app.wait_for(r"^ 1-\d+ / ")


def write_and_send(app: Terminal, folder: Path) -> int:
    """Mark, preview, approve, send; returns how many messages are in the outbox."""
    app.press(*["Space"] * MARKED)  # each moves the cursor on
    app.wait_for(rf"(?:^\*[^\n]*\n){{{MARKED}}}")
    app.press("i")
    app.wait_for(rf"写给 {MARKED} 位用户")
    promised = number(r"将发送 +(\d+)", app.wait_for(r"将发送 +\d+"))
    app.press("F10")
    text = app.wait_for("批准并发送？")
    sent = number(r"(\d+) 封邮件将进入发件箱", text)
    assert sent == promised > 0
    assert not list((folder / "outbox").glob("*.eml"))
    app.press("Enter")
    app.wait_for(f"已将 {sent} 封邮件送入发件箱")
    files = sorted((folder / "outbox").glob("*.eml"))
    assert len(files) == sent
    message = BytesParser(policy=policy.default).parsebytes(files[0].read_bytes())
    assert message["Subject"]
    assert message["To"]
    return sent


def read_the_log(app: Terminal) -> int:
    """All that were planned stand on top, sent or not; returns the number of rows."""
    app.press("7")
    text = app.wait_for(r"(?s)决定时间.*^ 1-\d+ / [\d,]+")
    lines = text.splitlines()
    head = next(place for place, line in enumerate(lines) if "决定时间" in line)
    newest = lines[head + 1 : head + 1 + MARKED]
    assert len({line[:18] for line in newest}) == 1, text
    assert any("已发送" in line for line in newest), text
    return number(r"(?m)^ 1-\d+ / ([\d,]+)", text)


def export_the_log(app: Terminal, folder: Path) -> list[dict[str, str]]:
    """The first format of the dialogue; the rows of the file."""
    app.press("e")
    app.wait_for("导出干预日志")
    app.press("Enter")
    app.wait_for(r"已导出 [\d,]+ 行")
    (path,) = (folder / "exports").glob("interventions-*.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def retrain_and_promote(app: Terminal) -> str:
    """Train beside the champion, read the verdict, promote; returns the new champion."""
    app.press("4")
    text = app.wait_for(r"没有待定的挑战者")
    old = re.search(r"现任 .* (\S+)$", text, re.MULTILINE)
    app.press("R")
    app.wait_for("训练一个挑战者？")
    app.press("Enter")
    app.wait_for(r"^ 训练 \[")
    text = app.wait_for(r"^ 评审(建议|不建议)", timeout_s=MAKING_S)
    new = re.search(r"^ 挑战者 +\S+ +(\d{8}-\S+)", text, re.MULTILINE)
    assert old is not None, text
    assert new is not None, text
    assert old.group(1) != new.group(1)
    assert re.search(r"^ 现任 +0\.\d{3}", text, re.MULTILINE), text
    assert re.search(r"^ 挑战者 +0\.\d{3}", text, re.MULTILINE), text
    # Which kind is chosen is up to the data.
    serving = re.search(rf"现任  \S+  {old.group(1)}", text)
    assert serving is not None, "training promotes nothing by itself"
    app.press("F9")
    app.wait_for("让挑战者上任？")
    app.press("Enter")
    app.wait_for(f"^ 现任 .* {new.group(1)}$")
    return new.group(1)


def switch_language(app: Terminal) -> None:
    app.press("Z")
    text = app.wait_for(r"^ In service ")
    assert "4 Models" in text
    assert "? help" in text
    assert "q quit" in text


def the_command_line_agrees(app: Terminal, *, high: int, logged: int, champion: str) -> None:
    """The same folder by the command line: the list, the log and the model in service."""
    cards = app.retention("models")
    assert [card["model_id"] for card in cards if card["state"] == "champion"] == [champion]
    page = app.retention("rank", "--top", "5", "--filter", "等级:高")
    assert page["total"] == high
    assert app.retention("export", "interventions")["rows"] == logged
    app.retention("score")
    assert app.retention("rank", "--top", "1")["model_id"] == champion

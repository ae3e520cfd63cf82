"""A table without a time axis, from the file to the outbox: the list in two commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from retention_tui.cli import run

pytestmark = pytest.mark.slow


def command(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> Any:
    status = run([*words, "--workspace", str(folder), "--lang", "en", "--json"])
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return json.loads(captured.out)


def test_from_file_to_outbox(
    static_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = tmp_path / "workspace"
    loaded = command(capsys, workspace, "load", str(static_table / "mapping.toml"))
    assert {table["table"]: table["kept"] for table in loaded["tables"]} == {
        "users": 420,
        "user_sensitive": 420,
        "outcomes": 420,
    }
    made = command(capsys, workspace, "train", "--score")
    card, rows = made["card"], made["list"]["rows"]
    assert card["kind"] == "cross_fit"
    assert card["state"] == "champion"
    assert card["test"]["n"] == 420  # everybody, each by a model that has not seen him
    assert card["test"]["roc_auc"] > 0.7
    stayed = card["test"]["n"] - card["test"]["positives"]
    assert made["score"]["users"] == made["list"]["total"] == stayed
    assert made["score"]["value_at_risk"] > 0  # the fee, every 30 days
    assert all(row["reason"]["en"] for row in rows)
    assert rows == sorted(rows, key=lambda row: -row["value_at_risk"])

    first = rows[0]["user_id"]
    why = command(capsys, workspace, "why", first)["explanation"]
    total = sum(reason["contribution"] for reason in why["reasons"]) + why["remainder"]
    assert total == pytest.approx(why["log_odds"] - why["baseline_log_odds"], abs=1e-6)
    groups = {reason["group"] for reason in why["reasons"]}
    assert {"history", "term_ending"} <= groups  # by the mapping, and by the name "contract"
    assert card["test"].items() <= command(capsys, workspace, "evaluate").items()
    for asked in ("whatif", "similar"):
        assert run([asked, first, "--workspace", str(workspace), "--lang", "en"]) == 1
        assert "no time axis" in capsys.readouterr().err
    whole = command(capsys, workspace, "insight")
    assert whole["groups"][0]["group"] in ("history", "term_ending")  # as planted
    assert whole["rows"] == 420

    plan = command(capsys, workspace, "plan", "--limit", "20", "--percent", "10")
    assert plan["to_send"] + plan["held_out"] == 20
    command(capsys, workspace, "approve", plan["plan_id"])
    sent = command(capsys, workspace, "send", plan["plan_id"])
    assert sent["sent"] == plan["to_send"]
    assert len(list((workspace / "outbox").rglob("*.eml"))) == sent["sent"]
    outcomes = command(capsys, workspace, "outcomes")
    assert (outcomes["closed"], outcomes["still_open"]) == (0, 20)
    exported = command(capsys, workspace, "export", "reasons", "--format", "csv")
    assert exported["rows"] > stayed

    assert run(["monitor", "--workspace", str(workspace), "--lang", "en"]) == 1
    assert "without a time axis has no past" in capsys.readouterr().err

    # A challenger on the same rows scores exactly as the champion: nothing to win.
    again = command(capsys, workspace, "train")
    assert not again["verdict"]["wins"]
    assert again["verdict"]["log_loss_difference"]["estimate"] == 0
    assert again["labels"]["treated_before"] == sent["sent"]


def test_what_a_table_without_time_cannot_do_is_said(
    static_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = tmp_path / "workspace"
    command(capsys, workspace, "load", str(static_table / "mapping.toml"))
    for words, said in (
        (("train", "--as-of", "2026-01-01"), "knows no other time"),
        (("train", "--model", "churn_net"), "cannot learn from a table without a time axis"),
    ):
        assert run([*words, "--workspace", str(workspace), "--lang", "en"]) == 2
        assert said in capsys.readouterr().err


def test_a_column_that_holds_the_answer_stops_the_training(
    static_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = static_table / "mapping.toml"
    text = mapping.read_text("utf-8")
    mapping.write_text(text.replace('"always"]', '"gone"]'), "utf-8")
    workspace = tmp_path / "workspace"
    command(capsys, workspace, "load", str(mapping))
    assert run(["train", "--workspace", str(workspace), "--lang", "en"]) == 1
    assert "gone (AUC 1.000)" in capsys.readouterr().err
    assert command(capsys, workspace, "models") == []


def test_loading_makes_no_workspace_of_a_folder_in_use(
    static_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    used = tmp_path / "used"
    used.mkdir()
    (used / "notes.txt").write_text("mine", "utf-8")
    mapping = str(static_table / "mapping.toml")
    assert run(["load", mapping, "--workspace", str(used)]) == 2
    assert [path.name for path in used.iterdir()] == ["notes.txt"]
    assert run(["load", str(used / "none.toml"), "--workspace", str(tmp_path / "new")]) == 2
    assert not (tmp_path / "new").exists()
    assert "retention init" in capsys.readouterr().err

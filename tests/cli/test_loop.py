"""The whole loop by the command line, on a small sample: each answer agrees with the next."""

from __future__ import annotations

import csv
import json
import re
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from retention_tui.cli import run

pytestmark = pytest.mark.slow

EVALUATE_KEYS = {
    "n", "positives", "roc_auc", "average_precision", "log_loss", "brier", "ece", "accuracy",
    "precision", "recall", "f1", "confusion", "lift_at_10", "cutoffs", "model",
}  # fmt: skip


class Shell:
    """Runs `retention` in one workspace and reads what it prints."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def status(self, *words: str) -> tuple[int, str, str]:
        status = run([*words, "--workspace", str(self.folder), "--lang", "en"])
        captured = self._capsys.readouterr()
        return status, captured.out, captured.err

    def json(self, *words: str) -> Any:
        status, out, err = self.status(*words, "--json")
        assert status == 0, err
        return json.loads(out)


@pytest.fixture
def shell(workspace_copy: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(workspace_copy, capsys)


def test_rank_why_and_evaluate_agree(shell: Shell) -> None:
    page = shell.json("rank", "--top", "20")
    assert [row["rank"] for row in page["rows"]] == list(range(1, 21))
    at_risk = [row["value_at_risk"] for row in page["rows"]]
    assert at_risk == sorted(at_risk, reverse=True)
    first = page["rows"][0]
    why = shell.json("why", first["user_id"])
    assert why["row"]["risk"] == first["risk"]
    explanation = why["explanation"]
    total = sum(reason["contribution"] for reason in explanation["reasons"])
    assert total + explanation["remainder"] == pytest.approx(
        explanation["log_odds"] - explanation["baseline_log_odds"], abs=1e-6
    )
    assert first["reason"] in [reason["words"] for reason in explanation["reasons"]]
    measured = shell.json("evaluate")
    assert set(measured) >= EVALUATE_KEYS
    champion = next(card for card in shell.json("models") if card["state"] == "champion")
    assert {key: measured[key] for key in champion["test"]} == champion["test"]
    assert measured["by_cutoff"] == champion["by_cutoff"]
    assert measured["calibration"] == champion["calibration"]
    assert sum(part["n"] for part in measured["by_cutoff"]) == measured["n"]


def test_filters_and_sorting_reach_every_row(shell: Shell) -> None:
    everyone = shell.json("rank", "--top", "5000")
    assert len(everyone["rows"]) == everyone["total"]
    by_risk = shell.json("rank", "--top", "5000", "--sort", "risk")
    risks = [row["risk"] for row in by_risk["rows"]]
    assert risks == sorted((row["risk"] for row in everyone["rows"]), reverse=True)
    wanted = [row["user_id"] for row in everyone["rows"] if row["risk"] > 0.3]
    found = shell.json("rank", "--top", "5000", "--filter", "risk>0.3")
    assert [row["user_id"] for row in found["rows"]] == wanted
    assert found["total"] == len(wanted)


def test_plan_approve_send_log_export(shell: Shell) -> None:
    before = shell.json("plan", "--limit", "40", "--dry-run")
    plan = shell.json("plan", "--limit", "40", "--holdout", "0.3", "--campaign", "autumn")
    assert plan["gates"][0]["gate"] == "selected"
    assert before["gates"][0]["remaining"] == plan["gates"][0]["remaining"] == 40
    assert plan["held_out"] > 0
    status, _, err = shell.status("send", plan["plan_id"])
    assert status == 1
    assert "approve" in err
    assert shell.json("approve", plan["plan_id"])["status"] == "approved"
    sent = shell.json("send", plan["plan_id"])
    assert sent["sent"] == plan["to_send"] > 0
    again = shell.json("send", plan["plan_id"])
    assert (again["sent"], again["already_sent"]) == (0, sent["sent"])
    files = sorted((shell.folder / "outbox").glob("*.eml"))
    assert len(files) == sent["sent"]
    message = BytesParser(policy=policy.default).parsebytes(files[0].read_bytes())
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    out = shell.folder / "log.csv"
    report = shell.json("export", "interventions", "--out", str(out))
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["batch_id"] == plan["plan_id"]]
    assert report["rows"] >= len(rows) == 40
    arms = {row["arm"] for row in rows}
    assert {"treat", "holdout"} <= arms
    for row in rows:
        if row["arm"] == "holdout":
            assert float(row["p_assign"]) == pytest.approx(0.3)
            assert row["status"] == "held_out"
        if row["arm"] == "treat":
            assert float(row["p_assign"]) == pytest.approx(0.7)
    with duckdb.connect(str(shell.folder / "behaviour.duckdb"), read_only=True) as connection:
        people = connection.execute(
            "SELECT name, email FROM users WHERE length(name) > 1 AND email <> ''"
        ).fetchall()
    exported = out.read_text("utf-8-sig")
    assert not [person for person in people if person[0] in exported or person[1] in exported]
    assert shell.status("audit", "verify")[0] == 0
    assert shell.json("outcomes")["still_open"] >= 40


@pytest.mark.parametrize("kind", ["ranking", "interventions", "reasons", "effects", "audit"])
@pytest.mark.parametrize("file_format", ["csv", "parquet", "jsonl", "xlsx"])
def test_every_export_in_every_format(shell: Shell, kind: str, file_format: str) -> None:
    report = shell.json("export", kind, "--format", file_format)
    path = Path(report["path"])
    assert path.parent == shell.folder / "exports"
    assert path.stat().st_size > 0


def test_retraining_uses_the_log_and_rolls_back(shell: Shell) -> None:
    first = shell.json("models")[0]["model_id"]
    logs = shell.folder / "logs" / "board"
    card = shell.json("train", "--model", "hist_gradient_boosting", "--tensorboard", str(logs))
    assert [run.name[:6] for run in logs.iterdir()] == ["train-"]
    assert card["state"] == "candidate"
    labels = card["labels"]
    assert labels["treated_inside"] == labels["dropped"] > 0
    assert labels["holdout"] > 0
    assert card["verdict"]["log_loss_difference"] is not None
    assert shell.json("promote", card["model_id"])["state"] == "champion"
    run_id = shell.json("score")["scoring_run_id"]
    assert shell.json("score")["scoring_run_id"] == run_id
    assert shell.json("rank", "--top", "1")["model_id"] == card["model_id"]
    assert shell.json("rollback")["model_id"] == first


def test_words_of_the_list_are_complete_in_both_languages(shell: Shell) -> None:
    page = shell.json("rank", "--top", "5000")
    han = re.compile(r"[\u4e00-\u9fff]")
    for row in page["rows"]:
        assert han.search(row["reason"]["zh"]), row
        assert row["reason"]["en"].isascii() or not han.search(row["reason"]["en"]), row

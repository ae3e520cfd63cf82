"""`retention why`: what is told adds up, and a user without a risk is told why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.places import Places
from engine.store.lease import lease
from retention_tui.cli import run

pytestmark = pytest.mark.slow


def said(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str, str]:
    status = run([*words, "--workspace", str(folder), "--lang", "en"])
    told = capsys.readouterr()
    return status, told.out, told.err


def facts(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> Any:
    status, out, err = said(capsys, folder, *words, "--json")
    assert status == 0, err
    return json.loads(out)


def test_the_lines_of_why_add_up(
    sample_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    user = facts(capsys, sample_workspace, "rank", "--top", "1")["rows"][0]["user_id"]
    whole = facts(capsys, sample_workspace, "why", user)
    explanation, told = whole["explanation"], whole["principal"]
    parts = [*told["raising"], *told["staying"], told["further"]]
    total = sum(part["contribution"] for part in parts) + told["remainder"]
    assert total == pytest.approx(explanation["log_odds"] - explanation["baseline_log_odds"])
    status, out, _ = said(capsys, sample_workspace, "why", user)
    assert status == 0
    for reason in (*told["raising"], *told["staying"]):
        assert f"{reason['contribution']:+6.2f}" in out
        assert reason["words"]["en"] in out
    assert any("4 weeks before" in reason["words"]["en"] for reason in explanation["reasons"])


def test_who_is_not_scored_is_told_why(
    sample_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(sample_workspace)
    with lease(places.behaviour, attach={"ledger": places.ledger}) as connection:
        ((left_out,),) = connection.execute(
            "SELECT min(user_id) FROM users WHERE user_id NOT IN (SELECT user_id FROM ledger.score)"
        ).fetchall()
    status, out, err = said(capsys, sample_workspace, "why", left_out)
    assert (status, out) == (0, "")
    assert err.startswith(f"{left_out} has no risk: ")
    assert "the scoring of" in err
    assert facts(capsys, sample_workspace, "why", left_out, "--weeks")["unscored"]["zh"]

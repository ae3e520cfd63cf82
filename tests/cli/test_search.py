"""`retention train --search` and what `retention models ID --trials` shows of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retention_tui.cli import run

pytestmark = pytest.mark.slow


def test_trials_are_kept_with_the_model_and_shown(
    workspace_copy: Path, static_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def retention(*words: str, folder: Path = workspace_copy) -> tuple[int, str, str]:
        status = run([*words, "--workspace", str(folder), "--lang", "en"])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    status, out, err = retention(
        "train", "--model", "hist_gradient_boosting", "--search", "1", "--json"
    )
    assert status == 0, err
    model_id = json.loads(out)["model_id"]
    status, out, _ = retention("models", model_id, "--trials", "--json")
    trials = json.loads(out)
    assert status == 0
    assert {trial["kind"] for trial in trials} == {"hist_gradient_boosting"}
    assert trials[0]["parameters"]["max_leaves"] == 23  # the settings in use are tried first
    assert all(trial["valid_log_loss"] < 1 and trial["seconds"] > 0 for trial in trials)
    status, out, _ = retention("models", model_id, "--trials")
    assert status == 0
    assert len(out.splitlines()) == len(trials) + 1
    assert "max_leaves 23" in out
    status, _, said = retention("models", "--trials")  # the champion's
    assert status == 0
    assert "was trained without a search" in said
    status, out, _ = retention("models", model_id)
    assert status == 0
    assert "ROC-AUC" in out

    table = tmp_path / "table"
    retention("load", str(static_table / "mapping.toml"), folder=table)
    status, _, err = retention("train", "--search", "1", folder=table)
    assert status == 2
    assert "needs no search" in err

"""`retention monitor`: tables that fit 80 cells, stable JSON, and the status that cron reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from engine.monitor.report import MonitorReport
from engine.workspace import Workspace
from engine.workspace.monitor import Monitor
from retention_tui.cli import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def looked(sample_workspace: Path) -> MonitorReport:
    return Workspace.open(sample_workspace).monitor.look(fairness=True, stress=True)


@pytest.fixture
def known(looked: MonitorReport, monkeypatch: pytest.MonkeyPatch) -> list[MonitorReport]:
    """What `look` answers: one real report, which a test may replace."""
    answer = [looked]
    monkeypatch.setattr(Monitor, "look", lambda self, **asked: answer[0])
    return answer


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.usefixtures("known")
def test_tables_fit_a_terminal(
    language: str, sample_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(["monitor", "-w", str(sample_workspace), "--lang", language])
    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert len(lines) > 30
    tables = [line for line in lines if "  " in line.strip()]
    assert not [line for line in tables if cell_len(line) > 80]


def test_json_has_the_documented_keys(
    sample_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["monitor", "--fairness", "--json", "-w", str(sample_workspace)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == [
        "model_id", "scoring_run_id", "cutoff", "drift", "estimate", "fairness", "stress",
        "seconds",
    ]  # fmt: skip
    assert told["stress"] is None
    assert told["drift"]["verdict"] in {"none", "some", "strong"}
    assert {"column", "label", "psi", "psi_limit", "importance", "shifted"} <= set(
        told["drift"]["columns"][0]
    )
    assert {one["metric"] for one in told["estimate"]["figures"]} >= {"roc_auc", "precision"}
    assert {"within_limit", "limit", "smallest_group", "groups"} <= set(told["fairness"])


def test_strict_tells_cron_and_only_strict(
    known: list[MonitorReport], sample_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["-w", str(sample_workspace)]
    calm = known[0]
    assert run(["monitor", "--strict", *folder]) == 0
    known[0] = replace(calm, drift=replace(calm.drift, verdict="strong"))
    assert run(["monitor", *folder]) == 0
    assert run(["monitor", "--strict", *folder]) == 1
    assert calm.fairness is not None
    known[0] = replace(calm, fairness=replace(calm.fairness, within_limit=False))
    assert run(["monitor", "--strict", *folder]) == 1
    capsys.readouterr()

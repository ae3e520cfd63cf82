"""`retention monitor`: tables that fit 80 cells, stable JSON, and the status that cron reads."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len

from engine.monitor.report import MonitorReport
from engine.store.lease import lease
from engine.workspace import Workspace
from retention_tui.cli import run
from retention_tui.commands.monitor import show_monitor
from retention_tui.commands.session import Session

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def looked(sample_workspace: Path) -> MonitorReport:
    return Workspace.open(sample_workspace).monitor.look(fairness=True, stress=True)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_tables_fit_a_terminal(
    language: str,
    looked: MonitorReport,
    sample_workspace: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_monitor(Session(sample_workspace, language, as_json=False), looked)
    lines = capsys.readouterr().out.splitlines()
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
    workspace_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most events of the last month are gone, as after a half-done load."""
    folder = ["-w", str(workspace_copy)]
    assert run(["monitor", "--strict", *folder]) == 0
    workspace = Workspace.open(workspace_copy)
    scored = workspace.risk.latest()
    assert scored is not None
    with lease(workspace.places.behaviour, write=True) as connection:
        connection.execute(
            "DELETE FROM events WHERE hash(event_id) % 40 > 0 AND known_at > ?",
            [scored.cutoff - timedelta(days=30)],
        )
    for kept in workspace.places.features.glob(f"{scored.cutoff:%Y%m%d}-*"):
        kept.unlink()  # known by the digests of a load, which a DELETE does not touch
    assert run(["monitor", *folder]) == 0
    assert run(["monitor", "--strict", *folder]) == 1
    assert run(["refresh", "--json", *folder]) == 0
    told = capsys.readouterr().out
    assert '"verdict"' in told

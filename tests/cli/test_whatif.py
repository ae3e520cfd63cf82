"""`retention whatif` and `similar`: the run's own risk, both languages, nothing written."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from engine.errors import StateError
from engine.store.lease import lease
from engine.types import RankQuery
from engine.workspace import Workspace
from retention_tui.cli import run

pytestmark = pytest.mark.slow  # asks a trained model


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_first_and_the_last_of_the_list(
    sample_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace.open(sample_workspace)
    data = digest(workspace.places.behaviour)
    total = workspace.risk.page(RankQuery(), 0, 1).total
    for place in (0, total - 1):
        (row,) = workspace.risk.page(RankQuery(), place, 1).rows
        told = workspace.whatif.of(row.user_id)
        assert told.risk == pytest.approx(row.risk, abs=1e-6)
        assert told.run_risk == row.risk
        assert told.segment == row.segment
        assert told.possibilities
        risks = [one.risk for one in told.possibilities]
        assert risks == sorted(risks)
        for one in told.possibilities:
            assert one.change == pytest.approx(one.risk - told.risk)
        if told.pair is not None:
            assert told.pair.risk < risks[0]
            assert len(told.pair.codes) == 2

        near = workspace.similar.to(row.user_id)
        assert (len(near.stayed), len(near.left)) == (3, 3)
        for group in (near.stayed, near.left):
            assert [one.distance for one in group] == sorted(one.distance for one in group)
        everyone = [*near.stayed, *near.left]
        assert row.user_id not in {one.user_id for one in everyone}
        assert all(one.cutoff < near.cutoff for one in everyone)
    assert digest(workspace.places.behaviour) == data

    where = ["-w", str(sample_workspace)]
    assert run([*where, "--lang", "zh", "whatif", row.user_id]) == 0
    said = capsys.readouterr()
    assert told.possibilities[0].words.zh in said.out
    assert "不是已证实的效果" in said.err
    assert run([*where, "--lang", "en", "similar", row.user_id]) == 0
    said = capsys.readouterr()
    assert near.left[0].user_id in said.out
    assert "Alike is not why" in said.err
    assert run([*where, "--json", "whatif", row.user_id]) == 0
    assert json.loads(capsys.readouterr().out)["risk"] == told.risk


@pytest.mark.parametrize("command", ["whatif", "similar"])
def test_whom_the_run_does_not_know(
    command: str, sample_workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with lease(sample_workspace / "ledger.duckdb") as connection:
        scored = {row[0] for row in connection.execute("SELECT user_id FROM score").fetchall()}
    with lease(sample_workspace / "behaviour.duckdb") as connection:
        users = {row[0] for row in connection.execute("SELECT user_id FROM users").fetchall()}
    for user_id, words in (("no-such", "There is no user"), (min(users - scored), "not eligible")):
        assert run(["-w", str(sample_workspace), command, user_id]) == 2
        assert words in capsys.readouterr().err


def test_without_snapshots_similar_says_so(workspace_copy: Path) -> None:
    shutil.rmtree(workspace_copy / "features")
    workspace = Workspace.open(workspace_copy)
    (row,) = workspace.risk.page(RankQuery(), 0, 1).rows
    with pytest.raises(StateError, match="No features of past cutoffs"):
        workspace.similar.to(row.user_id)


@pytest.mark.parametrize("command", ["whatif", "similar"])
def test_before_the_first_run(
    command: str, workspace_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace_copy / "ledger.duckdb").unlink()
    assert run(["-w", str(workspace_copy), command, "u1"]) == 1
    assert "scored" in capsys.readouterr().err

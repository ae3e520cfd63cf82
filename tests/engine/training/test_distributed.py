"""Two processes on the CPU take the steps that one process takes on the joined batch."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from engine.errors import UsageError
from engine.jobs.together import main
from engine.training.device import choose_device
from engine.training.distributed import joined
from engine.training.team import Team

HERE = Path(__file__).parent


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    planter = HERE.parent / "conftest.py"
    alone, team = tmp_path / "alone.safetensors", tmp_path / "team.safetensors"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    subprocess.run(
        [*launch, "2", str(HERE / "team_fit.py"), str(planter), str(team)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())},
        check=True,
        capture_output=True,
        timeout=300,
    )
    spec = importlib.util.spec_from_file_location("team_fit", HERE / "team_fit.py")
    assert spec is not None
    assert spec.loader is not None
    team_fit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(team_fit)
    team_fit.fit(planter, alone)
    one, two = load_file(alone), load_file(team)
    assert one.keys() == two.keys()
    for name, weights in one.items():
        assert two[name] == pytest.approx(weights, abs=2e-4), name
    assert two["losses"] == pytest.approx(one["losses"], abs=1e-5)


def test_a_share_of_a_batch_holds_every_row_once() -> None:
    rows = np.arange(11)
    shares = [Team(rank, 3).share(rows) for rank in range(3)]
    assert sorted(np.concatenate([own for own, _ in shares])) == list(range(11))
    assert Team(2, 3).share(rows[:2]) == (np.array([0]), False)


def test_outside_torchrun_there_is_no_team(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="not one of a team"), joined():
        pass
    assert main([]) == 2
    assert "torchrun" in capsys.readouterr().err


def test_a_gpu_is_used_when_there_is_one_and_never_made_up() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no GPU"):
            choose_device("cuda")

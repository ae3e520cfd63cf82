"""Two trainings at once, and a training that is killed: the champion goes on serving."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from engine.errors import DatabaseBusy
from engine.registry import Registry
from engine.store.sole import sole_training
from engine.workspace import Workspace
from retention_tui.cli import run
from tests.engine.standing_child import standing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="kill -9 exists on POSIX systems only"),
]

CHILD = """
from engine.workspace import Workspace

def pause(stage, done, detail):
    if stage == sys.argv[2]:
        stand()

Workspace.open(sys.argv[1]).models.train(model="logistic", actor="child", progress=pause)
"""


def training(folder: Path, stage: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """A child that trains and stands still when it reaches `stage`."""
    return standing(CHILD, str(folder), stage)


def test_a_second_training_is_refused_and_a_killed_one_leaves_the_champion(
    static_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "workspace"
    for words in (("load", str(static_table / "mapping.toml")), ("train", "--model", "logistic")):
        assert run([*words, "--workspace", str(folder), "--lang", "en"]) == 0
    workspace = Workspace.open(folder)
    champion = workspace.models.champion()
    assert champion is not None
    for stage in ("cross_fit", "writing"):
        with training(folder, stage) as child:
            with pytest.raises(DatabaseBusy, match=f"by process {child.pid}\\."):
                workspace.models.train(actor="ada")
            assert run(["train", "--workspace", str(folder), "--lang", "en"]) == 3
            assert f"process {child.pid}" in capsys.readouterr().err
            child.send_signal(signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
        assert workspace.models.cards() == (champion,)
        assert workspace.models.champion() == champion
        registry = Registry(workspace.places.models, workspace.places.ledger)
        assert registry.load(champion.model_id).kind == "cross_fit"
        with sole_training(workspace.places.training):
            pass  # a lock outlives no process


def test_the_lock_ends_with_its_block(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    for _ in range(2):
        with sole_training(file):
            assert file.read_text() == str(os.getpid())
            with pytest.raises(DatabaseBusy, match=f"process {os.getpid()}"), sole_training(file):
                pass

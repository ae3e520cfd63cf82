"""Shared fixtures: one small sample workspace, made once a run and copied for tests that write."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")

SAMPLE_USERS = 1200
SAMPLE_MONTHS = 9
SAMPLE_SETTINGS = """\
[workspace]
mapping = "sample/mapping.toml"
operator = "tester"

[training]
cutoffs = 3
test_cutoffs = 1
max_epochs = 2
threads = 1
"""


@pytest.fixture(scope="session")
def sample_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded, trained and scored sample of 1,200 users; read it, do not write to it."""
    from engine.jobs.protocol import Reporter
    from retention_tui.demo import make

    base = tmp_path_factory.getbasetemp()
    # Under xdist every worker has its own base: they share the parent, and the first one builds.
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / "sample-workspace"
    with FileLock(str(folder) + ".lock"):
        if not (folder / "ready").exists():
            folder.mkdir()
            (folder / "retention.toml").write_text(SAMPLE_SETTINGS, "utf-8")
            make(
                folder,
                users=SAMPLE_USERS,
                months=SAMPLE_MONTHS,
                seed=7,
                reporter=Reporter(io.StringIO()),
            )
            (folder / "ready").write_text("", "utf-8")
    return folder


@pytest.fixture
def workspace_copy(sample_workspace: Path, tmp_path: Path) -> Path:
    """A copy of the sample workspace that a test may change."""
    return Path(shutil.copytree(sample_workspace, tmp_path / "workspace"))

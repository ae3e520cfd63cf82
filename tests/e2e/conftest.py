"""The terminal's helper is `tmux_terminal`; each test gets a terminal of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tmux_terminal import Terminal, available, terminal


@pytest.fixture
def empty_folder(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in an empty folder."""
    folder = tmp_path / "academy"
    folder.mkdir()
    yield from _terminal(folder, tmp_path / "home")


@pytest.fixture
def in_workspace(workspace_copy: Path, tmp_path: Path) -> Iterator[Terminal]:
    """A terminal in a copy of the sample workspace."""
    yield from _terminal(workspace_copy, tmp_path / "home")


def _terminal(folder: Path, home: Path) -> Iterator[Terminal]:
    missing = available()
    if missing:
        pytest.skip(missing)
    with terminal(folder, home) as opened:
        yield opened

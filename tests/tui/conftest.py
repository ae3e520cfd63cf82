"""Fixtures of the terminal's tests; helpers are in `tui_support`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tui_support import FakeEngineClient

from retention_tui.i18n import use_language


@pytest.fixture(autouse=True)
def _quiet_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.delenv("NO_COLOR", raising=False)
    yield
    use_language("zh")


@pytest.fixture
def fake(tmp_path: Path) -> FakeEngineClient:
    """An engine of 300 users that answers at once."""
    return FakeEngineClient(tmp_path)
